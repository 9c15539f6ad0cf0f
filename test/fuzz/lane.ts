// One Banyan with its backend that one input after the other goes through, so that whatever arrives belongs to that input.
import type { Test } from 'tap'
import { QUIRKS } from '../../src/model/route.ts'
import { type Banyan, startBanyan } from '../e2e/harness.ts'
import { type Arrived, type Backend, drip, strictBackend } from './backend.ts'
import type { Input } from './corpus.ts'

export interface Lane {
  readonly name: LaneName
  readonly banyan: Banyan
  readonly backend: Backend
  /** Answer to every request from now on but those for /next; null: one that counts. */
  script: Input | null
  /** Called when the script was performed. */
  performed(): void
}

/** How the backend is configured. */
const LANES = {
  standard: { proxy: { profile: 'standard' }, wire: {} },
  transparent: { proxy: {}, wire: {} },
  lenient: { proxy: {}, wire: { accept: [...QUIRKS] } },
  old: { proxy: {}, wire: { version: '1.0', chunkedRequests: 'buffer' } },
  /** Everything that looks into heads. */
  split: { proxy: {}, wire: {} },
} as const
export type LaneName = keyof typeof LANES

export async function openLane(t: Test, name: LaneName): Promise<Lane> {
  const { proxy, wire } = LANES[name]
  const backend = await strictBackend(t, (arrived, socket) => {
    if (lane.script === null || arrived.target.startsWith('/next')) socket.write(counted(arrived), 'latin1')
    else perform(lane.script, socket).then(() => lane.performed())
  })
  const banyan = await startBanyan(t, {
    proxy,
    ...(name === 'split' && { routes: [splitRoute(backend.url)] }),
    backends: { legacy: { url: backend.url, wire, timeouts: { head: '4s', idle: '4s' }, circuit: 'none' } },
  })
  const lane: Lane = { name, banyan, backend, script: null, performed() {} }
  return lane

  /** HTTP/1.1 or 1.0, as it was asked: the old one would wait for the close. */
  function counted({ method, target }: Arrived): string {
    const body = target.startsWith('/next') ? target : `seen ${backend.seen.length}`
    return `HTTP/1.1 200 OK\r\nX-Seen: ${backend.seen.length}\r\nContent-Length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`
  }
}

async function perform({ bytes, cuts, ending }: Input, socket: Parameters<typeof drip>[0]): Promise<void> {
  await drip(socket, bytes, cuts)
  if (ending === 'close') socket.end()
  else if (ending === 'reset') socket.resetAndDestroy()
}

/** Two sides with all policies; every user is on legacy. */
function splitRoute(url: string): Record<string, unknown> {
  const policies = {
    data: 'shared',
    cache: 'private-while-split',
    etag: 'per-side',
    leaks: 'rewrite',
    otherSideOn: [404],
  }
  return {
    id: 'all',
    match: { path: '/*' },
    legacy: { url, circuit: 'none', cookies: { prefix: 'l_', shared: ['a'] } },
    new: { url, circuit: 'none', cookies: { prefix: 'n_', shared: ['a'] } },
    sticky: ['cookie:sid', 'auto'],
    ...policies,
  }
}

/** Something that must never be, with the input that made it. */
export interface Finding {
  readonly lane: LaneName
  readonly kind: 'requests' | 'answers'
  readonly input: Input
  readonly what: string
}

/** What the log says that it never may. */
export function faultOf({ banyan }: Lane): string | null {
  const at = banyan.lines.findIndex(line => line.startsWith('error a request failed inside the proxy'))
  return at === -1 ? null : (banyan.lines.splice(at, 1)[0] as string)
}
