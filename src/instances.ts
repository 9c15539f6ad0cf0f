// Introduces this instance to the others on its store: who it is, what it hears, what they may bring, and what it keeps on its
// own disk for when the store does not answer. One of them looks after what those left behind that are gone.
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { createFleetServer } from './admin/fleet.ts'
import { fingerprintOf } from './config/fingerprint.ts'
import type { Config } from './config/schema.ts'
import type { Configured } from './configured.ts'
import type { Control } from './control/control.ts'
import { createFleet, type Fleet } from './fleet/fleet.ts'
import { createPeers } from './fleet/peers.ts'
import { createReceiver, type Receive } from './fleet/receive.ts'
import { listen } from './listen.ts'
import type { LogLine } from './log.ts'
import type { Reached } from './model/control.ts'
import type { Clock, EpochMs, Milliseconds } from './model/units.ts'
import type { WorkerState } from './plane/plane.ts'
import { type Copy, createCopy } from './store/copy.ts'
import { MIGRATIONS } from './store/postgres-schema.ts'
import type { Presence, Shared, Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** Records of an instance that is gone for so long are taken over by the next that starts. */
const GONE_MS: Milliseconds = 60_000
const TIDY_EVERY_MS: Milliseconds = 60_000
const TIDY_LEASE = 'janitor'

export interface InstancesParts {
  readonly instance: string
  readonly clock: Clock
  readonly config: Config
  readonly store: Store
  readonly shared: Shared
  readonly directory: string
  readonly startedAt: EpochMs
  readonly state: () => Presence['state']
  readonly workers: () => readonly WorkerState[]
  readonly control: () => Control
  readonly configured: () => Configured
  /** Where what is in force runs by now. */
  readonly running: () => Promise<Reached>
  /** What nobody has seen for so long is forgotten. */
  readonly ageMs: () => Milliseconds
  readonly log: LogLine
}

export interface Instances {
  readonly copy: Copy
  readonly fleet: Fleet
  /** null: nobody may bring anything, because there is no secret. */
  readonly receive: Receive | null
  /** Hears and is heard; with an address where peers come in, if it has a listener of its own. */
  begin(): Promise<string | null>
  /** Others do not wait for it any more. */
  close(): Promise<void>
}

export function createInstances(parts: InstancesParts): Instances {
  const { instance, clock, config, store, shared, log } = parts
  const { peers: where, secret, listen: address } = config.fleet
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

  const copy = createCopy({ path: join(parts.directory, 'state.copy'), log })
  const peers =
    where === undefined || secret === null
      ? null
      : createPeers({
          where: 'name' in where ? { kind: 'dns', ...where } : { kind: 'urls', urls: where },
          secret,
          instance,
          clock,
        })
  const fleet = createFleet({
    instance,
    clock,
    shared,
    peers,
    presence: () => ({
      instance,
      version: VERSION,
      schema: MIGRATIONS.texts.length,
      revision: parts.control().stored(),
      workers: parts.workers().map(({ worker, revision, pid }) => ({ worker, revision, pid })),
      configHash: fingerprint(),
      startedAt: parts.startedAt,
      state: parts.state(),
    }),
    control: parts.control,
    log,
  })
  const receive =
    secret === null
      ? null
      : createReceiver({
          instance,
          secret,
          clock,
          take: owed => parts.control().take(owed),
          running: parts.running,
          refused: why => log('warn', 'what somebody brought as a peer was refused', { why }),
        })

  async function tidy(): Promise<void> {
    const lease = await store.lease(TIDY_LEASE, instance, 2.5 * TIDY_EVERY_MS)
    if (lease !== null) await shared.sweep(parts.ageMs(), { lease: TIDY_LEASE, token: lease.token })
  }

  return {
    copy,
    fleet,
    receive,
    async begin() {
      fleet.begin()
      // A store that does not answer is said elsewhere.
      tidying = setInterval(() => void tidy().catch(() => {}), TIDY_EVERY_MS)
      tidying.unref()
      if (address === null || receive === null) return null
      server = await createFleetServer(receive)
      return listen(server, address, 'fleet.listen')
    },
    async close() {
      if (tidying !== null) clearInterval(tidying)
      await server?.close()
      await fleet.close()
      await copy.settled()
    },
  }
}

/** What the last one of those that are gone has learned goes on here. */
export async function inheritRecords(shared: Shared, log: LogLine): Promise<void> {
  const from = await shared.inherit(GONE_MS)
  if (from !== null) log('info', 'what was learned by an instance that is gone goes on here', { from })
}
