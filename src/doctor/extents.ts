// How large requests are, against the limits: what `profile: standard` would cut of today's traffic, and how large a limit
// would have to be.
import type { Sample } from '../model/exchange.ts'
import type { Limits } from '../model/route.ts'
import { countText, type Finding, type Remedy, type Sighted } from './finding.ts'

/** Of what the configuration takes. */
const MOST = { target: 2 ** 20, fields: 10_000, body: 2 ** 40 } as const

export interface Extents {
  sample(sample: Sample): void
  findings(limits: Limits, sighted: readonly Sighted[], sampled: number): Finding[]
}

type Sized = keyof typeof MOST

export function createExtents(): Extents {
  const largest: Record<Sized, number> = { target: 0, fields: 0, body: 0 }

  return {
    sample({ head, requestBytes }) {
      largest.target = Math.max(largest.target, head.target.length)
      largest.fields = Math.max(largest.fields, head.headers.length / 2)
      largest.body = Math.max(largest.body, requestBytes)
    },
    findings(limits, sighted, sampled) {
      const now: Readonly<Record<Sized, number | null>> = {
        target: limits.targetBytes,
        fields: limits.fields,
        body: limits.bodyBytes,
      }
      const evidence = { ...largest }
      const crossed = sighted.flatMap(({ code, message, count, note }): Finding[] => {
        if (note.kind !== 'would-cut') return []
        const { limit } = note
        const sized = limit === 'target' || limit === 'fields' || limit === 'body' ? limit : null
        const remedy = sized === null ? null : remedyOf(sized, largest[sized], now[sized])
        const seen = sized === null ? {} : { largest: largest[sized] }
        const evidence = { limit, count, ...seen }
        const mended = remedy === null ? {} : { remedy }
        return [{ area: 'limits', code, level: 'warn', message, route: null, evidence, ...mended }]
      })
      if (crossed.length > 0) return crossed
      const message =
        sampled === 0
          ? 'no request was looked at yet'
          : `nothing would have been cut; of ${countText(sampled, 'request')} looked at the largest target has ${countText(largest.target, 'byte')}, the most fields are ${largest.fields}, the largest body has ${countText(largest.body, 'byte')}`
      const code = sampled === 0 ? 'limits_unknown' : 'limits_kept'
      return [{ area: 'limits', code, level: sampled === 0 ? 'note' : 'ok', message, route: null, evidence }]
    },
  }
}

/** Twice what was seen; null: the one that crossed it was not looked at, so nobody knows. */
function remedyOf(limit: Sized, largest: number, now: number | null): Remedy | null {
  if (now === null || largest <= now) return null
  return { kind: 'limit', limit, most: Math.min(MOST[limit], largest * 2) }
}
