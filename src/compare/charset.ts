// Bytes to text: by the byte order mark, else by the charset that was named, else as UTF-8. What does not fit is not text.
import { TextDecoder } from 'node:util'

const MOST_DECODERS = 64
const decoders = new Map<string, TextDecoder | null>()

/** null: not text in that charset, or nobody knows the charset. `charset` in lower case. */
export function textOf(bytes: Uint8Array, charset: string | null): string | null {
  const label = markOf(bytes) ?? charset ?? 'utf-8'
  if (label.startsWith('utf-32')) return utf32(bytes, label)
  const decoder = decoderOf(label)
  if (decoder === null) return null
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

function markOf(bytes: Uint8Array): string | null {
  const [a, b, c, d] = bytes
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8'
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 && bytes.length % 4 === 0 ? 'utf-32le' : 'utf-16le'
  if (a === 0xfe && b === 0xff) return 'utf-16be'
  return a === 0 && b === 0 && c === 0xfe && d === 0xff ? 'utf-32be' : null
}

/** They drop a byte order mark. */
function decoderOf(label: string): TextDecoder | null {
  const known = decoders.get(label)
  if (known !== undefined) return known
  let decoder: TextDecoder | null = null
  try {
    decoder = new TextDecoder(label, { fatal: true })
  } catch {
    // No such charset.
  }
  if (decoders.size < MOST_DECODERS) decoders.set(label, decoder)
  return decoder
}

/** Big endian unless it is said to be little. */
function utf32(bytes: Uint8Array, label: string): string | null {
  if (bytes.length % 4 !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 4) {
    const point = view.getUint32(at, label === 'utf-32le')
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null
    if (at > 0 || point !== 0xfeff) parts.push(String.fromCodePoint(point))
  }
  return parts.join('')
}

/** How far into a page browsers look for its charset. */
const PROLOGUE_BYTES = 1024
const DECLARATIONS = {
  xml: /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)/,
  html: /<meta\s[^>]*?charset\s*=\s*["']?([\w.:-]+)/i,
}

/** As the document itself says, lower case; null: it does not. */
export function declaredCharset(bytes: Uint8Array, kind: 'xml' | 'html'): string | null {
  const start = Buffer.from(bytes.subarray(0, PROLOGUE_BYTES)).toString('latin1')
  const charset = DECLARATIONS[kind].exec(start)?.[1]?.toLowerCase() ?? null
  // What could be read until here is none of those.
  return charset === null || /^ut[fc]-?(?:16|32)/.test(charset) ? null : charset
}
