// Logarithms of the gamma and the beta function, to about fifteen digits.

/** From here on Stirling's series is exact enough. */
const LEAST = 12
/** B(2n) / (2n (2n − 1)), n = 1, 2, … */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156]

/** Of x > 0. */
export function lnGamma(x: number): number {
  // Γ(x) = Γ(x + m) / (x (x + 1) … (x + m − 1))
  let product = 1
  let at = x
  for (; at < LEAST; at++) product *= at
  const inverse = 1 / at
  const square = inverse * inverse
  let series = 0
  for (let i = STIRLING.length - 1; i >= 0; i--) series = series * square + (STIRLING[i] as number)
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series * inverse - Math.log(product)
}

export function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b)
}
