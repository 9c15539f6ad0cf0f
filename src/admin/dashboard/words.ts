// How figures are written: units beside numbers, "–" for what there is none of, times in UTC.
import { HAZARDS } from '../../model/hazards.ts'

export const NONE = '–'

/** 5 → `5 %`, 0.25 → `0.25 %`. */
export function percentText(percent: number | null): string {
  return percent === null ? NONE : `${trim(percent, 2)} %`
}

/** 0 to 1, in percent; small ones are not rounded away. */
export function ratioText(ratio: number | null): string {
  if (ratio === null) return NONE
  const percent = ratio * 100
  if (percent === 0) return '0 %'
  if (percent < 0.01) return '< 0.01 %'
  if (percent > 99.99 && percent < 100) return '> 99.99 %'
  return `${percent < 1 ? trim(percent, 2) : trim(percent, 1)} %`
}

export function millisText(ms: number | null): string {
  if (ms === null) return NONE
  if (ms >= 10_000) return `${trim(ms / 1000, 0)} s`
  if (ms >= 1_000) return `${trim(ms / 1000, 2)} s`
  return ms >= 10 ? `${Math.round(ms)} ms` : `${trim(ms, ms < 1 ? 2 : 1)} ms`
}

export function rateText(perSecond: number | null): string {
  if (perSecond === null) return NONE
  if (perSecond === 0) return '0'
  if (perSecond < 0.1) return '< 0.1'
  return perSecond < 100 ? trim(perSecond, 1) : countText(perSecond)
}

/** 12345 → `12 345`, 1234567 → `1.23 M`. */
export function countText(count: number | null): string {
  if (count === null) return NONE
  if (count >= 1e6) return `${trim(count / 1e6, 2)} M`
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

/** How long something is, or is ago. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h`
  return `${Math.floor(hours / 24)} d`
}

/** `2026-11-27 10:42:05`, UTC. */
export function utcText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

export function many(count: number, one: string, more = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : more}`
}

/** Of texts that are looked at letter by letter: controls, bidi overrides, zero width and the like are shown, not obeyed. */
export function plain(text: string): string {
  return text.replace(HAZARDS, hazard => `\\u{${(hazard.codePointAt(0) ?? 0).toString(16)}}`)
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
