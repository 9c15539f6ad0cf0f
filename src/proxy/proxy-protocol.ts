// The PROXY protocol, versions 1 and 2, as HAProxy's `proxy-protocol.txt` has it: who is on the other end of a balancer that
// speaks no HTTP. Only for connections of peers that are named: whoever may send this header may claim any address.
import { isIP } from 'node:net'
import { canonical } from './address.ts'

export interface ProxyHeader {
  /** The client; null: the balancer speaks for itself (LOCAL, UNKNOWN, UNIX …), so the socket's own addresses count. */
  readonly address: string | null
  /** The client's port; 0 without an address. */
  readonly port: number
  /** The port that the client spoke to; 0 without an address. */
  readonly localPort: number
  /** Length of the header: what follows is the client's. */
  readonly bytes: number
}

/** What an incomplete or foul header is answered with: wait, or close the connection without a word. */
export type ProxyRead = ProxyHeader | 'more' | { readonly error: string }

const V1_START = Buffer.from('PROXY ')
/** Section 2.1, its CRLF included. */
const V1_LONGEST = 107

const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
const V2_FIXED = 16
/** Addresses take 216 bytes at most; the rest is TLVs that we do not read. */
const V2_LONGEST = 4096

/** `bytes` is everything that has come so far, at least up to `V2_LONGEST`. */
export function readProxyHeader(bytes: Buffer): ProxyRead {
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? 'more' : readV1(bytes)
  if (startsLike(bytes, V2_START)) return bytes.length < V2_FIXED ? 'more' : readV2(bytes)
  return { error: 'no PROXY header' }
}

/** True also for a beginning of it. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

/** `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n` */
function readV1(bytes: Buffer): ProxyRead {
  const text = bytes.toString('latin1', 0, V1_LONGEST)
  const end = text.indexOf('\n')
  if (end === -1) return text.length < V1_LONGEST ? 'more' : { error: 'PROXY v1: the line is too long' }
  if (text[end - 1] !== '\r') return { error: 'PROXY v1: the line does not end with CRLF' }
  const line = text.slice(0, end - 1)
  if (line.includes('\r')) return { error: 'PROXY v1: a bare CR' }
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = line.split(' ')
  // Whatever else it says is not to be read.
  if (family === 'UNKNOWN') return ofItself(end + 1)
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
  if (version === 0) return { error: 'PROXY v1: neither TCP4, TCP6 nor UNKNOWN' }
  if (isIP(source) !== version || isIP(destination) !== version || source.includes('%')) {
    return { error: `PROXY v1: not two addresses of ${family}` }
  }
  if (more.length > 0 || !isPort(sourcePort) || !isPort(destinationPort)) return { error: 'PROXY v1: not two ports' }
  return {
    address: version === 4 ? source : canonical(source),
    port: Number(sourcePort),
    localPort: Number(destinationPort),
    bytes: end + 1,
  }
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535
}

const LOCAL = 0x20
const PROXY = 0x21

/** Family and transport, with the length of the addresses; `isTold` where they are of TCP. */
const FAMILIES: ReadonlyMap<number, { readonly length: number; readonly isTold: boolean }> = new Map([
  [0x00, { length: 0, isTold: false }],
  [0x11, { length: 12, isTold: true }],
  [0x12, { length: 12, isTold: false }],
  [0x21, { length: 36, isTold: true }],
  [0x22, { length: 36, isTold: false }],
  [0x31, { length: 216, isTold: false }],
  [0x32, { length: 216, isTold: false }],
])

/** Signature, version and command, family and transport, length, addresses, TLVs. */
function readV2(bytes: Buffer): ProxyRead {
  const command = bytes.readUInt8(12)
  if (command >> 4 !== 2) return { error: 'PROXY v2: another version' }
  if (command !== LOCAL && command !== PROXY) return { error: 'PROXY v2: neither LOCAL nor PROXY' }
  const total = V2_FIXED + bytes.readUInt16BE(14)
  if (total > V2_LONGEST) return { error: 'PROXY v2: the header is too long' }
  const family = FAMILIES.get(bytes.readUInt8(13))
  // LOCAL: everything that follows is skipped, family included.
  if (command === PROXY) {
    if (family === undefined) return { error: 'PROXY v2: an unassigned family or transport' }
    if (total < V2_FIXED + family.length) return { error: 'PROXY v2: too short for its addresses' }
  }
  if (bytes.length < total) return 'more'
  if (command === LOCAL || family?.isTold !== true) return ofItself(total)
  const each = family.length === 12 ? 4 : 16
  const ports = V2_FIXED + 2 * each
  return {
    address: each === 4 ? ipv4(bytes) : ipv6(bytes),
    port: bytes.readUInt16BE(ports),
    localPort: bytes.readUInt16BE(ports + 2),
    bytes: total,
  }
}

function ipv4(bytes: Buffer): string {
  return bytes.subarray(V2_FIXED, V2_FIXED + 4).join('.')
}

function ipv6(bytes: Buffer): string {
  const groups: string[] = []
  for (let at = V2_FIXED; at < V2_FIXED + 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  return canonical(groups.join(':'))
}

function ofItself(bytes: number): ProxyHeader {
  return { address: null, port: 0, localPort: 0, bytes }
}
