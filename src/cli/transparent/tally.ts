// Adds up what the pairs came to: one report, which is also what `--json` prints. Bounded whatever the servers send.
import type { WireRequest } from '../asking/answer.ts'
import type { SelectionCounts } from '../asking/select.ts'
import { targetShown } from '../asking/shown.ts'
import type { Proved } from './prove.ts'
import { type AddedTime, addedTime, type PairTime } from './time.ts'

export interface Report {
  readonly verdict: 'identical' | 'different' | 'inconclusive'
  /** Why it is not a verdict on everything: what kept it from that, for people. */
  readonly because: readonly string[]
  readonly direct: string
  readonly via: string
  /** Null: as each line of the input says, else the direct side's authority. */
  readonly host: string | null
  readonly selected: number
  readonly asked: number
  /** Answered on both ways, and compared. */
  readonly compared: number
  readonly identical: number
  readonly varies: number
  readonly different: number
  readonly unsteady: number
  readonly failed: { readonly direct: number; readonly both: number }
  /** Of the identical: compared up to `--max-body` only. */
  readonly cut: number
  /** What the backend's own answers differ in, with how many requests do, and one of them. */
  readonly varying: readonly (Counted & { readonly example: string })[]
  /** What one connection may do otherwise: framing and protocol version. No difference. */
  readonly reframed: readonly (Counted & { readonly direct: string; readonly via: string })[]
  readonly differences: readonly Group[]
  /** Groups that are not listed, because there are too many. */
  readonly moreDifferences: number
  readonly failures: readonly (Counted & { readonly example: string })[]
  readonly time: AddedTime | null
  readonly warmUpPairs: number
  readonly input: SelectionCounts
}

export interface Counted {
  readonly what: string
  readonly count: number
}

/** One kind of difference of one template. */
export interface Group {
  readonly kind: 'different' | 'unsteady'
  readonly method: string
  readonly template: string
  readonly what: string
  readonly count: number
  /** The first that was found. */
  readonly example: {
    readonly target: string
    readonly host: string | null
    readonly direct: string
    readonly via: string
  }
}

export interface Tally {
  add(proved: Proved): void
  readonly asked: number
  readonly different: number
  report(about: About): Report
}

export interface About {
  readonly direct: string
  readonly via: string
  readonly host: string | null
  readonly selected: number
  /** Why not all were asked; null: they were. */
  readonly stopped: string | null
  readonly input: SelectionCounts
}

const MOST_GROUPS = 200
const MOST_WHATS = 50
/** Of ten requests, so many must have an answer on both ways for a verdict. */
const ENOUGH = 0.9

export function createTally(): Tally {
  const counts = { asked: 0, compared: 0, identical: 0, varies: 0, different: 0, unsteady: 0, cut: 0, warmUpPairs: 0 }
  const failed = { direct: 0, both: 0 }
  const varying = new Map<string, Counted & { example: string }>()
  const reframed = new Map<string, Counted & { direct: string; via: string }>()
  const failures = new Map<string, Counted & { example: string }>()
  const groups = new Map<string, Group>()
  const times: PairTime[] = []
  let more = 0

  const addDifferent = (request: WireRequest, { kind, differences }: Differing): void => {
    for (const { key, direct, via } of differences) {
      const at = `${kind} ${request.method} ${request.template} ${key}`
      const known = groups.get(at)
      if (known === undefined && groups.size >= MOST_GROUPS) {
        more++
        continue
      }
      const { method, template, target, host } = request
      const first = {
        kind,
        method,
        template,
        what: key,
        count: 0,
        example: { target: targetShown(target), host, direct, via },
      }
      groups.set(at, { ...(known ?? first), count: (known?.count ?? 0) + 1 })
    }
  }

  const addTime = ({ direct, via, warmUp, verdict }: Proved): void => {
    if (direct.kind === 'failure' || via.kind === 'failure' || direct.status !== via.status) return
    if (verdict.kind !== 'identical' && verdict.kind !== 'varies') return
    if (warmUp) counts.warmUpPairs++
    else times.push({ directMs: direct.elapsedMs, viaMs: via.elapsedMs })
  }

  return {
    get asked() {
      return counts.asked
    },
    get different() {
      return counts.different
    },
    add(proved) {
      const { verdict, request } = proved
      counts.asked++
      addTime(proved)
      if (verdict.kind === 'failed') {
        failed[verdict.way]++
        count(failures, `${verdict.way === 'both' ? 'both ways' : 'direct'}: ${verdict.why}`, {
          example: exampleOf(request),
        })
        return
      }
      counts.compared++
      counts[verdict.kind]++
      if (verdict.kind === 'different' || verdict.kind === 'unsteady') {
        addDifferent(request, verdict)
        return
      }
      if (verdict.kind === 'identical' && verdict.cut) counts.cut++
      for (const { key, direct, via } of verdict.hop) count(reframed, key, { direct, via })
      if (verdict.kind === 'varies')
        for (const key of verdict.keys) count(varying, key, { example: exampleOf(request) })
    },
    report(about) {
      const because = reasons(counts, failed, about)
      return {
        verdict: counts.different > 0 ? 'different' : because.length > 0 ? 'inconclusive' : 'identical',
        because,
        direct: about.direct,
        via: about.via,
        host: about.host,
        selected: about.selected,
        ...counts,
        failed,
        varying: mostFirst(varying),
        reframed: mostFirst(reframed),
        differences: mostFirst(groups),
        moreDifferences: more,
        failures: mostFirst(failures),
        time: addedTime(times),
        input: about.input,
      }
    },
  }
}

type Differing = Extract<Proved['verdict'], { readonly differences: unknown }>

function reasons(
  counts: { readonly asked: number; readonly compared: number; readonly unsteady: number },
  failed: Report['failed'],
  { stopped, selected }: About,
): readonly string[] {
  const without = failed.direct + failed.both
  return [
    ...(stopped === null ? [] : [`${stopped} after ${counts.asked} of ${selected}`]),
    ...(counts.compared < ENOUGH * counts.asked || counts.compared === 0
      ? [`${without} of ${counts.asked} had no answer that could be compared`]
      : []),
    ...(counts.unsteady > 0 ? [`${counts.unsteady} differed once and not in the same way again`] : []),
  ]
}

function exampleOf({ method, target }: WireRequest): string {
  return `${method} ${targetShown(target)}`
}

function count<Extra extends object>(counted: Map<string, Counted & Extra>, what: string, extra?: Extra): void {
  const known = counted.get(what)
  if (known !== undefined) counted.set(what, { ...known, count: known.count + 1 })
  else if (counted.size < MOST_WHATS) counted.set(what, { what, count: 1, ...(extra as Extra) })
}

function mostFirst<T extends { readonly count: number }>(counted: ReadonlyMap<string, T>): readonly T[] {
  return [...counted.values()].toSorted((a, b) => b.count - a.count)
}
