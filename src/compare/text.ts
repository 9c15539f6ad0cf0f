// The first place where two texts differ, as people look at it: a piece of both around it, and where that is.

const MOST_SHOWN = 120
/** Of these so many before the difference. */
const BEFORE = 40

export interface TextDifference {
  readonly legacy: string
  readonly new: string
  readonly note: string
}

/** They differ. */
export function firstTextDifference(legacy: string, fresh: string): TextDifference {
  const at = commonLength(legacy, fresh)
  return { legacy: excerpt(legacy, at), new: excerpt(fresh, at), note: placeIn(legacy, at) }
}

export function commonLength(legacy: string, fresh: string): number {
  const end = Math.min(legacy.length, fresh.length)
  let at = 0
  while (at < end && legacy.charCodeAt(at) === fresh.charCodeAt(at)) at++
  return at
}

export function excerpt(text: string, at: number): string {
  const start = text.length <= MOST_SHOWN ? 0 : Math.max(0, at - BEFORE)
  const end = Math.min(text.length, start + MOST_SHOWN)
  // A copy: a slice would keep the whole text alive.
  const piece = Buffer.from(text.slice(start, end).toWellFormed()).toString()
  return `${start > 0 ? '…' : ''}${piece}${end < text.length ? '…' : ''}`
}

/** In lines and columns from 1 on. */
export function placeIn(text: string, at: number): string {
  let line = 1
  let start = 0
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', start)) {
    line++
    start = end + 1
  }
  return `line ${line}, column ${at - start + 1}`
}
