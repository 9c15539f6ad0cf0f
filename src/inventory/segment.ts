// What one segment of a path is: a word that the application's authors wrote, or a value that stands for one of many things.
//
// Guessed from the text alone, and on the careful side: what is taken for a word by mistake is collapsed later, when there are
// too many of its kind beside each other (tree.ts).

export type Kind =
  | { readonly kind: 'literal'; readonly text: string }
  /** One segment of any text. `name` is for people. */
  | { readonly kind: 'param'; readonly name: 'id' | 'date' | 'email' | 'name' | 'file' }
  /** The rest of the path, in a template only. */
  | { readonly kind: 'rest' }
  /** A file name, in a template only: any of that extension. */
  | { readonly kind: 'suffix'; readonly extension: string }

/** Longer ones are no words. */
const MAX_LITERAL = 80
const UUID = /^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$/i
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i
const NUMBER = /^[-+]?\d[\d.,:_~-]*$/
const DATE = /^(?:19|20)\d{2}-(?:0[1-9]|1[0-2])(?:-\d{2})?(?:T[\d:.Z%+-]*)?$/i
const HEX = /^(?=.*\d)[0-9a-f]{8,}$/i
const EMAIL = /^[^@]+(?:@|%40)[^@]+\.[^@]+$/i
/** `blue-shoes-1234`, `INV-2024-0012`, `order_8842`. */
const ENDS_IN_NUMBER = /[-_.~]\d{3,}$/
/** `blue-shoes-5f3a9c2b`. */
const ENDS_IN_HEX = /[-_.~](?=[a-f]*\d)[0-9a-f]{8,}$/i
/** `A123456`, `SKU00042`. */
const NUMBERED = /^[A-Za-z]{1,4}\d{4,}$/
/** `cus_9s6XKzkNRiz8i3`: a prefix of letters and a token. */
const PREFIXED = /^[a-z]{1,8}_(?=.*\d)[A-Za-z0-9]{8,}$/
const TOKEN = /^[A-Za-z0-9_.~=+-]+$/
const WELL_KNOWN_NAME = /^:([a-z]+)\d*$/i
const NAMES = ['id', 'date', 'email', 'name', 'file'] as const

/** Of the segment without its `;…`. */
export function kindOf(segment: string, isLast: boolean): Kind {
  // First, so that no expression below sees a long text.
  if (segment.length > MAX_LITERAL) return { kind: 'param', name: 'id' }
  if (segment === '*' && isLast) return { kind: 'rest' }
  const suffix = isLast ? /^\*\.([a-z0-9]{1,8})$/i.exec(segment)?.[1] : undefined
  if (suffix !== undefined) return { kind: 'suffix', extension: suffix.toLowerCase() }
  // What a pattern cannot say literally is a param there. Templates read again come out as they were.
  if (/^:|[*#]|^\{.*\}$|^\.\.?$/.test(segment)) {
    const named = WELL_KNOWN_NAME.exec(segment)?.[1]
    return { kind: 'param', name: NAMES.find(name => name === named) ?? 'id' }
  }
  if (EMAIL.test(segment)) return { kind: 'param', name: 'email' }
  if (DATE.test(segment)) return { kind: 'param', name: 'date' }
  if (isId(segment)) return { kind: 'param', name: 'id' }
  const dot = segment.lastIndexOf('.')
  if (dot > 0 && isId(segment.slice(0, dot))) {
    return isLast && isAsset(segment)
      ? { kind: 'suffix', extension: segment.slice(dot + 1).toLowerCase() }
      : { kind: 'param', name: 'file' }
  }
  return { kind: 'literal', text: segment }
}

export function isId(text: string): boolean {
  return (
    NUMBER.test(text) ||
    UUID.test(text) ||
    ULID.test(text) ||
    HEX.test(text) ||
    NUMBERED.test(text) ||
    PREFIXED.test(text) ||
    ENDS_IN_NUMBER.test(text) ||
    ENDS_IN_HEX.test(text) ||
    isToken(text)
  )
}

/** Base64 and its like: long, and digits among letters as no word has them. */
function isToken(text: string): boolean {
  if (text.length < 16 || !TOKEN.test(text)) return false
  if (/^eyJ[\w-]+\./.test(text)) return true
  const digits = text.replace(/\D/g, '').length
  if (/[-._~]/.test(text) && !/[A-Z]/.test(text)) return false
  const mixed = /[a-z]/.test(text) && /[A-Z]/.test(text)
  return mixed ? digits >= 2 : text.length >= 20 && digits >= 3
}

/** Of the file name that a segment is, lower case; null: it has none. */
export function extensionOf(segment: string): string | null {
  return /[^.]\.([a-z0-9]{1,8})$/i.exec(segment)?.[1]?.toLowerCase() ?? null
}

const ASSETS = new Set(
  'css js mjs map png jpg jpeg gif svg svgz webp avif ico bmp cur woff woff2 ttf otf eot mp4 webm mp3 ogg wav wasm swf'.split(
    ' ',
  ),
)

/** A file that no program makes: the same for everybody. */
export function isAsset(segment: string): boolean {
  const extension = extensionOf(segment)
  return extension !== null && ASSETS.has(extension)
}
