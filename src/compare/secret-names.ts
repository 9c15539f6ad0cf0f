// Which names say that what they name is a secret, however they are spelled: `api_key`, `X-Api-Key`, `apiKey`.
import { wordsOfName } from '../model/name-words.ts'

/** Whole words of a name. */
const WORDS = new Set(
  (
    'password passwd passphrase passcode pwd secret token jwt authorization auth bearer cookie cookies session sid ' +
    'ssn cvv cvv2 cvc cvc2 csc iban pin pan otp totp csrf xsrf signature sig'
  ).split(' '),
)
/** Anywhere in a name without its signs. */
const INSIDE =
  /passw|passphrase|secret|token|apikey|accesskey|privatekey|credential|authoriz|sessionid|sessid|cardnumber|creditcard/
/** In a query they are secrets of OAuth and signed links; elsewhere they are anything. */
const IN_QUERIES = new Set(['code', 'state', 'key'])
/** They talk about credentials and bear none. */
const HARMLESS = /^(?:access-control-|www-authenticate$|proxy-authenticate$)/

export function isSecretName(name: string): boolean {
  if (name.length > 256) return false
  const words = wordsOfName(name)
  return words.some(word => WORDS.has(word)) || INSIDE.test(words.join(''))
}

/** Of a member that holds many of them, each under itself: `{"sessions": {"9f…": …}}`. */
export function isMapOfSecrets(name: string): boolean {
  return /s$/i.test(name) && (isSecretName(name) || isSecretName(name.slice(0, -1)))
}

export function isSecretParameter(name: string): boolean {
  return IN_QUERIES.has(name.toLowerCase()) || isSecretName(name)
}

/** `name` is lower case. */
export function isSecretHeader(name: string): boolean {
  return !HARMLESS.test(name) && isSecretName(name)
}
