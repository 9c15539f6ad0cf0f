// The question "what does a plain split cost?": Banyan against @fastify/http-proxy, a bare node:http proxy, nginx, haproxy, and
// a relay that does not read what it carries.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import type { Spread, Verdict } from './kit/figures.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { compared, microseconds, perSecond, printRounds, wrongAnswers } from './kit/report.ts'
import { startBanyan } from './peers/banyan.ts'
import { haproxyVersion, startHAProxy } from './peers/haproxy.ts'
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
  const relay = await nodePeer(bench, ports, 'raw relay, node:net', 'peers/relay.ts')
  const nginx = await nginxPeer(bench, ports)
  const haproxy = await haproxyPeer(bench, ports)
  const direct: Contestant = { name: 'direct, no proxy', port: ports.legacy, pids: () => [], requests: REQUESTS }
  const present = [nginx, haproxy].filter(one => one !== null)
  const all = [quiet, logging, httpProxy, nodeHttp, relay, ...present, direct]

  const rounds = await takeTurns(children, all, bench.turns, {
    origins: [origin],
    length: ANSWER_BYTES,
    told: text => bench.told(`split: ${text}`),
  })
  printRounds(bench, rounds)

  const cpuAgainst = (peer: Contestant) => compared(rounds, quiet, peer, microseconds)
  return [
    {
      asked: 'plain split, requests per second against @fastify/http-proxy',
      figure: compared(rounds, quiet, httpProxy, perSecond),
      unit: '×',
      bar: { kind: 'at least', value: 1.7 },
    },
    ...(nginx === null
      ? []
      : [
          {
            asked: 'plain split, CPU per request against nginx',
            figure: cpuAgainst(nginx),
            unit: '×',
            bar: { kind: 'at most', value: 2.5 } as const,
          },
        ]),
    told('plain split, CPU per request against the raw relay, the least on Node', cpuAgainst(relay)),
    ...(haproxy === null ? [] : [told('plain split, CPU per request against haproxy', cpuAgainst(haproxy))]),
    told('plain split, CPU per request against the bare node:http proxy', cpuAgainst(nodeHttp)),
    told(
      'plain split, CPU per request of @fastify/http-proxy against ours',
      compared(rounds, httpProxy, quiet, microseconds),
    ),
    told('what the access log costs, CPU per request', compared(rounds, logging, quiet, microseconds)),
    wrongAnswers(rounds),
  ]
}

function told(asked: string, figure: Spread): Verdict {
  return { asked, figure, unit: '×', bar: null }
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

async function haproxyPeer(bench: Bench, ports: OriginPorts): Promise<Contestant | null> {
  const version = haproxyVersion()
  if (version === null) {
    bench.print('haproxy is not installed: no row and no ratio for it (Debian: apt-get install haproxy)')
    return null
  }
  const { child, port } = await startHAProxy(bench.children, bench.directory, ports)
  return { name: version, port, pids: () => [child.pid], requests: REQUESTS }
}
