// How simulated fields differ: new from legacy, and legacy from itself.

export type Random = () => number
/** Whether new differs from legacy, and legacy from itself, in one pair. */
export type Draw = (random: Random, pair: number) => readonly [a: boolean, b: boolean]

/** Both happen by themselves, independently; new differs that much more often. The hardest way to differ: most pairs are discordant. */
export function drifting(drift: number, more = 0): Draw {
  return random => [random() < drift + more, random() < drift]
}

/** Each answer is off by itself, and both comparisons share legacy's first. */
export function answers(drift: number, more = 0): Draw {
  const off = 1 - Math.sqrt(1 - drift)
  return random => {
    const first = random() < off
    return [first || random() < off || random() < more / (1 - drift), first || random() < off]
  }
}

/** It grows and falls; both sides alike. */
export function changing(random: Random, pair: number): readonly [boolean, boolean] {
  return drifting(0.5 + 0.48 * Math.sin(pair / 60))(random, pair)
}

/** A time in steps: new is asked some time after legacy, and legacy again some time after its first answer. */
export function clock(stepMs: number, newAfterMs: number, againAfterMs: number): Draw {
  return random => {
    const phase = random() * stepMs
    return [phase + newAfterMs >= stepMs, phase + againAfterMs >= stepMs]
  }
}
