// Secrets in paths: what stands behind a secret's name, where it looks like a word.
//
// Here, because both who learns templates and who redacts targets have to agree on it.

import { wordsOfName } from './name-words.ts'

const LONGEST_NAME = 80
/** What stands behind these in a path is most likely one, short and readable as people's are: `/token/hunter2`. */
const SECRETS =
  'token password passwd passcode secret apikey accesskey privatekey otp jwt session sessionid invite invitation reset activation confirmation magiclink credential'
const SECRET_NAMES = new Set(SECRETS.split(' ').flatMap(name => [name, `${name}s`]))
/** Words that applications put there themselves. */
const OWN =
  'new edit reset forgot forgotten forget refresh revoke login logout signin signout sign log in out verify verification confirm accept decline current me self my status list all validate introspect change update create delete remove info search check count active expired settings callback authorize token tokens password passwords email phone code codes request requests send resend done success error failed index start end session sessions user users admin api public keys policy rules strength history'
const OWN_WORDS = new Set(OWN.split(' '))
const MOST_OWN_WORDS = 3

/** Whether a segment that looks like a word is most likely a secret, by the name in front of it. */
export function isSecretAfter(name: string, segment: string): boolean {
  if (segment === '' || name.length > LONGEST_NAME) return false
  const named = wordsOfName(name)
  const isNamed = SECRET_NAMES.has(named.at(-1) ?? '') || SECRET_NAMES.has(named.slice(-2).join(''))
  if (!isNamed) return false
  const words = wordsOfName(segment.replace(/\.[a-z0-9]{1,8}$/i, ''))
  return words.length > MOST_OWN_WORDS || !words.every(word => OWN_WORDS.has(word))
}
