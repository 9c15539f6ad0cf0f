// Small requests before memory is read: what any work takes (a grown heap, compiled code) is then not charged to what comes after.
import type { Bench } from './bench.ts'
import { LOAD_CORE } from './children.ts'
import { CONNECTIONS, type LoadRequest, type Round, requestOf, USERS } from './load.ts'

/** A body that the full origin answers. */
const BYTES = 200

export async function warmUp({ children, turns }: Bench, port: number, pids: readonly number[]): Promise<Round> {
  const load = children.startFile('load generator', 'kit/load-process.ts', LOAD_CORE)
  const request: LoadRequest = {
    port,
    connections: CONNECTIONS,
    requests: Array.from({ length: USERS }, (_, user) => requestOf(`/bytes/sized/${BYTES}`, user)),
    length: BYTES,
    warmupMs: turns.warmupMs,
    measureMs: turns.measureMs,
    pids: { proxy: pids, origins: [] },
  }
  const round = await load.ask<Round>(request, turns.warmupMs + turns.measureMs + 15_000)
  await load.stop()
  const { wrong, firstWrong } = round
  if (wrong > 0) throw new Error(`${wrong} small requests went wrong before the measuring; the first:\n${firstWrong}`)
  return round
}
