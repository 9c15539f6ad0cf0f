// Tokens of ours that browsers and testers carry about: some fields, and a signature that only who knows the seed can make.
//
//   token      = deployment "." field "." … "." signature        fields are [A-Za-z0-9_-]*, in a fixed number
//   key        = HMAC-SHA256(seed, "banyan " purpose " 1")
//   deployment = HMAC-SHA256(key, "deployment"), base64url, its first 4 characters
//   signature  = HMAC-SHA256(key, length of scope ":" scope "," everything before its dot), base64url, its first 22
//
// HMAC: RFC 2104; 132 bits of it are kept. The scope is signed and not written. `deployment` proves nothing: it tells a token
// of another Banyan (or of a seed before) from one that somebody made up.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TokenResult } from '../model/exchange.ts'

const SIGNATURE_LENGTH = 22
/** No token of ours comes near. */
const LONGEST = 512

export interface Seal {
  sign(scope: string, fields: readonly string[]): string
  /** The fields of a genuine token, else what is wrong with it. */
  open(scope: string, token: string, count: number): readonly string[] | TokenResult
  /** A short name for a text that must not be told: 60 bits, the same with the same seed. */
  tag(text: string): string
}

export function createSeal(seed: string, purpose: string): Seal {
  const key = createHmac('sha256', seed).update(`banyan ${purpose} 1`).digest()
  const mac = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  const deployment = mac('deployment').slice(0, 4)
  const signatureOf = (scope: string, body: string) =>
    mac(`${scope.length}:${scope},${body}`).slice(0, SIGNATURE_LENGTH)
  return {
    sign(scope, fields) {
      const body = [deployment, ...fields].join('.')
      return `${body}.${signatureOf(scope, body)}`
    },
    open(scope, token, count) {
      if (token.length > LONGEST) return 'too_large'
      const parts = token.split('.')
      if (parts.length !== count + 2) return 'malformed'
      if (parts[0] !== deployment) return 'other_deployment'
      const given = Buffer.from(parts.at(-1) as string)
      const right = Buffer.from(signatureOf(scope, token.slice(0, token.lastIndexOf('.'))))
      return given.length === right.length && timingSafeEqual(given, right) ? parts.slice(1, -1) : 'forged'
    },
    tag: text => mac(`tag ${text}`).slice(0, 10),
  }
}
