// Reads requests and chunked bodies slowly and in the plainest way, to be compared with what src/wire reads. Bytes are latin1
// text. null: refused, or not complete.

export interface PlainRequest {
  readonly method: string
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly framing: number | 'chunked' | null
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** `text` ends with the empty line. */
export function plainRequest(text: string): PlainRequest | null {
  const lines = text.slice(0, -4).split('\r\n')
  if (lines.some(line => [...line].some(isControl))) return null
  const [method, target, version, ...more] = (lines[0] ?? '').split(' ')
  if (method === undefined || target === undefined || version === undefined || more.length > 0) return null
  if (!TOKEN.test(method) || method.length > 64 || target === '' || /[\t#]/.test(target)) return null
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return null
  const fields: (readonly [string, string])[] = []
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    if (colon === -1 || !TOKEN.test(line.slice(0, colon))) return null
    fields.push([line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')])
  }
  const all = (name: string) => fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
  const [hosts, lengths, codings, expects] = [
    all('host'),
    all('content-length'),
    all('transfer-encoding'),
    all('expect'),
  ]
  if (hosts.length > 1 || (hosts.length === 0 && version === 'HTTP/1.1')) return null
  if (hosts[0] !== undefined && !isHost(hosts[0])) return null
  if (lengths.length + codings.length > 1) return null
  if (lengths[0] !== undefined && !/^[0-9]{1,15}$/.test(lengths[0])) return null
  if (codings[0] !== undefined && (codings[0].toLowerCase() !== 'chunked' || version === 'HTTP/1.0')) return null
  if (expects.length > 0 && expects.join(', ').toLowerCase() !== '100-continue') return null
  const framing = codings.length > 0 ? 'chunked' : lengths[0] === undefined ? null : Number(lengths[0])
  return { method, target, fields, framing }
}

function isControl(char: string): boolean {
  return (char < ' ' && char !== '\t') || char === '\x7f'
}

function isHost(host: string): boolean {
  const [, name = '', address] = /^(?:([^[\]:]+)|\[([^[\]]+)\])(?::[0-9]{0,5})?$/.exec(host) ?? []
  return address === undefined ? /^[A-Za-z0-9._~!$&'()*+,;=%-]+$/.test(name) : /^[0-9A-Fa-f:.]+$/.test(address)
}

export interface PlainBody {
  readonly data: string
  readonly trailers: readonly string[]
  /** Where it ended. */
  readonly end: number
}

export function plainChunks(text: string): PlainBody | null {
  let data = ''
  let at = 0
  for (;;) {
    const line = /^([0-9A-Fa-f]{1,13})(;[\t\x20-\x7e\x80-\xff]*)?\r\n/.exec(text.slice(at))
    if (line === null) return null
    const size = Number.parseInt(line[1] as string, 16)
    at += line[0].length
    if (size === 0) break
    data += text.slice(at, at + size)
    if (text.slice(at + size, at + size + 2) !== '\r\n') return null
    at += size + 2
  }
  const trailers: string[] = []
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return null
    const line = text.slice(at, end)
    at = end + 2
    if (line === '') return { data, trailers, end: at }
    const colon = line.indexOf(':')
    if (colon === -1 || !TOKEN.test(line.slice(0, colon)) || [...line].some(isControl)) return null
    trailers.push(line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''))
  }
}

export interface Sent extends PlainRequest {
  readonly body: string
  readonly trailers: readonly string[]
}

/** Every request of a connection that is sent as one, in order, up to what is refused or not complete. */
export function plainRequests(bytes: string): Sent[] {
  const found: Sent[] = []
  let rest = bytes
  for (;;) {
    rest = rest.replace(/^[\r\n]+/, '')
    const end = rest.indexOf('\r\n\r\n')
    const request = end === -1 ? null : plainRequest(rest.slice(0, end + 4))
    if (request === null) return found
    const after = rest.slice(end + 4)
    const chunks = request.framing === 'chunked' ? plainChunks(after) : null
    const length = request.framing === 'chunked' ? (chunks?.end ?? -1) : (request.framing ?? 0)
    if (length === -1 || length > after.length) return found
    found.push({ ...request, body: chunks?.data ?? after.slice(0, length), trailers: chunks?.trailers ?? [] })
    rest = after.slice(length)
  }
}
