// Which header fields cross the proxy, and which we write ourselves.
//
// Order, case, repetition and latin1 bytes of everything else stay as they came. Hop-by-hop fields end here (RFC 9110,
// 7.6.1), so does what `Connection` names; but nobody can strip framing, Host or our own fields by naming them there.
import type { HeaderList } from '../model/exchange.ts'

/** What a field is to us. `plain` crosses. */
type Kind =
  | 'plain'
  | 'hop'
  | 'coding'
  | 'connection'
  | 'host'
  | 'length'
  | 'forwarded'
  | 'cookie'
  | 'expect'
  | 'trailer'
  | 'trace'
  | 'loop'

/** Ours to write; what an unnamed peer sends under these names is dropped. */
const FORWARDED = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]
export const LOOP_HEADER = 'X-Banyan-Loop'

const HOP = ['keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'upgrade']

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...HOP.map(name => [name, 'hop'] as const),
  ['transfer-encoding', 'coding'],
  ['connection', 'connection'],
  ['host', 'host'],
  ['content-length', 'length'],
  ...FORWARDED.map(name => [name, 'forwarded'] as const),
  ['cookie', 'cookie'],
  ['expect', 'expect'],
  ['trailer', 'trailer'],
  ['traceparent', 'trace'],
  [LOOP_HEADER.toLowerCase(), 'loop'],
])

interface Known {
  readonly lower: string
  readonly kind: Kind
}

/** Names are met in few spellings; each is lowered and classed once. Bounded, for clients that invent names. */
const spellings = new Map<string, Known>()
const MOST_SPELLINGS = 4096
const LONGEST_SPELLING = 64

function knownAs(name: string): Known {
  let known = spellings.get(name)
  if (known === undefined) {
    const lower = name.toLowerCase()
    known = { lower, kind: KINDS.get(lower) ?? 'plain' }
    if (name.length <= LONGEST_SPELLING && spellings.size < MOST_SPELLINGS) spellings.set(name, known)
  }
  return known
}

/** What one look over a request's fields tells; the data path looks once. */
export interface Facts {
  /** The first Host; null without one. */
  readonly host: string | null
  readonly hosts: number
  /** A body is framed: RFC 9112, 6.3. */
  readonly hasBody: boolean
  /** `other`: a transfer coding that nobody may pass on. */
  readonly coding: 'chunked' | 'other' | null
  readonly traceparent: string | null
  readonly loopMark: string | null
  /** Somebody forwards for somebody. */
  readonly forwards: boolean
  /** Names that `Connection` lists beside its own words; null when there are none, which is nearly always. */
  readonly named: ReadonlySet<string> | null
}

export function readFacts(headers: HeaderList): Facts {
  let host: string | null = null
  let hosts = 0
  let hasBody = false
  let coding: Facts['coding'] = null
  let traceparent: string | null = null
  let loopMark: string | null = null
  let forwards = false
  let named: Set<string> | null = null
  for (let i = 0; i < headers.length; i += 2) {
    const { kind } = knownAs(headers[i] as string)
    if (kind === 'plain' || kind === 'hop' || kind === 'cookie') continue
    const value = headers[i + 1] as string
    if (kind === 'host') {
      hosts++
      host ??= value
    } else if (kind === 'coding') {
      coding = coding === null && isChunked(value) ? 'chunked' : 'other'
      hasBody = true
    } else if (kind === 'length') hasBody ||= Number(value) > 0
    else if (kind === 'trace') traceparent ??= value
    else if (kind === 'loop') loopMark ??= value
    else if (kind === 'forwarded') forwards = true
    else if (kind === 'connection') named = addNames(named, value)
  }
  return { host, hosts, hasBody, coding, traceparent, loopMark, forwards, named }
}

/** What we say about the client to a backend. */
export interface Forwarded {
  /** The socket's own address. */
  readonly peer: string
  /** True: the peer is named in `clientIp.from`, and what it says of the client is kept and continued. */
  readonly trusted: boolean
  /** The client's address by `clientIp`. */
  readonly client: string
  readonly proto: 'http' | 'https'
  /** Port that the client spoke to. */
  readonly port: number
}

export interface RequestRewrite {
  readonly forwarded: Forwarded
  readonly facts: Facts
  /** Text for Host; null keeps the client's. */
  readonly host: string | null
  /** Our own cookie's name, withheld from backends. */
  readonly ownCookie: string
  /** Lower-case name of the override header, withheld; null: none. */
  readonly withheld: string | null
  /** Value for a traceparent where the client sent none. */
  readonly traceparent: string
  /** Mark that lets us know our own request again; null: this backend cannot be us. */
  readonly loopMark: string | null
}

/** The fields that a backend gets. */
export function requestHeaders(headers: HeaderList, rewrite: RequestRewrite): string[] {
  const { named, host, traceparent } = rewrite.facts
  const out: string[] = []
  let given: ForwardedFields | null = null
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    const { lower, kind } = knownAs(name)
    if (kind === 'plain') {
      if (lower !== rewrite.withheld && !named?.has(lower)) out.push(name, value)
    } else if (kind === 'host') {
      out.push(name, rewrite.host ?? value)
    } else if (kind === 'cookie') {
      const rest = withoutCookie(value, rewrite.ownCookie)
      if (rest !== '' && !named?.has(lower)) out.push(name, rest)
    } else if (kind === 'forwarded') {
      given ??= { for: null, proto: null, host: null, port: null, real: null, forwarded: null }
      remember(given, lower, value)
    } else if (kind === 'length' || kind === 'trace' || kind === 'loop') {
      // Another proxy's loop mark crosses; our own was answered 508 before it came here.
      out.push(name, value)
    }
  }
  if (traceparent === null) out.push('traceparent', rewrite.traceparent)
  if (rewrite.loopMark !== null) out.push(LOOP_HEADER, rewrite.loopMark)
  pushForwarded(out, given, rewrite.forwarded, host)
  return out
}

interface ForwardedFields {
  for: string | null
  proto: string | null
  host: string | null
  port: string | null
  real: string | null
  forwarded: string | null
}

function remember(given: ForwardedFields, lower: string, value: string): void {
  const key =
    (
      {
        'x-forwarded-for': 'for',
        'x-forwarded-proto': 'proto',
        'x-forwarded-host': 'host',
        'x-forwarded-port': 'port',
        'x-real-ip': 'real',
      } as const
    )[lower] ?? 'forwarded'
  given[key] = given[key] === null ? value : `${given[key]}, ${value}`
}

function pushForwarded(out: string[], given: ForwardedFields | null, by: Forwarded, host: string | null): void {
  const kept = by.trusted ? given : null
  out.push('X-Forwarded-For', kept?.for ? `${kept.for}, ${by.peer}` : by.peer)
  out.push('X-Forwarded-Proto', kept?.proto ?? by.proto)
  const toldHost = kept?.host ?? host
  if (toldHost !== null) out.push('X-Forwarded-Host', toldHost)
  out.push('X-Forwarded-Port', kept?.port ?? String(by.port))
  // These two are only continued: a backend that never saw them does not begin to.
  if (given !== null && given.real !== null) out.push('X-Real-IP', by.client)
  if (given !== null && given.forwarded !== null) {
    const element = `for=${quotedAddress(by.peer)};proto=${by.proto}`
    out.push('Forwarded', kept?.forwarded ? `${kept.forwarded}, ${element}` : element)
  }
}

/** RFC 7239, 6: IPv6 in brackets and quotes. */
function quotedAddress(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

/** RFC 9112, 6.1: the one coding that is framing and not content. */
function isChunked(value: string): boolean {
  return value.trim().toLowerCase() === 'chunked'
}

/**
 * The fields that a client gets, without hop-by-hop ones; `trailers` keeps the announcement of trailers. Throws on a transfer
 * coding other than chunked: its body would arrive coded, without a word of it.
 */
export function responseHeaders(status: number, raw: readonly Buffer[], trailers: boolean): string[] {
  const out: string[] = []
  let named: Set<string> | null = null
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as Buffer).toString('latin1')
    const { kind } = knownAs(name)
    if (kind === 'coding' && !isChunked((raw[i + 1] as Buffer).toString('latin1'))) {
      throw Object.assign(new Error('unknown transfer coding'), { code: 'UNKNOWN_CODING' })
    }
    // RFC 9110, 8.6: no length in a 204.
    if (kind === 'length' && status === 204) continue
    if (kind === 'hop' || kind === 'coding' || (kind === 'trailer' && !trailers)) continue
    const value = (raw[i + 1] as Buffer).toString('latin1')
    if (kind === 'connection') named = addNames(named, value)
    else out.push(name, value)
  }
  return named === null ? out : withoutNamed(out, named)
}

function addNames(named: Set<string> | null, value: string): Set<string> | null {
  if (value === 'keep-alive' || value === 'close') return named
  let result = named
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase()
    if (token === '' || token === 'keep-alive' || token === 'close' || token === 'upgrade') continue
    result ??= new Set()
    result.add(token)
  }
  return result
}

function withoutNamed(headers: readonly string[], named: ReadonlySet<string>): string[] {
  const out: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const { lower, kind } = knownAs(headers[i] as string)
    if (kind === 'length' || !named.has(lower)) out.push(headers[i] as string, headers[i + 1] as string)
  }
  return out
}

/** A Cookie field's text without one cookie; untouched, byte for byte, when it is not there. */
function withoutCookie(value: string, name: string): string {
  if (!value.includes(`${name}=`)) return value
  return value
    .split(';')
    .filter(pair => pair.slice(0, pair.indexOf('=')).trim() !== name)
    .join(';')
    .trimStart()
}
