// What instances of one fleet say to each other directly is signed with the secret that they share: HMAC-SHA256 (RFC 2104) over
// method, path and body of a request; over the request's signature and the body of its answer, so that an answer belongs to
// one question. Nothing in it is secret, and what is heard twice is harmless; what is very old is refused.
import { createHmac, timingSafeEqual } from 'node:crypto'

/** Where it stands, in requests and answers. */
export const SIGNATURE_HEADER = 'x-banyan-signature'
const VERSION = 'v1='

export function signRequest(secret: string, method: string, path: string, body: string): string {
  return sign(secret, `${method}\n${path}\n${body}`)
}

/** `request`: the signature of the request that is answered. */
export function signAnswer(secret: string, request: string, body: string): string {
  return sign(secret, `answer\n${request}\n${body}`)
}

/** In a time that says nothing of where they differ. */
export function isSigned(given: string | undefined, expected: string): boolean {
  const left = Buffer.from(given ?? '')
  const right = Buffer.from(expected)
  return left.length === right.length && timingSafeEqual(left, right)
}

function sign(secret: string, text: string): string {
  return VERSION + createHmac('sha256', secret).update(text).digest('hex')
}
