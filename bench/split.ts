// The question "what does a plain split cost?": Banyan against @fastify/http-proxy, a bare node:http proxy and nginx.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import type { Verdict } from './kit/figures.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { compared, microseconds, perSecond, printRounds, wrongAnswers } from './kit/report.ts'
import { startBanyan } from './peers/banyan.ts'
import { nginxVersion, startNginx } from './peers/nginx.ts'
import type { OriginPorts } from './peers/origin.ts'

export const split: Question = {
  name: 'split',
  asks: 'a plain split: requests per second against @fastify/http-proxy, CPU per request against nginx',
  run,
}

const REQUESTS = Array.from({ length: USERS }, (_, user) => requestOf('/orders/4711', user))

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children } = bench
  const origin = children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)

  const quiet = await banyan(bench, ports, 'off')
  const logging = await banyan(bench, ports, 'on')
  const httpProxy = await nodePeer(bench, ports, '@fastify/http-proxy', 'peers/http-proxy.ts')
  const nodeHttp = await nodePeer(bench, ports, 'node:http, 30 lines', 'peers/node-http.ts')
  const nginx = await nginxPeer(bench, ports)
  const direct: Contestant = { name: 'direct, no proxy', port: ports.legacy, pids: () => [], requests: REQUESTS }
  const all = [quiet, logging, httpProxy, nodeHttp, ...(nginx === null ? [] : [nginx]), direct]

  const rounds = await takeTurns(children, all, bench.turns, {
    origins: [origin],
    length: ANSWER_BYTES,
    told: text => bench.told(`split: ${text}`),
  })
  printRounds(bench, rounds)

  const verdicts: Verdict[] = [
    {
      asked: 'plain split, requests per second against @fastify/http-proxy',
      figure: compared(rounds, quiet, httpProxy, perSecond),
      unit: '×',
      bar: { kind: 'at least', value: 1.7 },
    },
    {
      asked: 'the same, by CPU per request (theirs over ours)',
      figure: compared(rounds, httpProxy, quiet, microseconds),
      unit: '×',
      bar: null,
    },
    {
      asked: 'plain split, CPU per request against the bare node:http proxy',
      figure: compared(rounds, quiet, nodeHttp, microseconds),
      unit: '×',
      bar: null,
    },
    {
      asked: 'what the access log costs, CPU per request',
      figure: compared(rounds, logging, quiet, microseconds),
      unit: '×',
      bar: null,
    },
    wrongAnswers(rounds),
  ]
  if (nginx !== null) {
    verdicts.splice(1, 0, {
      asked: 'plain split, CPU per request against nginx',
      figure: compared(rounds, quiet, nginx, microseconds),
      unit: '×',
      bar: { kind: 'at most', value: 2.5 },
    })
  }
  return verdicts
}

async function banyan(bench: Bench, ports: OriginPorts, access: 'on' | 'off'): Promise<Contestant> {
  const name = `banyan, access log ${access}`
  const profile = access === 'off' ? bench.profile : null
  const options = { name, access, profile, store: 'memory:', paths: ['/orders/*'] }
  const { child, port } = await startBanyan(bench.children, bench.directory, ports, options)
  return { name, port, pids: () => [child.pid], requests: REQUESTS }
}

async function nodePeer(bench: Bench, ports: OriginPorts, name: string, file: string): Promise<Contestant> {
  const child = bench.children.startFile(name, file, PROXY_CORE)
  const port = await child.ask<number>({ upstream: `http://127.0.0.1:${ports.legacy}` }, 10_000)
  return { name, port, pids: () => [child.pid], requests: REQUESTS }
}

async function nginxPeer(bench: Bench, ports: OriginPorts): Promise<Contestant | null> {
  const version = nginxVersion()
  if (version === null) {
    bench.print('nginx is not installed: no row and no ratio for it (Debian: apt-get install nginx-light)')
    return null
  }
  const { port, workers } = await startNginx(bench.children, bench.directory, ports)
  return { name: version, port, pids: workers, requests: REQUESTS }
}
