// Certificates and keys in PEM: what is wrong with them is said when the file is read, not at the first handshake.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { EpochMs } from '../model/units.ts'
import { form, Wrong } from './values.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const KEY = /-----BEGIN (?:\w+ )*PRIVATE KEY-----[\s\S]+?-----END (?:\w+ )*PRIVATE KEY-----/
const DAY_MS = 86_400_000
/** Who renews by machine does it earlier. */
const SOON_DAYS = 14

/** Authorities to trust. */
export function pem() {
  return form<string>({
    allowed: 'PEM text, or file:PATH',
    pattern: `[\\s\\S]*${BEGIN}[\\s\\S]*|file:.+`,
    fromFile: true,
    read: text =>
      text.includes(BEGIN) ? text : new Wrong('no certificate in it', 'write file:PATH to take it from a file'),
    write: text => text,
  })
}

/** Our own certificate, then those between it and the authority. */
export function certificate() {
  return form<string>({
    allowed: 'PEM text of a certificate and its chain, or file:PATH',
    pattern: `[\\s\\S]*${BEGIN}[\\s\\S]*|file:.+`,
    fromFile: true,
    read: readCertificate,
    write: text => text,
  })
}

/** Keeps the certificates alone: a file that also holds the key must not show it. */
function readCertificate(text: string): string | Wrong {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) return new Wrong('no certificate in it', 'write file:PATH to take it from a file')
  for (const [index, block] of blocks.entries()) {
    if (!readable(block)) return new Wrong(`certificate ${index + 1} of ${blocks.length} in it cannot be read`)
  }
  return `${blocks.join('\n')}\n`
}

function readable(block: string): boolean {
  try {
    return new X509Certificate(block).subject !== null
  } catch {
    return false
  }
}

export function privateKey() {
  return form<string>({
    allowed: 'file:PATH of a private key in PEM, or an environment variable that holds one',
    pattern: 'file:.+',
    secret: true,
    fromFile: true,
    read: readKey,
    write: text => text,
  })
}

function readKey(text: string): string | Wrong {
  const [block] = KEY.exec(text) ?? []
  if (block === undefined) return new Wrong('no private key in it')
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(block)) {
    return new Wrong('the key is encrypted; write it without its passphrase: openssl pkey -in KEY -out PLAIN_KEY')
  }
  try {
    createPrivateKey(block)
    return block
  } catch {
    return new Wrong('the private key in it cannot be read')
  }
}

export interface Pair {
  readonly cert: string
  readonly key: string
}

/**
 * What the files of a plan's `tlsFiles` hold by now, for a listener that looks at them by itself. A Wrong says why the pair in use
 * stays: files are written one after the other, and in between they do not fit together.
 */
export function renewedPair(inUse: Pair, texts: readonly string[]): Pair | Wrong {
  const cert = readCertificate(texts.find(text => text.includes(BEGIN)) ?? inUse.cert)
  if (cert instanceof Wrong) return cert
  const key = readKey(texts.findLast(text => text.includes('PRIVATE KEY-----')) ?? inUse.key)
  if (key instanceof Wrong) return key
  const trouble = pairTrouble(cert, key)
  return trouble === null ? { cert, key } : new Wrong(trouble)
}

/** Why a server could not use them together; null: it can. */
export function pairTrouble(cert: string, key: string): string | null {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    return 'the key does not belong to the certificate'
  }
  try {
    createSecureContext({ cert, key })
    return null
  } catch (error) {
    return `TLS refuses them: ${(error as Error).message}`
  }
}

/** What clients will say about its dates; null: nothing. */
export function dateTrouble(cert: string, now: EpochMs): string | null {
  const { validFrom, validTo } = new X509Certificate(cert)
  const day = (text: string) => new Date(text).toISOString().slice(0, 10)
  if (Date.parse(validTo) <= now) return `the certificate expired on ${day(validTo)}`
  if (Date.parse(validFrom) > now) return `the certificate is valid from ${day(validFrom)} only`
  const days = Math.floor((Date.parse(validTo) - now) / DAY_MS)
  return days < SOON_DAYS ? `the certificate expires on ${day(validTo)}` : null
}

/** Why OpenSSL refuses a list of ciphers; null: it does not. */
export function cipherTrouble(ciphers: string): string | null {
  try {
    createSecureContext({ ciphers })
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_SSL_NO_CIPHER_MATCH'
      ? 'no cipher has such a name'
      : (error as Error).message
  }
}
