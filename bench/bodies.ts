// The question "what do large bodies cost?": 100 MiB up and down, with Content-Length and in chunks, against a relay that does
// not read what it carries; and whether memory stays flat meanwhile.
import type { Bench, Question } from './kit/bench.ts'
import { type Answering, LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import { MIB, spreadOf, type Verdict } from './kit/figures.ts'
import { forgetPeak, peakBytes, residentBytes } from './kit/memory.ts'
import { createPatience } from './kit/quiet.ts'
import { compared } from './kit/report.ts'
import type { TransferRequest, Transfers, Way } from './kit/transfers.ts'
import { megabytesPerSecond, printTransfers, type Transferring } from './kit/transfers-report.ts'
import { alternate } from './kit/turns.ts'
import { warmUp } from './kit/warm-up.ts'
import { startBanyan } from './peers/banyan.ts'
import { nginxVersion, startNginx } from './peers/nginx.ts'
import type { OriginPorts } from './peers/origin.ts'

export const bodies: Question = {
  name: 'bodies',
  asks: 'bodies of 100 MiB both ways: throughput against a raw relay, and memory meanwhile',
  run,
}

const BODY_BYTES = 100 * MIB
/** Below it, growth is buffers and collectors, not bodies. */
const FLAT_MIB = 64
const WAYS: readonly Way[] = [
  { direction: 'up', framing: 'sized' },
  { direction: 'down', framing: 'sized' },
  { direction: 'up', framing: 'chunked' },
  { direction: 'down', framing: 'chunked' },
]
/** By default it would refuse such bodies, and store on disk what it cannot pass on at once. */
const NGINX_STREAMS = ['client_max_body_size 0;', 'proxy_request_buffering off;', 'proxy_max_temp_file_size 0;']

interface Peer {
  readonly name: string
  readonly port: number
  readonly pids: () => readonly number[]
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children, turns } = bench
  const origin = children.startFile('origin', 'peers/full-origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const banyan = await startOurs(bench, ports)
  const relay = await startRelay(bench, ports)
  const nginx = await startTheirs(bench, ports)
  const peers = [banyan, relay, ...(nginx === null ? [] : [nginx])]

  const before = new Map<Peer, number>()
  for (const peer of peers) {
    await warmUp(bench, peer.port, peer.pids())
    before.set(peer, residentBytes(peer.pids()))
  }
  const transfers = children.startFile('transfers', 'kit/transfer-process.ts', LOAD_CORE)
  const all = WAYS.flatMap(way => peers.map((peer): Transferring<Peer> => ({ way, peer })))
  const patience = createPatience(turns.patienceMs)
  const rounds = await alternate(all, { rounds: turns.rounds, patience }, async (one, round) => {
    const { way, peer } = one
    bench.told(`bodies: round ${round} of ${turns.rounds}: ${way.direction}, ${way.framing}, ${peer.name}`)
    forgetPeak(peer.pids())
    const turn = await transfer(transfers, one, { ...turns, origin: origin.pid })
    return { ...turn, grownBytes: peakBytes(peer.pids()) - (before.get(peer) ?? 0) }
  })

  printTransfers(bench, rounds, BODY_BYTES)
  const of = (way: Way, peer: Peer) => all.find(one => one.way === way && one.peer === peer) as Transferring<Peer>
  const against = (peer: Peer, bar: Verdict['bar']) => (way: Way) => ({
    asked: `${way.direction}, ${way.framing}: throughput against ${peer.name}`,
    figure: compared(rounds, of(way, banyan), of(way, peer), turn => megabytesPerSecond(turn, BODY_BYTES)),
    unit: '×',
    bar,
  })
  const own = all.filter(one => one.peer === banyan).flatMap(one => rounds.of.get(one) ?? [])
  const wrong = [...rounds.of.values()].flat().reduce((sum, turn) => sum + turn.wrong, 0)
  return [
    ...WAYS.filter(way => way.framing === 'sized').map(against(relay, { kind: 'at least', value: 0.85 })),
    ...(nginx === null ? [] : WAYS.filter(way => way.framing === 'chunked').map(against(nginx, null))),
    {
      asked: 'memory, the highest peak of all turns above what it was before the first body',
      figure: spreadOf([Math.max(...own.map(turn => turn.grownBytes / MIB))]),
      unit: 'MiB',
      bar: { kind: 'at most', value: FLAT_MIB },
    },
    { asked: 'wrong bodies', figure: spreadOf([wrong]), unit: 'bodies', bar: { kind: 'at most', value: 0 } },
  ]
}

async function transfer(
  transfers: Answering,
  { way, peer }: Transferring<Peer>,
  { warmupMs, measureMs, origin }: { readonly warmupMs: number; readonly measureMs: number; readonly origin: number },
): Promise<Transfers> {
  const request: TransferRequest = {
    port: peer.port,
    way,
    bytes: BODY_BYTES,
    warmupMs,
    // Four ways for each peer: half of the time each.
    measureMs: measureMs / 2,
    pids: { proxy: peer.pids(), origins: [origin] },
  }
  const turn = await transfers.ask<Transfers>(request, 10 * 60_000)
  if (turn.bodies > 0) return turn
  throw new Error(`${peer.name}, ${way.direction}, ${way.framing}: no body arrived; instead:\n${turn.firstWrong}`)
}

async function startOurs({ children, directory, profile }: Bench, ports: OriginPorts): Promise<Peer> {
  const options = { name: 'banyan', access: 'off', store: 'memory:', paths: ['/*'], profile } as const
  const { child, port } = await startBanyan(children, directory, ports, options)
  return { name: 'banyan', port, pids: () => [child.pid] }
}

async function startRelay({ children }: Bench, ports: OriginPorts): Promise<Peer> {
  const child = children.startFile('raw relay', 'peers/relay.ts', PROXY_CORE)
  const port = await child.ask<number>({ upstream: `http://127.0.0.1:${ports.legacy}` }, 10_000)
  return { name: 'the raw relay', port, pids: () => [child.pid] }
}

async function startTheirs({ children, directory, print }: Bench, ports: OriginPorts): Promise<Peer | null> {
  const version = nginxVersion()
  if (version === null) {
    print('nginx is not installed: no row and no ratio for it (Debian: apt-get install nginx-light)')
    return null
  }
  const { port, workers } = await startNginx(children, directory, ports, NGINX_STREAMS)
  return { name: version, port, pids: workers }
}
