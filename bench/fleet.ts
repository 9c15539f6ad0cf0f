// The question "how soon does a rollback hold in a whole fleet?": the slowest acknowledgement of three replicas of two workers,
// and what the new side still got anywhere after the answer; with PostgreSQL, and with a PostgreSQL that is frozen.
import { loadavg } from 'node:os'
import { noPostgres, type PostgresServer, startPostgres } from '../test/store/postgres-server.ts'
import { type Asker, createAsker } from './kit/asker.ts'
import type { Bench, Question } from './kit/bench.ts'
import { LOAD_CORE } from './kit/children.ts'
import { connectionsOf } from './kit/connections.ts'
import { median, percentile, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { type Replica, settled, startFleet } from './peers/fleet.ts'
import type { OriginPorts } from './peers/origin.ts'

export const fleet: Question = {
  name: 'fleet',
  asks: 'how soon a rollback holds at three replicas of two workers, with PostgreSQL and with a frozen one',
  run,
}

const REPLICAS = 3
const WORKERS = 2
/** Of each replica's client: 100 requests a second over eight connections. */
const EVERY_MS = 10
const CONNECTIONS = 8
/** After the answer of a rollback, to see what comes too late. */
const WATCH_MS = 100
const BUSY_WITHIN_MS = 20_000
const RESTORED_WITHIN_MS = 20_000

interface Place {
  readonly replica: Replica
  readonly asker: Asker
}

interface Acknowledged {
  readonly appliedBy: readonly { readonly ms: number }[]
  readonly pending: readonly unknown[]
  readonly elapsedMs: number
  readonly durable: boolean
  readonly rollback: string
}

/** Of one rollback. Times in milliseconds. */
interface Held {
  /** The slowest acknowledgement of all workers of all replicas. */
  readonly slowestMs: number
  readonly elapsedMs: number
  readonly answeredMs: number
  /** From the call to the start of the last request that new served, at any replica; 0: none began after it. */
  readonly lastMs: number
  readonly acknowledged: number
  readonly pending: number
  readonly durable: boolean
  /** Begun after the answer, and served by new. */
  readonly late: number
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
  if (noPostgres !== false) {
    bench.print(`not measured: ${noPostgres}`)
    return []
  }
  const undo: (() => unknown)[] = []
  try {
    const postgres = await startPostgres({ teardown: (end: () => unknown) => undo.push(end) } as never)
    return await measure(bench, postgres, undo)
  } finally {
    for (const end of undo.reverse()) await end()
  }
}

async function measure(bench: Bench, postgres: PostgresServer, undo: (() => unknown)[]): Promise<readonly Verdict[]> {
  const origin = bench.children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const options = { replicas: REPLICAS, workers: WORKERS, store: await postgres.database() }
  const replicas = await startFleet(bench.children, bench.directory, ports, options)
  // Before PostgreSQL goes: replicas that lose it on their way out are in no hurry to end.
  undo.push(() => bench.children.stopAll())
  const places = replicas.map(replica => ({ replica, asker: createAsker(replica.port, EVERY_MS, CONNECTIONS) }))
  undo.push(() => {
    for (const { asker } of places) asker.stop()
  })
  // Compilers and pools settle first.
  await rollBack(bench, places, bench.quick ? 3 : 9, null)
  const began = { at: performance.now(), answered: answeredBy(places) }
  const load = loadavg()[0] ?? 0
  const stored = await rollBack(bench, places, bench.quick ? 20 : 100, null)
  report(bench, 'with PostgreSQL', stored)
  const frozen = await rollBack(bench, places, bench.quick ? 5 : 20, postgres)
  report(bench, 'PostgreSQL frozen', frozen)
  const seconds = (performance.now() - began.at) / 1000
  const rate = (answeredBy(places) - began.answered) / seconds
  const spread = replicas.map(({ port, workerPids }) => connectionsOf(workerPids(), port).join(':'))
  bench.print(
    `${shown(rate)} requests/s in all meanwhile; connections on the workers of each replica ${spread.join(' ')}; ` +
      `load of the machine ${load.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`,
  )
  const failed = places.reduce((sum, { asker }) => sum + asker.failed(), 0)
  return [
    ...verdicts('rollback in a fleet', stored),
    ...verdicts('the same with PostgreSQL frozen', frozen),
    none('client requests that failed', failed, 'requests'),
  ]
}

/** So many, each followed by a restore, each asked of the next replica. `frozen`: what does not answer during each. */
async function rollBack(
  bench: Bench,
  places: readonly Place[],
  count: number,
  frozen: PostgresServer | null,
): Promise<readonly Held[]> {
  const held: Held[] = []
  const replicas = places.map(({ replica }) => replica)
  while (held.length < count) {
    bench.told(`fleet: rollback ${held.length + 1} of ${count}${frozen === null ? '' : ', PostgreSQL frozen'}`)
    await busy(places)
    const { replica } = places[held.length % places.length] as Place
    frozen?.freeze()
    try {
      held.push(await one(replica, places))
    } finally {
      frozen?.thaw()
    }
    // A store that was frozen is looked for again within a second or so, and until then the owed rollback is not in it.
    if (frozen !== null) await settled(replicas)
    const { pending } = await restore(replica)
    if (pending.length > 0) await settled(replicas)
  }
  return held
}

async function one(replica: Replica, places: readonly Place[]): Promise<Held> {
  for (const { asker } of places) asker.take()
  const calledAt = performance.now()
  const answer = (await replica.api('POST', '/rollback', { reason: 'bench' })) as unknown as Acknowledged
  const answeredAt = performance.now()
  await new Promise(resolve => setTimeout(resolve, WATCH_MS))
  // Answered before the restore is called: what is on its way then may go to new.
  await Promise.all(places.map(({ asker }) => asker.caughtUp()))
  const served = places.flatMap(({ asker }) => asker.take())
  const byNew = served.filter(one => one.byNew && one.startedAt > calledAt)
  return {
    slowestMs: Math.max(...answer.appliedBy.map(({ ms }) => ms)),
    elapsedMs: answer.elapsedMs,
    answeredMs: answeredAt - calledAt,
    lastMs: Math.max(0, ...byNew.map(one => one.startedAt - calledAt)),
    acknowledged: answer.appliedBy.length,
    pending: answer.pending.length,
    durable: answer.durable,
    late: byNew.filter(one => one.startedAt > answeredAt).length,
  }
}

/** Of all that stand, as an operator would say it. */
async function restore(replica: Replica): Promise<Pick<Acknowledged, 'pending'>> {
  const deadline = performance.now() + RESTORED_WITHIN_MS
  for (;;) {
    try {
      return (await replica.api('POST', '/restore', { reason: 'bench' })) as unknown as Acknowledged
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

/** Every replica has to give new something again before the next rollback means anything. */
async function busy(places: readonly Place[]): Promise<void> {
  const deadline = performance.now() + BUSY_WITHIN_MS
  for (const { replica, asker } of places) {
    asker.take()
    while (!asker.take().some(({ byNew }) => byNew)) {
      if (performance.now() > deadline) throw new Error(`${replica.name} gives the new side nothing`)
      await new Promise(resolve => setTimeout(resolve, EVERY_MS))
    }
  }
}

function answeredBy(places: readonly Place[]): number {
  return places.reduce((sum, { asker }) => sum + asker.answered(), 0)
}

function report(bench: Bench, name: string, held: readonly Held[]): void {
  const row = (what: string, of: (one: Held) => number) => {
    const values = held.map(of)
    return [what, ...[median(values), percentile(values, 0.95), Math.max(...values)].map(shown)]
  }
  bench.print(
    table([
      [`${name}: milliseconds`, 'median', 'p95', 'max'],
      row('the slowest acknowledgement', one => one.slowestMs),
      row('call to the last request that new served', one => one.lastMs),
      row('elapsedMs of the answer', one => one.elapsedMs),
      row('call to the answer', one => one.answeredMs),
    ]),
  )
  const durable = held.filter(one => one.durable).length
  bench.print(`${held.length} rollbacks of everything, asked of each replica in turn; ${durable} durable when answered`)
}

function verdicts(name: string, held: readonly Held[]): readonly Verdict[] {
  const slowest = held.map(one => one.slowestMs)
  const sum = (of: (one: Held) => number) => held.reduce((all, one) => all + of(one), 0)
  return [
    {
      asked: `${name}, the slowest acknowledgement`,
      figure: spreadOf(slowest),
      unit: 'ms',
      bar: { kind: 'at most', value: 50 },
    },
    {
      asked: `${name}, the slowest of all`,
      figure: spreadOf([Math.max(...slowest)]),
      unit: 'ms',
      bar: { kind: 'at most', value: 250 },
    },
    none(
      `${name}, workers pending`,
      sum(one => one.pending),
      'workers',
    ),
    none(
      `${name}, acknowledgements missing`,
      sum(one => REPLICAS * WORKERS - one.acknowledged),
      'workers',
    ),
    none(
      `${name}, begun after the answer and served by new`,
      sum(one => one.late),
      'requests',
    ),
  ]
}

function none(asked: string, count: number, unit: string): Verdict {
  return { asked, figure: spreadOf([count]), unit, bar: { kind: 'at most', value: 0 } }
}
