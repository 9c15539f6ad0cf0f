// The question "what does an idle WebSocket cost?": memory of Banyan for each of 1,000, in several processes one after another.
import type { Bench, Question } from './kit/bench.ts'
import { type Answering, LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import { MIB, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { collectGarbage, inspected } from './kit/garbage.ts'
import { residentBytes } from './kit/memory.ts'
import { freePort } from './kit/ports.ts'
import type { Echoed, OpenRequest } from './kit/tunnel-process.ts'
import { warmUp } from './kit/warm-up.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'

export const tunnels: Question = {
  name: 'tunnels',
  asks: 'memory for each of 1,000 idle WebSockets, and whether all of them still work',
  run,
}

const COUNT = 1_000
/** Open before the counting begins, so that what the first ones bring about is not counted. */
const FIRST = 200
const SETTLE_MS = 2_000
const QUICK_SETTLE_MS = 1_000
const MOST_BYTES = 20_000

interface Peer {
  readonly name: string
  start(bench: Bench, ports: OriginPorts, round: number, flags: readonly string[]): Promise<Started>
}

interface Started {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** What one process needed for them. */
interface Held {
  readonly firstBytes: number
  readonly allBytes: number
  readonly broken: number
  readonly firstBroken: string | null
}

const BANYAN: Peer = {
  name: 'banyan',
  async start({ children, directory }, ports, round, flags) {
    const options = { access: 'off', store: 'memory:', paths: ['/*'], profile: null, flags } as const
    const { child, port } = await startBanyan(children, directory, ports, { name: `banyan-${round}`, ...options })
    return { pid: child.pid, port, stop: () => child.stop() }
  },
}

const RELAY: Peer = {
  name: 'the raw relay',
  async start({ children }, ports, _round, flags) {
    const child = children.startFile('raw relay', 'peers/relay.ts', PROXY_CORE, flags)
    const port = await child.ask<number>({ upstream: `http://127.0.0.1:${ports.legacy}` }, 10_000)
    return { pid: child.pid, port, stop: () => child.stop() }
  },
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const origin = bench.children.startFile('origin', 'peers/full-origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const ours: Held[] = []
  const theirs: Held[] = []
  for (let round = 1; round <= bench.turns.rounds; round++) {
    for (const [peer, found] of [[BANYAN, ours] as const, [RELAY, theirs] as const]) {
      bench.told(`tunnels: process ${round} of ${bench.turns.rounds}: ${peer.name}`)
      found.push(await hold(bench, ports, peer, round))
    }
  }

  const head = [`MiB with ${FIRST}`, `with ${FIRST + COUNT}`, 'bytes each', 'min', 'max', 'broken']
  bench.print(table([['', ...head], rowOf(BANYAN, ours), rowOf(RELAY, theirs)]))
  const firstBroken = [...ours, ...theirs].find(one => one.firstBroken !== null)?.firstBroken
  if (firstBroken != null) bench.print(`the first that did not echo: ${firstBroken}`)
  const broken = ours.reduce((sum, one) => sum + one.broken, 0)
  return [
    {
      asked: `memory for each of ${shown(COUNT)} idle WebSockets`,
      figure: spreadOf(ours.map(eachBytes)),
      unit: 'bytes',
      bar: { kind: 'at most', value: MOST_BYTES },
    },
    {
      asked: 'frames that did not come back as they were',
      figure: spreadOf([broken]),
      unit: 'frames',
      bar: { kind: 'at most', value: 0 },
    },
  ]
}

/** A process of its own each time: memory that one has given back to its own heap is not seen from outside. */
async function hold(bench: Bench, ports: OriginPorts, peer: Peer, round: number): Promise<Held> {
  const inspectPort = await freePort()
  const { pid, port, stop } = await peer.start(bench, ports, round, [inspected(inspectPort)])
  const clients = bench.children.startFile('WebSocket clients', 'kit/tunnel-process.ts', LOAD_CORE)
  await warmUp(bench, port, [pid])
  // Each carries something at its beginning: an idle tunnel is one that was used.
  const first = await opened(clients, { port, count: FIRST })
  const firstBytes = await settled(bench, pid, inspectPort)
  const all = await opened(clients, { port, count: COUNT })
  const allBytes = await settled(bench, pid, inspectPort)
  const last = await clients.ask<Echoed>('echo', 120_000)
  await clients.stop()
  await stop()
  const broken = [first, all, last]
  return {
    firstBytes,
    allBytes,
    broken: broken.reduce((sum, one) => sum + one.wrong, 0),
    firstBroken: broken.find(one => one.firstWrong !== null)?.firstWrong ?? null,
  }
}

async function opened(clients: Answering, request: OpenRequest): Promise<Echoed> {
  await clients.ask(request, 120_000)
  return clients.ask<Echoed>('echo', 120_000)
}

/** Garbage is collected before: fresh tunnels would else fit into what ordinary requests have left behind, and look free. */
async function settled({ quick }: Bench, pid: number, inspectPort: number): Promise<number> {
  await collectGarbage(inspectPort)
  await new Promise(resolve => setTimeout(resolve, quick ? QUICK_SETTLE_MS : SETTLE_MS))
  return residentBytes([pid])
}

function eachBytes({ firstBytes, allBytes }: Held): number {
  return (allBytes - firstBytes) / COUNT
}

function rowOf({ name }: Peer, held: readonly Held[]): readonly string[] {
  const mib = (of: (one: Held) => number) => shown(spreadOf(held.map(of)).median / MIB)
  const { median, min, max } = spreadOf(held.map(eachBytes))
  const broken = held.reduce((sum, one) => sum + one.broken, 0)
  return [name, mib(one => one.firstBytes), mib(one => one.allBytes), ...[median, min, max].map(shown), String(broken)]
}
