// The rules of `fleet` that need several keys at once.
import { isLoopback, readOrigin, writeAddress } from './addresses.ts'
import { type Checked, list, mapping } from './check-data.ts'
import type { Finding } from './mistakes.ts'

const SHARED = /^postgres(ql)?:/i

export function* checkFleet({ data, listeners }: Checked): Generator<Finding> {
  const fleet = mapping(data.fleet)
  const hasPeers = fleet.peers !== undefined
  const listens = listeners.some(({ name }) => name === 'fleet')
  if ((hasPeers || listens) && (fleet.secret === undefined || fleet.secret === '')) {
    yield {
      path: ['fleet', 'secret'],
      message: 'the secret is missing, by which instances know each other',
      allowed: 'at least 16 characters, the same for all instances, from outside of the text',
      hint: `write secret: "\${BANYAN_FLEET_SECRET}" and set it, for example to openssl rand -hex 32`,
    }
  }
  if (!hasPeers) return
  // One that was refused (a variable that is not set) is a mistake of its own: what it would name is not known.
  const isRefused = Object.hasOwn(data, 'store') && data.store === undefined
  if (!SHARED.test(String(data.store ?? '')) && !isRefused) {
    yield {
      path: ['fleet', 'peers'],
      message: 'peers share one store, and this store is for one instance',
      allowed: 'peers with store: postgres://…',
      hint: 'set store: postgres://…, or leave fleet.peers out',
    }
  }
  yield* checkReach(fleet.peers, listeners)
  const seen = new Map<string, number>()
  for (const [index, url] of list(fleet.peers).entries()) {
    const origin = readOrigin(String(url), 'peer')
    if (typeof origin !== 'string') continue
    if (seen.has(origin)) yield { path: ['fleet', 'peers', index], message: 'the peer stands in the list already' }
    seen.set(origin, index)
  }
}

/** Peers elsewhere cannot come in at a loopback address. */
function* checkReach(peers: unknown, listeners: Checked['listeners']): Generator<Finding> {
  const own = listeners.find(({ name }) => name === 'fleet') ?? listeners.find(({ name }) => name === 'admin')
  if (own === undefined || !isLoopback(own.at.host) || list(peers).some(isOnThisMachine)) return
  yield {
    path: ['fleet', 'peers'],
    level: 'warning',
    message: `peers on other machines do not reach ${writeAddress(own.at)}, where their rollbacks would come in`,
    allowed: 'fleet.listen at an address that they reach',
    hint: 'write listen: 0.0.0.0:9902 in fleet',
  }
}

function isOnThisMachine(url: unknown): boolean {
  const origin = readOrigin(String(url), 'peer')
  return typeof origin === 'string' && isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ''))
}
