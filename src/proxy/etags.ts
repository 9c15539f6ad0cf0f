// Entity tags that say which side made them, so that one side never vouches for what the other one sent (RFC 9110, 8.8.3).
import type { Side } from '../model/route.ts'
import { splitOutsideQuotes } from './lists.ts'

/** Allowed in a tag, and not invented by anybody else at its end. */
const MARKS: Readonly<Record<Side, string>> = { legacy: '~l', new: '~n' }

/** A tag that no side has ever made: what is asked for it does not match. */
const NOBODYS = '"banyan:other-side"'

/** `"abc"` → `"abc~n"`, `W/"abc"` → `W/"abc~n"`; and also without the quotes, which some forget. */
export function etagPerSide(etag: string, side: Side): string {
  return etag.endsWith('"') && etag.length > 1 ? `${etag.slice(0, -1)}${MARKS[side]}"` : etag + MARKS[side]
}

/** What one side gets of an If-None-Match: its own tags as it made them; `''` when none is its own. */
export function etagForSide(ifNoneMatch: string, side: Side): string {
  if (ifNoneMatch.trim() === '*') return ifNoneMatch
  const own: string[] = []
  for (const part of splitOutsideQuotes(ifNoneMatch, ',', false)) {
    const tag = unmarked(part.trim(), side)
    if (tag !== null) own.push(tag)
  }
  return own.join(', ')
}

/** null: not this side's. */
function unmarked(tag: string, side: Side): string | null {
  const mark = MARKS[side]
  if (tag.endsWith(`${mark}"`)) return `${tag.slice(0, -mark.length - 1)}"`
  return tag.endsWith(mark) && tag.length > mark.length && !tag.includes('"') ? tag.slice(0, -mark.length) : null
}

/** Tags of a client, in one text, of which none is the side's. */
export function areForeign(ifNoneMatch: string, side: Side): boolean {
  return etagForSide(ifNoneMatch, side) === ''
}

/**
 * The same for every condition (RFC 9110, 13.1); `lower` is the field's name. If-None-Match may go when no tag is the side's:
 * then the answer is sent whole, for which If-Modified-Since has to go with it: alone it would be asked (13.1.3), and the date
 * is one that the other side told. If-Match and If-Range may not: without them a write would overwrite what its author has never
 * seen, and a range of one side would be glued to a part of the other. They become a condition that is not met.
 */
export function conditionForSide(lower: 'if-none-match' | 'if-match' | 'if-range', value: string, side: Side): string {
  if (lower === 'if-none-match') return etagForSide(value, side)
  // A date. Ours are never without a quote, but for those of backends that forget them, and these have our mark at the end.
  if (lower === 'if-range' && !value.includes('"') && unmarked(value, side) === null) return value
  const own = etagForSide(value, side)
  return own === '' ? NOBODYS : own
}
