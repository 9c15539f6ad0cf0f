// Transfers of large bodies as text: a row for each way and each peer.
import type { Bench } from './bench.ts'
import { MIB, median, shown, spreadOf, table } from './figures.ts'
import type { Transfers, Way } from './transfers.ts'
import { disturbance, othersShare, type Rounds } from './turns.ts'

/** Who takes a turn. */
export interface Transferring<Peer> {
  readonly way: Way
  readonly peer: Peer
}

export interface Transferred extends Transfers {
  /** Peak of the peer's memory in this turn, above what it was before its first body. */
  readonly grownBytes: number
}

export function megabytesPerSecond({ bodies, seconds }: Transfers, bodyBytes: number): number {
  return (bodies * bodyBytes) / 1e6 / seconds
}

export function printTransfers(
  bench: Bench,
  rounds: Rounds<Transferring<{ readonly name: string }>, Transferred>,
  bodyBytes: number,
): void {
  const head = ['MB/s', 'min', 'max', 'CPU ms/body', 'its core', 'load’s core', 'others', 'grown MiB', 'wrong']
  const rows = [...rounds.of].map(([{ way, peer }, turns]) => [
    `${way.direction}, ${way.framing}, ${peer.name}`,
    ...cellsOf(turns, bodyBytes),
  ])
  bench.print(table([['', ...head], ...rows]))
  for (const [{ way, peer }, turns] of rounds.of) {
    const first = turns.find(turn => turn.firstWrong !== null)?.firstWrong
    if (first != null)
      bench.print(`the first that went wrong, ${way.direction}, ${way.framing}, ${peer.name}:\n${first}`)
  }
  const disturbed = disturbance(rounds)
  if (disturbed !== null) bench.print(disturbed)
}

function cellsOf(turns: readonly Transferred[], bodyBytes: number): readonly string[] {
  const rate = spreadOf(turns.map(turn => megabytesPerSecond(turn, bodyBytes)))
  const percent = (of: (turn: Transferred) => number) => `${(100 * median(turns.map(of))).toFixed(0)} %`
  return [
    ...[rate.median, rate.min, rate.max].map(shown),
    shown(median(turns.map(turn => (turn.proxyCore.own / turn.bodies) * 1000))),
    percent(turn => turn.proxyCore.own / turn.seconds),
    percent(turn => turn.loadCore.own / turn.seconds),
    percent(othersShare),
    shown(Math.max(...turns.map(turn => turn.grownBytes / MIB))),
    String(turns.reduce((sum, turn) => sum + turn.wrong, 0)),
  ]
}
