// The dashboard's session: a token that a person has shown once, kept by their browser in two halves, each worth nothing alone.
//
//   page   = 32 bytes of chance, base64url; kept by the page, sent by it with every call
//   key    = HMAC-SHA256(seed, "banyan session 1 " page)
//   cookie = nonce (12 bytes), AES-256-GCM(key, nonce, expiry in ms "." token), tag (16 bytes); all of it base64url
//
// Nothing of it is kept here, so it outlives a restart and holds at every replica. It is opened to the token, which is then looked
// up as any token is: a signature over what the store knows would let whoever reads the store (seed, hashes) make sessions.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import type { Clock, EpochMs, Milliseconds } from '../model/units.ts'

export const SESSION_MS: Milliseconds = 12 * 3_600_000
const PAGE = /^[\w-]{43}$/
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Beyond a token of 512 characters, each of up to three bytes. */
const LONGEST = 2_300
/** Others on this host name may set cookies of our name: so many are tried. */
const MOST_TRIED = 8
/** Sessions that were signed out and are remembered. */
const MOST_ENDED = 50_000

export interface NewSession {
  /** The half of the page. */
  readonly page: string
  /** The half of the cookie. */
  readonly cookie: string
  readonly expiresAt: EpochMs
}

export interface ShownSession {
  readonly token: string
  readonly expiresAt: EpochMs
  /** False once it is over, was signed out here, or the seed has changed. Of the token it says nothing. */
  holds(): boolean
}

export interface Sessions {
  begin(token: string, tokenExpiresAt: EpochMs | null): NewSession
  /** null: there is none that both halves are of, or it is over. */
  open(cookies: readonly string[], page: string): ShownSession | null
  /** This process takes it no more. */
  end(page: string): void
}

export interface SessionParts {
  readonly clock: Clock
  readonly seed: () => string
}

export function isPageHalf(text: string): boolean {
  return PAGE.test(text)
}

export function createSessions({ clock, seed }: SessionParts): Sessions {
  /** Until when it would have held, by the page's half. */
  const ended = new Map<string, EpochMs>()

  function keyOf(page: string): Buffer {
    return createHmac('sha256', seed()).update(`banyan session 1 ${page}`).digest()
  }

  return {
    begin(token, tokenExpiresAt) {
      const page = randomBytes(32).toString('base64url')
      const expiresAt = Math.min(clock.now() + SESSION_MS, tokenExpiresAt ?? Number.POSITIVE_INFINITY)
      return { page, cookie: sealed(keyOf(page), `${expiresAt}.${token}`), expiresAt }
    },
    open(cookies, page) {
      if (!isPageHalf(page) || ended.has(page)) return null
      const [begunWith, key] = [seed(), keyOf(page)]
      for (const cookie of cookies.slice(0, MOST_TRIED)) {
        const text = opened(key, cookie)
        if (text === null) continue
        const dot = text.indexOf('.')
        const expiresAt = Number(text.slice(0, dot))
        const holds = () => clock.now() < expiresAt && !ended.has(page) && seed() === begunWith
        return holds() ? { token: text.slice(dot + 1), expiresAt, holds } : null
      }
      return null
    },
    end(page) {
      const now = clock.now()
      // In the order in which they end.
      for (const [one, until] of ended) {
        if (until > now) break
        ended.delete(one)
      }
      ended.set(page, now + SESSION_MS)
      const [oldest] = ended.keys()
      if (ended.size > MOST_ENDED && oldest !== undefined) ended.delete(oldest)
    },
  }
}

function sealed(key: Buffer, text: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

/** null: not sealed with this key, or altered since. */
function opened(key: Buffer, cookie: string): string | null {
  if (cookie.length > LONGEST) return null
  const bytes = Buffer.from(cookie, 'base64url')
  // Several texts may stand for the same bytes: one of them is ours.
  if (bytes.length <= NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== cookie) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return null
  }
}
