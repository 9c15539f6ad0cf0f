// Leases in the SQLite file. One process has the file, so they are never contested; what asks for one need not know that.
//
// Runs in the store's own thread. The clock is this machine's.
import type { DatabaseSync } from 'node:sqlite'
import type { Milliseconds } from '../model/units.ts'
import { leaseLost } from './refusals.ts'
import type { Fence, Lease } from './store.ts'

/** Inside a transaction. */
export function takeLease(db: DatabaseSync, name: string, holder: string, forMs: Milliseconds): Lease | null {
  const now = Date.now()
  const held = db.prepare('SELECT holder, token, until FROM lease WHERE name = ?').get(name)
  const runs = typeof held?.holder === 'string' && Number(held.until) > now
  if (runs && held.holder !== holder) return null
  const token = Number(held?.token ?? 0)
  const taken = { token: runs ? token : token + 1, until: now + Math.ceil(forMs) }
  db.prepare(`INSERT INTO lease (name, holder, token, until) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token, until = excluded.until`).run(
    name,
    holder,
    taken.token,
    taken.until,
  )
  return taken
}

/** Inside a transaction. */
export function releaseLease(db: DatabaseSync, name: string, holder: string): null {
  db.prepare('UPDATE lease SET holder = NULL WHERE name = ? AND holder = ?').run(name, holder)
  return null
}

/** @throws BanyanError `lease_lost` */
export function refuseFenced(db: DatabaseSync, fence: Fence | null): void {
  if (fence === null) return
  const found = db.prepare('SELECT 1 FROM lease WHERE name = ? AND token = ? AND holder IS NOT NULL')
  if (found.get(fence.lease, fence.token) === undefined) throw leaseLost(fence)
}
