// Clocks: jumps of ours (the wall against the monotonic one), and how far those of backends are from it, by the Date of their
// answers. A Date has whole seconds and was written somewhere between question and answer: one says little, the median of
// many is good to about a second.
import { headerOf, type Sample } from '../model/exchange.ts'
import type { Clock, EpochMs, Milliseconds } from '../model/units.ts'
import { countText, type Finding } from './finding.ts'

const JUMP_MS: Milliseconds = 1_000
const KEPT = 64
const ENOUGH = 10
const MOST_BACKENDS = 256
/** Slower answers say too little about when their Date was written. */
const SLOWEST_MS: Milliseconds = 2_000
const SKEW_MS: Milliseconds = 2_500
const BAD_SKEW_MS: Milliseconds = 60_000
const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

export interface ClockWatch {
  sample(sample: Sample): void
  findings(): Finding[]
}

export function createClockWatch(clock: Clock): ClockWatch {
  const skews = new Map<string, Milliseconds[]>()
  let offset = clock.now() - clock.monotonic()
  let jumps = 0
  let largest: Milliseconds = 0
  let lastAt: EpochMs | null = null

  function look(): void {
    const now = clock.now()
    const next = now - clock.monotonic()
    const jump = next - offset
    offset = next
    if (Math.abs(jump) < JUMP_MS) return
    jumps++
    lastAt = now
    if (Math.abs(jump) > Math.abs(largest)) largest = jump
    // They were against another clock.
    skews.clear()
  }

  function ofUs(): Finding {
    const of = { area: 'clock' as const, route: null }
    if (jumps === 0) {
      return { ...of, code: 'clock_steady', level: 'ok', message: 'our clock did not jump', evidence: { jumps } }
    }
    const message = `our wall clock jumped ${jumps === 1 ? 'once' : `${jumps} times`}, by ${secondsText(largest)} at most: times in logs, the audit and cookies are off by as much; let a time service slew it`
    return { ...of, code: 'clock_jump', level: 'warn', message, evidence: { jumps, largestMs: largest, lastAt } }
  }

  function ofBackend(backend: string, values: readonly Milliseconds[]): Finding[] {
    if (values.length < ENOUGH) return []
    const skewMs = Math.round(median(values))
    const evidence = { backend, skewMs, answers: values.length }
    const of = { area: 'clock' as const, route: null, evidence }
    if (Math.abs(skewMs) < SKEW_MS) {
      const message = `backend ${backend}: the Date of its answers agrees with our clock to a second or two`
      return [{ ...of, code: 'clock_agrees', level: 'ok', message }]
    }
    const way = skewMs > 0 ? 'ahead of' : 'behind'
    const level = Math.abs(skewMs) >= BAD_SKEW_MS ? 'bad' : 'warn'
    const message = `backend ${backend}: the Date of its answers is ${secondsText(Math.abs(skewMs))} ${way} our clock (median of ${countText(values.length, 'answer')}): tokens, expiry and "last write wins" differ between the sides by as much`
    return [{ ...of, code: 'clock_skew', level, message }]
  }

  return {
    sample({ exchange, answerHeaders }) {
      look()
      const { decision, backendMs, totalMs, overheadMs } = exchange
      if (decision === null || backendMs === null || backendMs > SLOWEST_MS) return
      const date = headerOf(answerHeaders, 'date')
      // A cache repeats the Date of long ago.
      if (date === null || !DATE.test(date) || headerOf(answerHeaders, 'age') !== null) return
      const written = Date.parse(date)
      if (Number.isNaN(written)) return
      const askedAt = clock.now() - totalMs + (overheadMs ?? 0)
      const backend = decision.route.sides[decision.side]?.name ?? decision.side
      let known = skews.get(backend)
      if (known === undefined) {
        if (skews.size >= MOST_BACKENDS) return
        known = []
        skews.set(backend, known)
      }
      known.push(written + 500 - (askedAt + backendMs / 2))
      if (known.length > KEPT) known.shift()
    },
    findings() {
      look()
      return [ofUs(), ...[...skews].flatMap(([backend, values]) => ofBackend(backend, values))]
    },
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

function secondsText(ms: Milliseconds): string {
  const seconds = ms / 1000
  return Math.abs(seconds) >= 120 ? `${Math.round(seconds / 60)} minutes` : `${Number(seconds.toFixed(1))} s`
}
