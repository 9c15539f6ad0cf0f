// The question "what does shadowing cost?": every request asked of the other side and compared, against nginx that only
// mirrors; and how long clients wait beside shadows that are healthy, dead, slow, silent or endless.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE } from './kit/children.ts'
import { median, type Spread, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { metric } from './kit/health.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { createPatience } from './kit/quiet.ts'
import { compared, microseconds, perSecond, printRounds, wrongAnswers } from './kit/report.ts'
import type { Steady, SteadyRequest } from './kit/steady-process.ts'
import { alternate, disturbance, othersShare, type Rounds } from './kit/turns.ts'
import { BAD, type BadPorts } from './peers/bad-origin.ts'
import { type Banyan, startBanyan } from './peers/banyan.ts'
import { nginxVersion, startNginx } from './peers/nginx.ts'
import type { OriginPorts } from './peers/origin.ts'

export const shadow: Question = {
  name: 'shadow',
  asks: 'every request shadowed and compared, against nginx with mirror; clients’ p99 beside bad shadows',
  run,
}

const REQUESTS = Array.from({ length: USERS }, (_, user) => requestOf('/orders/4711', user))
const MIRROR = ['mirror /mirror;', 'mirror_request_body off;']
/** Of all requests, so many have to have been compared, or the comparison with nginx means nothing. */
const LEAST_COMPARED = 0.99
/** Of the requests per second that were reached with every request shadowed. */
const HALF = 0.5
const NO_CAPS = { maxRps: 'none', maxConcurrent: 128 }
const EVERY = { shadow: { percent: 100, ...NO_CAPS }, compare: { noise: { percent: 0 } } }

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { rate, verdicts } = await throughput(bench)
  return [...verdicts, ...(await patience(bench, Math.round(rate * HALF)))]
}

// ---- how many requests

async function throughput(bench: Bench): Promise<{ readonly rate: number; readonly verdicts: readonly Verdict[] }> {
  const { children } = bench
  const origin = children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const shadowing = await start(bench, 'banyan, all shadowed', ports, EVERY)
  const alone = await start(bench, 'banyan, no shadow', ports, {})
  const contestants = [contestant('banyan, all shadowed', shadowing), contestant('banyan, no shadow', alone)]
  const [shadowed, unshadowed] = contestants as [Contestant, Contestant]
  const version = nginxVersion()
  let mirroring: Contestant | null = null
  if (version === null) bench.print('nginx is not installed: no ratio against it (Debian: apt-get install nginx-light)')
  else {
    const { port, workers } = await startNginx(children, bench.directory, ports, MIRROR)
    mirroring = { name: `${version} with mirror`, port, pids: workers, requests: REQUESTS }
    contestants.push(mirroring)
  }
  const rounds = await takeTurns(children, contestants, bench.turns, {
    origins: [origin],
    length: ANSWER_BYTES,
    told: text => bench.told(`shadow: ${text}`),
  })
  printRounds(bench, rounds)
  const eligible = await metric(shadowing.healthPort, 'banyan_shadow_eligible_total')
  const matched = await metric(shadowing.healthPort, 'banyan_shadow_total', 'result="match"')
  await origin.stop()
  return {
    rate: median((rounds.of.get(shadowed) ?? []).map(perSecond)),
    verdicts: [
      ...(mirroring === null
        ? []
        : [
            {
              asked: 'split, every request shadowed and compared, requests per second against nginx with mirror',
              figure: compared(rounds, shadowed, mirroring, perSecond),
              unit: '×',
              bar: { kind: 'at least', value: 1 } as const,
            },
          ]),
      {
        asked: 'share of the requests that were compared',
        figure: spreadOf([matched / Math.max(1, eligible)]),
        unit: 'of 1',
        bar: { kind: 'at least', value: LEAST_COMPARED },
      },
      told('what shadowing every request costs, CPU per request', compared(rounds, shadowed, unshadowed, microseconds)),
      wrongAnswers(rounds),
    ],
  }
}

// ---- how long clients wait

async function patience(bench: Bench, rate: number): Promise<readonly Verdict[]> {
  const { children, turns } = bench
  const origin = children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const good = await origin.ask<OriginPorts>({}, 10_000)
  const bad = children.startFile('bad origins', 'peers/bad-origin.ts', LOAD_CORE)
  const ports = await bad.ask<BadPorts>({}, 10_000)
  const off = await start(bench, 'no shadow', good, { weight: 0 })
  const kinds = ['healthy', ...BAD] as const
  const beside = new Map<string, Banyan>([['no shadow', off]])
  for (const kind of kinds) {
    const sides = { legacy: good.legacy, new: ports[kind] }
    beside.set(kind, await start(bench, `beside ${kind}`, sides, { ...EVERY, weight: 0 }))
  }
  const normal = children.startFile('normal client', 'kit/steady-process.ts', LOAD_CORE)
  const quiet = createPatience(turns.patienceMs)
  const names = [...beside.keys()]
  const rounds = await alternate<string, Steady>(names, { rounds: turns.rounds, patience: quiet }, (name, round) => {
    bench.told(`shadow: round ${round} of ${turns.rounds}: ${name}`)
    const { child, port } = beside.get(name) as Banyan
    const request: SteadyRequest = {
      port,
      perSecond: rate,
      measureMs: turns.measureMs,
      pids: { proxy: [child.pid], origins: [origin.pid, bad.pid] },
    }
    return normal.ask<Steady>(request, turns.measureMs + 30_000)
  })
  report(bench, rate, rounds)
  const failed = [...rounds.of.values()].flat().reduce((sum, turn) => sum + turn.failed, 0)
  return [
    {
      asked: 'client requests that failed',
      figure: spreadOf([failed]),
      unit: 'requests',
      bar: { kind: 'at most', value: 0 },
    },
    ...kinds.map(
      (kind): Verdict => ({
        asked: `client p99 beside a shadow that is “${kind}”, above 1.3 × + 1 ms of shadow off`,
        figure: excess(rounds, kind),
        unit: 'ms',
        bar: { kind: 'at most', value: 0 },
      }),
    ),
  ]
}

/** Pair by pair: what the p99 is above what it may be. */
function excess(rounds: Rounds<string, Steady>, kind: string): Spread {
  const off = rounds.of.get('no shadow') ?? []
  const on = rounds.of.get(kind) ?? []
  return spreadOf(on.map((turn, i) => turn.p99Ms - (1.3 * (off[i] as Steady).p99Ms + 1)))
}

function report(bench: Bench, rate: number, rounds: Rounds<string, Steady>): void {
  const rows = [...rounds.of].map(([name, turns]) => [
    name,
    shown(median(turns.map(turn => turn.p50Ms))),
    shown(median(turns.map(turn => turn.p99Ms))),
    shown(Math.max(...turns.map(turn => turn.p99Ms))),
    `${(100 * median(turns.map(turn => turn.proxyCore.own / turn.seconds))).toFixed(0)} %`,
    `${(100 * median(turns.map(othersShare))).toFixed(0)} %`,
  ])
  bench.print(`${shown(rate)} requests a second, half of what it did with every request shadowed`)
  bench.print(table([['the shadow', 'p50 ms', 'p99 ms', 'max p99', 'its core', 'others'], ...rows]))
  const disturbed = disturbance(rounds)
  if (disturbed !== null) bench.print(disturbed)
}

function told(asked: string, figure: Spread): Verdict {
  return { asked, figure, unit: '×', bar: null }
}

function start(bench: Bench, name: string, origin: OriginPorts, defaults: Record<string, unknown>): Promise<Banyan> {
  const profile = name.endsWith('all shadowed') ? bench.profile : null
  const options = {
    name,
    access: 'off' as const,
    profile,
    store: 'memory:',
    paths: ['/*'],
    defaults,
  }
  return startBanyan(bench.children, bench.directory, origin, options)
}

function contestant(name: string, { child, port }: Banyan): Contestant {
  return { name, port, pids: () => [child.pid], requests: REQUESTS }
}
