// Keeps what clients ask away from the listeners by which we are operated. Whatever a backend is called, where a connection
// leads is known once it is open: one that ends at such a listener is closed before a byte of a request is on it.
import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock, Milliseconds } from '../model/units.ts'
import { plainAddress } from '../routing/network.ts'

const LOG_EVERY_MS: Milliseconds = 60_000
const EVERYWHERE = new Set(['0.0.0.0', '::'])

/** One of ours, as it is bound. */
export interface OwnListener {
  /** `admin.listen` … */
  readonly key: string
  readonly host: string
  readonly port: number
}

/** Both ends of a connection that is open. */
export type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress'>

/** Why a connection to a backend that has just been opened is not used; null: it is. */
export type Refuse = (ends: Ends) => Error | null

export interface RefuseParts {
  /** Who leads there, for the log. */
  readonly who?: string
  /** They become known one after the other, as they begin. */
  readonly own: () => readonly OwnListener[]
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: (level: 'error', message: string, details: Record<string, unknown>) => void
}

export function refuseOwn({ who = 'a backend', own, clock, log }: RefuseParts): Refuse {
  let loggedAt: Milliseconds | null = null
  return function refuse(ends) {
    const found = own().find(listener => endsAt(listener, ends))
    if (found === undefined) return null
    const now = clock.monotonic()
    if (loggedAt === null || now - loggedAt >= LOG_EVERY_MS) {
      loggedAt = now
      log('error', `${who} leads to our own listener (${found.key}): its connections are closed, unused`, {
        address: `${ends.remoteAddress}:${ends.remotePort}`,
      })
    }
    return Object.assign(new Error('our own listener'), { code: 'BANYAN_OWN_LISTENER' })
  }
}

function endsAt({ host, port }: OwnListener, ends: Ends): boolean {
  if (ends.remotePort !== port) return false
  return EVERYWHERE.has(host) ? isThisMachine(ends) : plainAddress(host) === plainAddress(ends.remoteAddress ?? '')
}

function isThisMachine(ends: Ends): boolean {
  const remote = plainAddress(ends.remoteAddress ?? '')
  // Whoever asks its own machine is mostly given the address that it asks as its own.
  if (remote === plainAddress(ends.localAddress ?? '') || remote.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === remote))
}
