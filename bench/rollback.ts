// The question "how soon does a rollback hold?": call to answer, call to the new side's last request, and what came later.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE } from './kit/children.ts'
import { median, percentile, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { CONNECTIONS, type LoadRequest, type Round, requestOf, USERS } from './kit/load.ts'
import { createPatience } from './kit/quiet.ts'
import { othersShare } from './kit/turns.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'
import type { RollbackRequest, Witnessed } from './peers/witness.ts'

export const rollback: Question = {
  name: 'rollback',
  asks: 'how soon does a rollback hold under load, and does anything reach the new side after its answer',
  run,
}

const WATCH_MS = 50
/** The load goes on until it is told to stop; this is for when nobody tells it. */
const MOST_LOAD_MS = 5 * 60_000

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children } = bench
  const origin = children.startFile('legacy origin', 'peers/origin.ts', LOAD_CORE)
  const witness = children.startFile('new origin and caller', 'peers/witness.ts', LOAD_CORE)
  const { legacy } = await origin.ask<OriginPorts>({}, 10_000)
  const ports = { legacy, new: await witness.ask<number>('serve', 10_000) }
  const banyan = await startBanyan(children, bench.directory, ports, {
    name: 'banyan',
    access: 'off',
    store: 'sqlite:state.db',
    paths: ['/orders/*'],
    profile: null,
  })

  await createPatience(bench.turns.patienceMs).untilQuiet()
  const load = children.startFile('load generator', 'kit/load-process.ts', LOAD_CORE)
  const request: LoadRequest = {
    port: banyan.port,
    connections: CONNECTIONS,
    requests: Array.from({ length: USERS }, (_, user) => requestOf('/orders/4711', user)),
    length: ANSWER_BYTES,
    warmupMs: bench.turns.warmupMs,
    measureMs: MOST_LOAD_MS,
    pids: { proxy: [banyan.child.pid], origins: [origin.pid, witness.pid] },
  }
  const loaded = load.ask<Round>(request, MOST_LOAD_MS + 15_000)
  // Awaited at the end; when something else fails first, this one must not end the process.
  loaded.catch(() => {})
  await new Promise(resolve => setTimeout(resolve, bench.turns.warmupMs * 2))

  const call: RollbackRequest = { adminPort: banyan.adminPort, token: banyan.token, watchMs: WATCH_MS }
  const seen: Witnessed[] = []
  const count = bench.quick ? 20 : 100
  while (seen.length < count) {
    bench.told(`rollback: ${seen.length + 1} of ${count}`)
    seen.push(await witness.ask<Witnessed>(call, 30_000))
  }
  await load.ask('stop', 10_000)
  const round = await loaded

  report(bench, seen, round)
  const wrong = round.wrong
  const late = seen.reduce((sum, one) => sum + one.late, 0)
  return [
    {
      asked: 'requests that the new side got after the caller had the answer',
      figure: spreadOf([late]),
      unit: 'requests',
      bar: { kind: 'at most', value: 0 },
    },
    { asked: 'wrong answers', figure: spreadOf([wrong]), unit: 'answers', bar: { kind: 'at most', value: 0 } },
  ]
}

function report(bench: Bench, seen: readonly Witnessed[], round: Round): void {
  const row = (name: string, of: (one: Witnessed) => number) => {
    const values = seen.map(of)
    return [name, ...[median(values), percentile(values, 0.95), Math.max(...values)].map(shown)]
  }
  bench.print(
    table([
      ['milliseconds', 'median', 'p95', 'max'],
      row('call to the answer', one => one.answeredMs),
      row('call to the last request at the new side', one => one.lastMs),
      row('in force, as the proxy says', one => one.inForceMs),
      row('in force and saved, as the proxy says', one => one.savedMs),
    ]),
  )
  const durable = seen.filter(one => one.durable).length
  const rate = shown(round.done / round.seconds)
  bench.print(
    `${seen.length} rollbacks, each restored; ${durable} of them durable when answered; ${rate} requests/s meanwhile; ` +
      `others took ${(100 * othersShare(round)).toFixed(0)} % of a core`,
  )
}
