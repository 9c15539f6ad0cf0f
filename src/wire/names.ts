// What a header field is to a proxy, by its name.
//
// Names are met in few spellings: each is checked, lowered and classed once, and found again by one look-up.

/** `plain` crosses untouched; everything else is somebody's business here. */
export type Kind =
  | 'plain'
  /** Hop-by-hop (RFC 9110, 7.6.1): ends here. */
  | 'hop'
  | 'keep-alive'
  | 'te'
  | 'coding'
  | 'connection'
  | 'upgrade'
  | 'host'
  | 'length'
  /** X-Forwarded-*, X-Real-IP and Forwarded: ours to write. */
  | 'forwarded'
  /** Another spelling that some backends fold onto one of ours, as `X_Forwarded_For`: dropped. */
  | 'twin'
  | 'cookie'
  | 'set-cookie'
  | 'expect'
  | 'trailer'
  | 'trace'
  | 'loop'
  /** Says that a request is a copy, which only we may say: dropped. */
  | 'shadow'
  | 'location'
  | 'link'
  | 'challenge'
  | 'cache'
  | 'etag'
  /** Expires and Last-Modified: what a cache reckons an age by. */
  | 'age'
  | 'type'
  | 'encoding'

export const LOOP_HEADER = 'X-Banyan-Loop'
export const SHADOW_HEADER = 'X-Banyan-Shadow'

const FORWARDED = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]
const HOP = ['proxy-connection', 'proxy-authenticate', 'proxy-authorization']
/** Cache-Control for some caches only, who heed it above the other: RFC 9213, and what was there before it. */
const TARGETED = [
  'cdn-cache-control',
  'cloudflare-cdn-cache-control',
  'netlify-cdn-cache-control',
  'vercel-cdn-cache-control',
  'akamai-cache-control',
  'surrogate-control',
  'x-accel-expires',
]
const OWN = [...FORWARDED, LOOP_HEADER.toLowerCase(), SHADOW_HEADER.toLowerCase()]

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...HOP.map(name => [name, 'hop'] as const),
  ...FORWARDED.map(name => [name, 'forwarded'] as const),
  ['keep-alive', 'keep-alive'],
  ['te', 'te'],
  ['transfer-encoding', 'coding'],
  ['connection', 'connection'],
  ['upgrade', 'upgrade'],
  ['host', 'host'],
  ['content-length', 'length'],
  ['cookie', 'cookie'],
  ['set-cookie', 'set-cookie'],
  ['expect', 'expect'],
  ['trailer', 'trailer'],
  ['traceparent', 'trace'],
  [LOOP_HEADER.toLowerCase(), 'loop'],
  [SHADOW_HEADER.toLowerCase(), 'shadow'],
  ['location', 'location'],
  ['content-location', 'location'],
  ['link', 'link'],
  ['www-authenticate', 'challenge'],
  ['authorization', 'challenge'],
  ['cache-control', 'cache'],
  ...TARGETED.map(name => [name, 'cache'] as const),
  ['etag', 'etag'],
  ['content-type', 'type'],
  ['content-encoding', 'encoding'],
  ['expires', 'age'],
  ['last-modified', 'age'],
])

/** Nobody can have these removed by naming them in `Connection`. */
const PROTECTED: ReadonlySet<Kind> = new Set(['host', 'length', 'coding', 'forwarded', 'loop', 'trace', 'set-cookie'])

export interface Known {
  readonly lower: string
  readonly kind: Kind
  /** False: `Connection` may name it as hop-by-hop. */
  readonly isProtected: boolean
  /** RFC 9110, 5.1: a token. */
  readonly isToken: boolean
}

const spellings = new Map<string, Known>()
const MOST_SPELLINGS = 4096
const LONGEST_SPELLING = 64
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

export function knownAs(name: string): Known {
  const known = spellings.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  const kind = KINDS.get(lower) ?? (isTwin(lower) ? 'twin' : 'plain')
  const fresh: Known = { lower, kind, isProtected: PROTECTED.has(kind), isToken: TOKEN.test(name) }
  // Bounded, for clients that invent names; and a copy, because a slice would keep the whole head that it was cut from.
  if (name.length <= LONGEST_SPELLING && spellings.size < MOST_SPELLINGS) {
    spellings.set(Buffer.from(name, 'latin1').toString('latin1'), fresh)
  }
  return fresh
}

function isTwin(lower: string): boolean {
  return /[_.]/.test(lower) && OWN.includes(lower.replace(/[_.]/g, '-'))
}
