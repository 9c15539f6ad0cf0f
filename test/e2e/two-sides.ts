// Two scripted sides behind one route, and requests that say which side they are for: what each side hears, and what of its
// answer the client gets.
import type { Test } from 'tap'
import { type Banyan, startBanyan } from './harness.ts'
import { type Answer, type Asked, type Scripted, saying, scripted, sendBytes } from './scripted.ts'

export type Settings = Record<string, unknown>
export type Side = 'legacy' | 'new'
export const SIDES: readonly Side[] = ['legacy', 'new']

export interface TwoSides {
  readonly banyan: Banyan
  readonly sides: Readonly<Record<Side, Scripted>>
  /** What a client gets from this side, on a connection of its own. `fields` are lines. */
  from(side: Side, path?: string, fields?: string, method?: string): Promise<Answer>
}

export interface Wanted {
  /** Of the route `shop`, beside its two sides. */
  readonly route?: Settings
  readonly legacy?: Settings
  readonly new?: Settings
  /** Beside `shop`. */
  readonly proxy?: Settings
}

/** Anybody may pick a side, and half of those who do not are on new. */
export const PICKED: Settings = { weight: 50, override: { from: ['127.0.0.0/8'] } }

export async function twoSides(t: Test, wanted: Wanted = {}): Promise<TwoSides> {
  const sides = { legacy: await scripted(t, saying('of legacy')), new: await scripted(t, saying('of new')) }
  const banyan = await startBanyan(t, {
    ...(wanted.proxy === undefined ? {} : { proxy: wanted.proxy }),
    backends: { legacy: { url: sides.legacy.url }, new: { url: sides.new.url } },
    routes: [
      {
        id: 'shop',
        match: { path: '/*' },
        data: 'shared',
        ...PICKED,
        ...wanted.route,
        legacy: { backend: 'legacy', ...wanted.legacy },
        new: { backend: 'new', ...wanted.new },
      },
    ],
  })
  const from: TwoSides['from'] = (side, path = '/', fields = '', method = 'GET') => {
    const own = `Host: shop.example\r\nX-Banyan-Side: ${side}\r\nConnection: close\r\n`
    return sendBytes(t, banyan.port, `${method} ${path} HTTP/1.1\r\n${own}${fields}\r\n`).answer
  }
  return { banyan, sides, from }
}

/** Answers with these lines and a body, or, as HTTP wants it, without one. */
export function answering(fields: string, { status = '200 OK', body = 'ok' } = {}): Scripted['serve'] {
  return ({ head, socket }) => {
    const length = status.startsWith('304') ? '' : `Content-Length: ${body.length}\r\n`
    const sent = head.startsWith('HEAD ') || status.startsWith('304') ? '' : body
    socket.write(`HTTP/1.1 ${status}\r\n${fields}${length}\r\n${sent}`, 'latin1')
  }
}

/** Values of a field, one for each of its lines, in order. */
export function valuesOf(head: string, name: string): string[] {
  const lines = head.split('\r\n').slice(1)
  return lines
    .filter(line => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map(line => line.slice(name.length + 1).trim())
}

/** The lines that a client got, but for the one that says that the connection ends. */
export function linesOf(head: string): string {
  return head.slice(head.indexOf('\r\n') + 2, -2).replace('Connection: close\r\n', '')
}

/** What the side heard last. */
export function heard({ asked }: Scripted): Asked {
  const last = asked.at(-1)
  if (last === undefined) throw new Error('it was not asked')
  return last
}
