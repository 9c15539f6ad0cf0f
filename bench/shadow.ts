// The question "what does shadowing cost?": every request asked of the other side and compared, against nginx that only
// mirrors.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE } from './kit/children.ts'
import { type Spread, spreadOf, type Verdict } from './kit/figures.ts'
import { metric } from './kit/health.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { compared, microseconds, perSecond, printRounds, wrongAnswers } from './kit/report.ts'
import { type Banyan, startBanyan } from './peers/banyan.ts'
import { nginxVersion, startNginx } from './peers/nginx.ts'
import type { OriginPorts } from './peers/origin.ts'

export const shadow: Question = {
  name: 'shadow',
  asks: 'every request shadowed and compared, against nginx with mirror',
  run,
}

const REQUESTS = Array.from({ length: USERS }, (_, user) => requestOf('/orders/4711', user))
const MIRROR = ['mirror /mirror;', 'mirror_request_body off;']
/** Of all requests, so many have to have been compared, or the comparison with nginx means nothing. */
const LEAST_COMPARED = 0.99
export const EVERY = {
  shadow: { percent: 100, maxRps: 'none', maxConcurrent: 128 },
  compare: { noise: { percent: 0 } },
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
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
  return [
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
  ]
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
