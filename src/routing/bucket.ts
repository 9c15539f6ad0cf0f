// Where a key falls: the one formula of the split.
//
//   bucket = XXH64(netstring(seed) ‖ netstring(scope) ‖ netstring(key), 0) >> 11        0 ≤ bucket < 2^53
//   netstring(s) = <bytes of s in UTF-8, decimal> ":" <s> ","
//
// Length prefixes keep ("ab","c") and ("a","bc") apart. The scope of the split is the unit (group or route id); the scope
// of a shadow sample is `shadow/` + unit, so that the two are drawn independently: ids have no slash.
// XXH64: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
import xxhash from 'xxhash-wasm'

const { h64 } = await xxhash()

/** Buckets are 53 bits, so that each is an exact number. */
export const BUCKETS = 2 ** 53

/** Draws keys of one scope. Made once per route and snapshot. */
export type Bucketer = (key: string) => number

export function createBucketer(seed: string, scope: string): Bucketer {
  const prefix = netstring(seed) + netstring(scope)
  return function bucketOf(key) {
    return Number(h64(prefix + netstring(key)) >> 11n)
  }
}

/** The scope whose draw is independent of the split of the same unit. */
export function sampleScope(unit: string): string {
  return `shadow/${unit}`
}

/** Primary is new iff bucket < threshold. 0 is nobody and 100 is everybody, exactly. */
export function thresholdOf(percent: number): number {
  return percent >= 100 ? BUCKETS : Math.floor((percent / 100) * BUCKETS)
}

function netstring(text: string): string {
  return `${Buffer.byteLength(text)}:${text},`
}
