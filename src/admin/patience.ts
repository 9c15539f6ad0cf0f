// Patience with failed logins: so many for one address, so many for all of them together, each minute. Bounded in memory.
import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Clock, Milliseconds } from '../model/units.ts'
import { plainAddress } from '../routing/network.ts'

/** Failed logins of one address in a minute before it gets 429 instead of 401. */
const PER_ADDRESS = 10
/** Of all addresses together: who has many of them gets no further. */
const TOGETHER = 300
const WINDOW_MS = 60_000
/** Addresses that are remembered; beyond it the longest unseen are forgotten. */
const ADDRESSES = 10_000

export interface Patience {
  /** Counts a failed login. Milliseconds until it makes sense to try again; null: the budget has room. */
  failed(address: string): Milliseconds | null
}

interface Window {
  count: number
  since: Milliseconds
}

export function createPatience(clock: Clock): Patience {
  const byAddress = new LRUCache<string, Window>({ max: ADDRESSES })
  let together: Window = { count: 0, since: clock.monotonic() }

  function counted(known: Window | undefined, now: Milliseconds): Window {
    const current = known === undefined || now - known.since > WINDOW_MS ? { count: 0, since: now } : known
    current.count++
    return current
  }

  return {
    failed(address) {
      const now = clock.monotonic()
      const network = networkOf(address)
      const own = counted(byAddress.get(network), now)
      byAddress.set(network, own)
      together = counted(together, now)
      const spent = own.count > PER_ADDRESS ? own : together.count > TOGETHER ? together : null
      return spent === null ? null : spent.since + WINDOW_MS - now
    },
  }
}

/** An IPv6 host has a whole /64 to call from; IPv4 as it is. */
function networkOf(address: string): string {
  const plain = plainAddress(address)
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const between = Array(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...between, ...right]
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}
