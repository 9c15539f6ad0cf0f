// Which of our few representations a client prefers, by its Accept field (RFC 9110, 12.5.1).
import { splitOutsideQuotes } from './lists.ts'

export type Form = 'problem' | 'html' | 'text'

/** Best first among equals. A client that names JSON in any way is given the problem document, which is JSON. */
const FORMS: readonly { readonly form: Form; readonly types: readonly string[] }[] = [
  { form: 'problem', types: ['application/problem+json', 'application/json'] },
  { form: 'html', types: ['text/html'] },
  { form: 'text', types: ['text/plain'] },
]

/** One member of an Accept field; `type` is lower case: `text/html`, `text/*`. */
export interface MediaRange {
  readonly type: string
  /** It has parameters before `q`. */
  readonly narrowed: boolean
  readonly quality: number
}

/**
 * The form of the highest quality. Nothing asked, or nothing of ours accepted: the problem document, because an error has to be
 * said somehow (RFC 9110 allows that, 12.5.1).
 */
export function preferredForm(accept: string | null): Form {
  if (accept === null) return 'problem'
  const ranges = readAccept(accept)
  let best: Form = 'problem'
  let bestQuality = 0
  for (const { form, types } of FORMS) {
    const quality = qualityOf(types, ranges)
    if (quality > bestQuality) {
      best = form
      bestQuality = quality
    }
  }
  return best
}

/**
 * The most specific range counts, whatever the others say. For one of several names of the same thing, the first that is named
 * in full. Parameters are none of ours, so a range with some (`text/html;level=1`) counts where no plainer one names the type:
 * near to what was asked is better than nothing of it.
 */
function qualityOf(types: readonly string[], ranges: readonly MediaRange[]): number {
  for (const narrowed of [false, true]) {
    for (const type of types) {
      const named = best(ranges, range => range.type === type && range.narrowed === narrowed)
      if (named !== null) return named
    }
  }
  const family = `${types[0]?.split('/', 1)[0]}/*`
  return best(ranges, range => range.type === family) ?? best(ranges, range => range.type === '*/*') ?? 0
}

function best(ranges: readonly MediaRange[], fits: (range: MediaRange) => boolean): number | null {
  let quality: number | null = null
  for (const range of ranges) if (fits(range) && range.quality > (quality ?? -1)) quality = range.quality
  return quality
}

/** Longer than any client's; what stands behind it is not asked for. */
const LONGEST_ACCEPT = 4096

/** Members that make no sense are left out. */
export function readAccept(text: string): MediaRange[] {
  const ranges: MediaRange[] = []
  for (const member of splitOutsideQuotes(text.slice(0, LONGEST_ACCEPT), ',')) {
    const [first = '', ...parameters] = splitOutsideQuotes(member, ';')
    const type = first.trim().toLowerCase()
    if (!isRange(type)) continue
    let quality: number | null = 1
    let narrowed = false
    for (const parameter of parameters) {
      const text = parameter.trim().toLowerCase()
      if (text.startsWith('q=')) quality = readQuality(text.slice(2))
      else if (text !== '') narrowed = true
    }
    if (quality !== null) ranges.push({ type, narrowed, quality })
  }
  return ranges
}

function isRange(type: string): boolean {
  const slash = type.indexOf('/')
  return slash > 0 && slash < type.length - 1 && (type[0] !== '*' || type === '*/*')
}

/** RFC 9110, 12.4.2, and `.5` and more digits as well; null: not a weight. */
function readQuality(text: string): number | null {
  return text.length <= 16 && /^(\d|\d?\.\d+|\d\.)$/.test(text) ? Math.min(1, Number(text)) : null
}
