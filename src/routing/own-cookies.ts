// The names of cookies that are ours, and that no backend gets.
import { LINK_COOKIE } from './links.ts'
import { PIN_COOKIE, SESSION_COOKIE } from './pins.ts'
import { AUTO_COOKIE } from './sticky.ts'

/** Every name of ours begins so. */
export const OWN_PREFIX = 'banyan_'

export function isOwnCookie(name: string): boolean {
  if (!name.startsWith(OWN_PREFIX)) return false
  return name === AUTO_COOKIE || name === SESSION_COOKIE || name.startsWith(PIN_COOKIE) || name.startsWith(LINK_COOKIE)
}
