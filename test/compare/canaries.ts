// Secrets and people that must be nowhere, in the ways in which texts write them.
import fc from 'fast-check'

/** Found wherever they stand, whatever their name is. */
export const CANARIES = [
  'ann.canary+x@example.com',
  '4111111111111111',
  '5500 0000 0000 0004',
  '3714-496353-98431',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl',
  'Bearer canary-7f3a',
  'Basic Y2FuYXJ5OnNlY3JldA==',
  'sk_live_canary4242',
  'Zm9vQmFyMTIzNDU2Nzg5MGFiY2RlZg9xY2',
  '5d41402abc4b2a76b9719d911017c592',
  'GB82 WEST 1234 5698 7654 32',
]
/** A part of each that is nowhere else. */
const heart = (canary: string) =>
  canary.includes(' ') && /^B[ea]/.test(canary) ? (canary.split(' ')[1] as string) : canary

const escapes: readonly ((text: string) => string)[] = [
  text => text,
  text => encodeURIComponent(text),
  text => encodeURIComponent(encodeURIComponent(text)),
  text => text.replace(/[@ .]/g, sign => `\\u00${sign.charCodeAt(0).toString(16)}`),
  text => text.replace(/[@ .]/g, sign => `&#${sign.charCodeAt(0)};`),
  text => text.replace(/[@ .]/g, sign => `&#x${sign.charCodeAt(0).toString(16)};`),
]
const unescaped = (text: string) => {
  let plain = text
  for (let i = 0; i < 3; i++) {
    plain = plain
      .replace(/%([\da-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\u([\da-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/&#x([\da-f]+);/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/&#(\d+);/g, (_, digits) => String.fromCharCode(Number(digits)))
  }
  return plain
}
const canary = fc.constantFrom(...CANARIES)
export const escaped = fc
  .tuple(canary, fc.constantFrom(...escapes))
  .map(([text, write]) => ({ text, written: write(text) }))
const holds = (shown: string, text: string) =>
  unescaped(shown).includes(heart(text)) || shown.includes(heart(text)) ? `${text} in ${shown}` : null

/** Throws where it is still there. */
export function isGone(shown: string, text: string): void {
  const found = holds(shown, text)
  if (found !== null) throw new Error(found)
}
