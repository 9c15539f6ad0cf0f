// Rounds as text and as figures, the same for every question that lets contestants take turns.
import type { Bench } from './bench.ts'
import { median, ratios, type Spread, shown, spreadOf, table, type Verdict } from './figures.ts'
import type { Contestant, Round } from './load.ts'
import { disturbance, othersShare, type Rounds, type Timed } from './turns.ts'

export function perSecond(round: Round): number {
  return round.done / round.seconds
}

/** CPU time of the proxy for one request. */
export function microseconds(round: Round): number {
  return (round.proxyCore.own / round.done) * 1e6
}

/** One figure of two contestants, round against round. */
export function compared<One, Turn extends Timed>(
  rounds: Rounds<One, Turn>,
  over: One,
  under: One,
  figure: (round: Turn) => number,
): Spread {
  return ratios((rounds.of.get(over) ?? []).map(figure), (rounds.of.get(under) ?? []).map(figure))
}

export function wrongAnswers(rounds: Rounds<Contestant, Round>): Verdict {
  const wrong = [...rounds.of.values()].flat().reduce((sum, round) => sum + round.wrong, 0)
  return { asked: 'wrong answers', figure: spreadOf([wrong]), unit: 'answers', bar: { kind: 'at most', value: 0 } }
}

/** A row for each contestant, then how quiet the machine was. */
export function printRounds(bench: Bench, rounds: Rounds<Contestant, Round>): void {
  const head = ['requests/s', 'min', 'max', 'CPU µs/request', 'min', 'max']
  const rows = [...rounds.of].map(([{ name }, own]) => rowOf(name, own))
  bench.print(table([['', ...head, 'its core', 'load’s core', 'others', 'new', 'wrong'], ...rows]))
  for (const [{ name }, own] of rounds.of) {
    const first = own.find(round => round.firstWrong !== null)?.firstWrong
    if (first != null) bench.print(`the first wrong answer of ${name}:\n${first}`)
  }
  const disturbed = disturbance(rounds)
  if (disturbed !== null) bench.print(disturbed)
}

function rowOf(name: string, own: readonly Round[]): readonly string[] {
  const rate = spreadOf(own.map(perSecond))
  const cpu = spreadOf(own.map(microseconds))
  const proxied = cpu.max > 0
  const percent = (of: (round: Round) => number) => `${(100 * median(own.map(of))).toFixed(0)} %`
  return [
    name,
    ...[rate.median, rate.min, rate.max].map(shown),
    ...[cpu.median, cpu.min, cpu.max].map(value => (proxied ? value.toFixed(1) : '–')),
    proxied ? percent(round => round.proxyCore.own / round.seconds) : '–',
    percent(round => round.loadCore.own / round.seconds),
    percent(othersShare),
    percent(round => round.byNew / round.done),
    String(own.reduce((sum, round) => sum + round.wrong, 0)),
  ]
}
