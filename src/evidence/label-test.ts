// Is one side more often to blame? Of each bad event is asked only which side it came from.
//
// Where a request goes is a coin that this proxy throws: to new with the probability w. If an event is equally likely on both
// sides, then the side that an event is found on is that coin again; if it is r times as likely on new, the coin is
// w r / (w r + 1 − w). Evidence is a bet against the first coin, spread over several r: what a stake of 1 has become is an
// e-process, whose chance of ever reaching 1/α is at most α while new is not worse, however often one looks and whatever the
// common rate of events does (Lindon and Malek; Ville's inequality). Pairs, of which exactly one side had the event, are w = 1/2.
//
// Counts are all that is needed: they add up over instances, and a restart loses nothing.

/** A part of the stake that is put on one relative risk. */
export interface Bet {
  /** How many times as likely the event is on new. */
  readonly ratio: number
  /** The sum of a spread is 1. */
  readonly stake: number
}

/** For events that are rare: faults. */
export const RARE: readonly Bet[] = [1.5, 2, 3, 5, 10, 30, 100, 1000].map(ratio => ({ ratio, stake: 1 / 8 }))

/** Events while requests went to new with one probability. */
export interface Labels {
  readonly onNew: number
  readonly onLegacy: number
  /** 0 to 1. */
  readonly weight: number
}

/** Natural logarithm of the evidence that new has the event more than `tolerated` times as often as legacy. */
export function labelEvidence(onNew: number, onLegacy: number, weight: number, tolerated = 1, bets = RARE): number {
  return labelEvidenceOver([{ onNew, onLegacy, weight }], tolerated, bets)
}

/** The same over times of different weights. */
export function labelEvidenceOver(labels: readonly Labels[], tolerated = 1, bets = RARE): number {
  const logs = bets.map(({ ratio, stake }) => {
    let log = Math.log(stake)
    for (const { onNew, onLegacy, weight } of labels) {
      // Odds of the coins; their shares as 1 / (1 + …), which stays exact near 0 and 1.
      const odds = (tolerated * weight) / (1 - weight)
      log += onNew * (Math.log(ratio) + Math.log1p(odds) - Math.log1p(ratio * odds))
      log += onLegacy * (Math.log1p(odds) - Math.log1p(ratio * odds))
    }
    return log
  })
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
}
