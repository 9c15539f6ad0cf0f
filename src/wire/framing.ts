// Where a message's body ends (RFC 9112, 6.3): found out in one place for requests and in one for answers.
import type { Fields } from './fields.ts'
import type { Answer } from './head.ts'
import { HeadError, type Lenience, letIn } from './lenience.ts'

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

export const NO_BODY: Framing = { kind: 'none' }
export const CHUNKED: Framing = { kind: 'chunked' }
export const UNTIL_CLOSE: Framing = { kind: 'close' }

export function requestFraming({ isChunked, length }: Fields): Framing {
  if (isChunked) return CHUNKED
  return length > 0 ? { kind: 'length', bytes: length } : NO_BODY
}

/** Of the answer to a request with this method. */
export function answerFraming({ status, minor, fields }: Answer, method: string, lenience: Lenience): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY
  if (fields.isChunked) {
    if (minor === 0) throw new HeadError('a transfer coding in HTTP/1.0')
    return CHUNKED
  }
  if (fields.length !== -1) return { kind: 'length', bytes: fields.length }
  if (minor === 1 && !fields.closes) {
    letIn('close-delimited', lenience, 'neither a length nor a coding nor Connection: close')
  }
  return UNTIL_CLOSE
}
