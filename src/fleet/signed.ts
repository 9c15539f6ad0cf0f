// How instances know each other's words: every push and every answer carries an HMAC made with the fleet's secret.
//
// A push is signed over its method, path and body. An answer is signed over the signature of the push that it answers and its
// own body, so that nobody between can give an answer of another push, and nobody without the secret can give one at all.
import { createHmac, timingSafeEqual } from 'node:crypto'

export const PUSH_METHOD = 'POST'
export const PUSH_PATH = '/fleet/v1/rollbacks'
export const SIGNATURE_HEADER = 'x-banyan-signature'

/** As the header says it: `v1=` and 64 hex digits. */
export function signPush(secret: string, body: Uint8Array): string {
  return signature(secret, [PUSH_METHOD, '\n', PUSH_PATH, '\n', body])
}

export function signAnswer(secret: string, push: string, body: Uint8Array): string {
  return signature(secret, ['answer', '\n', push, '\n', body])
}

/** `given` is what came in the header; in constant time for any that has the form. */
export function isSigned(given: string | null, expected: string): boolean {
  if (given === null || !/^v1=[0-9a-f]{64}$/.test(given)) return false
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}

function signature(secret: string, parts: readonly (string | Uint8Array)[]): string {
  const mac = createHmac('sha256', secret)
  for (const part of parts) mac.update(part)
  return `v1=${mac.digest('hex')}`
}
