// Takes content codings off a body, within a limit: what a few bytes decompress to may be as large as it likes.
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { BodyCopy } from '../model/comparison.ts'
import type { HeaderList } from '../model/exchange.ts'
import type { Bytes } from '../model/units.ts'
import { split } from './header-values.ts'

/** `huge`: more than the limit. `broken`: not what the coding says. `unknown`: nobody here knows the coding. */
export type Decoded =
  | { readonly bytes: Uint8Array }
  | { readonly problem: 'huge' | 'broken' | 'unknown'; readonly what: string }

type Decoder = (bytes: Uint8Array, options: { readonly maxOutputLength: Bytes }) => Uint8Array

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', deflated],
  ['br', brotliDecompressSync],
  ['zstd', zstdDecompressSync],
])

/** More are not in use, but each could multiply the size by a thousand. */
const MOST_CODINGS = 4

const NAME = 'content-encoding'
const NO_CODINGS: readonly string[] = []

/** In the order in which they were put on, lower case; `identity` is none. */
export function codingsOf(headers: HeaderList): readonly string[] {
  let codings = NO_CODINGS
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length !== NAME.length || name.toLowerCase() !== NAME) continue
    const named = split((headers[i + 1] as string).toLowerCase(), ',')
    codings = [...codings, ...named.filter(coding => coding !== 'identity')]
  }
  return codings
}

/** `body` is whole. What has no body (HEAD, 304) names a coding all the same. */
export function decoded(body: BodyCopy, codings: readonly string[], maxBytes: Bytes): Decoded {
  let bytes = body.start
  if (bytes.length === 0) return { bytes }
  if (codings.length > MOST_CODINGS) return { problem: 'unknown', what: `${codings.length} content codings` }
  for (const coding of codings.toReversed()) {
    const decode = DECODERS.get(coding)
    if (decode === undefined) return { problem: 'unknown', what: `content coding ${coding.slice(0, 40)}` }
    try {
      bytes = decode(bytes, { maxOutputLength: Math.max(1, maxBytes) })
    } catch (error) {
      if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return { problem: 'huge', what: `more than ${maxBytes} bytes` }
      return { problem: 'broken', what: `not ${coding}: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
  return { bytes }
}

/** zlib's format by the book; some servers send the bare stream. */
function deflated(bytes: Uint8Array, options: { readonly maxOutputLength: Bytes }): Uint8Array {
  try {
    return inflateSync(bytes, options)
  } catch (error) {
    if (codeOf(error) !== 'Z_DATA_ERROR') throw error
    return inflateRawSync(bytes, options)
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
