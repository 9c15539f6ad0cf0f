// Introduces this instance to the others on its store: who it is, what it hears, what they may bring, and what it keeps on its
// own disk for when the store does not answer. One of them looks after what those left behind that are gone.
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { FastifyInstance } from 'fastify'
import { createFleetListener } from './admin/fleet.ts'
import { fingerprintOf } from './config/fingerprint.ts'
import type { Config } from './config/schema.ts'
import type { Configured } from './configured.ts'
import type { Control } from './control/control.ts'
import { createFleet, type Fleet } from './fleet/fleet.ts'
import { createPeers } from './fleet/peers.ts'
import { createReceiver, type Receiver } from './fleet/receive.ts'
import { type Listening, listen } from './listen.ts'
import type { LogLine } from './log.ts'
import type { Clock, EpochMs, Milliseconds } from './model/units.ts'
import type { WorkerState } from './plane/plane.ts'
import { POSTGRES_SCHEMA } from './store/postgres-schema.ts'
import type { Presence, Shared, Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** Records of an instance that is gone for so long are taken over by the next that starts. */
const GONE_MS: Milliseconds = 60_000
const TIDY_EVERY_MS: Milliseconds = 60_000
const TIDY_LEASE = 'janitor'
const WAIT_MS: Milliseconds = 1_250
/** A store that does not answer is not told that we go. */
const LEAVE_MS: Milliseconds = 1_500

export interface InstancesParts {
  readonly instance: string
  readonly clock: Clock
  readonly config: Config
  readonly store: Store
  readonly shared: Shared
  readonly startedAt: EpochMs
  readonly state: () => Presence['state']
  /** Where the admin API listens; null: not yet. */
  readonly admin: () => string | null
  readonly workers: () => readonly WorkerState[]
  /** null: it is not open yet. */
  readonly control: () => Control | null
  readonly configured: () => Configured
  /** What nobody has seen for so long is forgotten. */
  readonly ageMs: () => Milliseconds
  readonly log: LogLine
}

export interface Instances {
  readonly fleet: Fleet
  /** null: nobody may bring anything, because there is no secret. */
  readonly receiver: Receiver | null
  /** With the listener where peers come in, if there is one for them alone. */
  begin(): Promise<Listening | null>
  /** Others do not wait for it any more. */
  close(): Promise<void>
}

export function createInstances(parts: InstancesParts): Instances {
  const { instance, clock, config, store, shared, log } = parts
  const { peers: addresses, secret, listen: address } = config.fleet
  const prints = new WeakMap<Configured, string>()
  let server: FastifyInstance | null = null
  let tidying: NodeJS.Timeout | null = null

  function fingerprint(): string {
    const configured = parts.configured()
    let print = prints.get(configured)
    if (print === undefined) {
      print = fingerprintOf(configured.config)
      prints.set(configured, print)
    }
    return print
  }

  const peers =
    addresses === undefined || secret === null
      ? null
      : createPeers({
          instance,
          peers: addresses,
          secret,
          now: clock.now,
          nonce: () => randomBytes(16).toString('hex'),
          log,
        })
  const receiver = secret === null ? null : createReceiver({ instance, secret, clock, control: parts.control, log })
  const fleet = createFleet({
    instance,
    clock,
    shared,
    peers,
    presence: () => ({
      instance,
      version: VERSION,
      schema: POSTGRES_SCHEMA,
      revision: parts.control()?.stored() ?? 0,
      workers: parts.workers().map(({ worker, revision, pid }) => ({ worker, revision, pid })),
      configHash: fingerprint(),
      startedAt: parts.startedAt,
      state: parts.state(),
      place: placeOf(parts.admin()),
    }),
    control: parts.control,
    refusedAt: () => receiver?.refusedAt() ?? null,
    // A worker that hangs is pending after a second where it is; that has to be heard here, too.
    every: { waitMs: WAIT_MS },
    log,
  })

  async function tidy(): Promise<void> {
    const lease = await store.lease(TIDY_LEASE, instance, 2.5 * TIDY_EVERY_MS)
    if (lease !== null) await shared.sweep(parts.ageMs(), { lease: TIDY_LEASE, token: lease.token })
  }

  return {
    fleet,
    receiver,
    async begin() {
      // A store that does not answer is said elsewhere.
      tidying = setInterval(() => void tidy().catch(() => {}), TIDY_EVERY_MS)
      tidying.unref()
      let listening: Listening | null = null
      if (address !== null && receiver !== null) {
        server = createFleetListener({ receiver, log })
        listening = await listen(server, address, 'fleet.listen')
      }
      // Now that it serves: others wait for what it says. By a store that does not answer they do not hear it.
      const announced = fleet.announce()
      if (parts.control()?.healthy() === true) await announced
      return listening
    },
    async close() {
      if (tidying !== null) clearInterval(tidying)
      await server?.close()
      await Promise.race([fleet.close(), new Promise(resolve => setTimeout(resolve, LEAVE_MS).unref())])
    },
  }
}

/** Containers of one name are told apart by their network, where the system says it. */
function placeOf(admin: string | null): string | null {
  if (admin === null) return null
  let network = ''
  try {
    network = readlinkSync('/proc/self/ns/net')
  } catch {}
  return [hostname(), network, admin].join(' ')
}

/** What the last one of those that are gone has learned goes on here. */
export async function inheritRecords(shared: Shared, log: LogLine): Promise<void> {
  const from = await shared.inherit(GONE_MS)
  if (from !== null) log('info', 'what was learned by an instance that is gone goes on here', { from })
}
