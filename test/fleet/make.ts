// Parts for tests of the fleet: rollbacks, a control that notes what it is told, and replicas with real sockets.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createFleetListener } from '../../src/admin/fleet.ts'
import type { PeerAddresses } from '../../src/config/fleet-schema.ts'
import { createFleet, type Fleet, type FleetControl } from '../../src/fleet/fleet.ts'
import { createPeers } from '../../src/fleet/peers.ts'
import { createReceiver } from '../../src/fleet/receive.ts'
import type { Owed, Reached } from '../../src/model/control.ts'
import type { Clock, EpochMs, Revision } from '../../src/model/units.ts'
import type { Presence } from '../../src/store/store.ts'
import type { Database } from './database.ts'

export const SECRET = 'a secret of the fleet'
export const NOW: EpochMs = 1_800_000_000_000
export const clock: Clock = { now: () => NOW, monotonic: () => performance.now() }

export function owedOf(id = 'rb-1', more: Partial<Owed['rollback']> = {}): Owed {
  const said = { by: 'ann', at: NOW, reason: null }
  return {
    rollback: { id, units: '*', restored: [], trigger: 'operator', ...said, ...more },
    draft: {
      at: NOW,
      actor: { name: 'ann', tokenId: 'tok-1', address: '127.0.0.1' },
      action: 'rollback',
      subject: '*',
      reason: null,
      before: null,
      after: { rollback: id },
      revision: 2,
    },
  }
}

export interface FakeControl extends FleetControl {
  readonly taken: string[]
  readonly followed: (Revision | null)[]
  /** What the store holds, for the next look. */
  inStore: Revision
  readonly ended: Set<string>
  readonly held: Owed[]
  /** In force, and in the store. */
  readonly saved: Owed[]
  /** Workers that do not answer. */
  readonly hung: Set<number>
  runs(): Reached
}

export function fakeControl(instance: string, workers: number): FakeControl {
  let stored = 1
  const all = Array.from({ length: workers }, (_, i) => i + 1)
  const control: FakeControl = {
    taken: [],
    followed: [],
    inStore: 1,
    ended: new Set(),
    held: [],
    saved: [],
    hung: new Set(),
    runs: () => ({
      appliedBy: all.filter(worker => !control.hung.has(worker)).map(worker => ({ instance, worker, ms: 0.1 })),
      pending: all.filter(worker => control.hung.has(worker)).map(worker => ({ instance, worker })),
    }),
    async follow(revision) {
      control.followed.push(revision)
      stored = Math.max(stored, revision ?? control.inStore)
      return control.runs()
    },
    take({ rollback }) {
      if (control.ended.has(rollback.id)) return null
      control.taken.push(rollback.id)
      return Promise.resolve(control.runs())
    },
    stored: () => stored,
    owed: () => control.held,
    standing: () => [...control.held, ...control.saved],
  }
  return control
}

export interface Replica {
  readonly instance: string
  readonly url: string
  readonly fleet: Fleet
  readonly control: FakeControl
  readonly log: string[]
  presence: Presence
  /** Its process hangs: sockets are open, nothing is answered. */
  hang(): void
  close(): Promise<void>
}

export interface ReplicaOptions {
  readonly database: Database
  readonly workers?: number
  readonly secret?: string
  /** null: none. */
  readonly peers?: PeerAddresses | null
  readonly lookup?: (host: string) => Promise<readonly string[]>
  readonly port?: number
  readonly host?: string
  readonly waitMs?: number
}

export function presenceOf(instance: string, workers: number, revision = 1): Presence {
  return {
    instance,
    version: '1.0.0',
    schema: 1,
    revision,
    workers: Array.from({ length: workers }, (_, i) => ({ worker: i + 1, revision, pid: i + 100 })),
    configHash: 'c0ffee00c0ffee00',
    startedAt: NOW,
    state: 'ready',
  }
}

let nonces = 0
export const nonce = () => `n${nonces++}`

/** Timers are slow on purpose: what happens by the second is asked for with `announce`. */
export const SLOW = { presentMs: 3_600_000, greetMs: 3_600_000, lookMs: 3_600_000 }

export async function startReplica(instance: string, options: ReplicaOptions): Promise<Replica> {
  const { database, workers = 1, secret = SECRET, waitMs = 1_000 } = options
  const log: string[] = []
  const note = (level: string, message: string) => void log.push(`${level} ${message}`)
  const control = fakeControl(instance, workers)
  const receiver = createReceiver({ instance, secret, clock, control: () => control, log: note })
  let hung = false
  const stuck = new Promise<never>(() => {})
  const listener = createFleetListener({
    receiver: { receive: (...given) => (hung ? stuck : receiver.receive(...given)) },
    log: note,
  })
  await listener.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 })
  const url = `http://127.0.0.1:${(listener.server.address() as AddressInfo).port}`
  const peers =
    options.peers == null
      ? null
      : createPeers({
          instance,
          peers: options.peers,
          secret,
          now: clock.now,
          nonce,
          log: note,
          timeoutMs: waitMs,
          ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
        })
  const replica: Replica = {
    instance,
    url,
    control,
    log,
    presence: presenceOf(instance, workers),
    fleet: createFleet({
      instance,
      clock,
      shared: database.open(instance),
      peers,
      presence: () => replica.presence,
      control: () => control,
      refusedAt: receiver.refusedAt,
      log: note,
      every: { ...SLOW, waitMs },
    }),
    hang() {
      hung = true
    },
    async close() {
      await replica.fleet.close()
      await listener.close()
    },
  }
  return replica
}

/** Everybody knows of everybody. */
export async function meet(...replicas: readonly Replica[]): Promise<void> {
  for (const { fleet } of replicas) await fleet.announce()
  for (const { fleet } of replicas) await fleet.announce()
}

export const names = (list: readonly { readonly instance: string; readonly worker: number }[]) =>
  list.map(({ instance, worker }) => `${instance}/${worker}`).sort()

export async function portOf(server: import('node:net').Server): Promise<number> {
  if (!server.listening) await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
