// Certificates and keys for tests, made anew by openssl.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Pem {
  readonly cert: string
  readonly key: string
  readonly encryptedKey: string
  /** Of another pair. */
  readonly other: { readonly cert: string; readonly key: string }
}

/** Valid for 30 days from now; null where there is no openssl. */
export function makePem(): Pem | null {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-pem-'))
  const at = (name: string) => join(directory, name)
  const text = (name: string) => readFileSync(at(name), 'utf8')
  const openssl = (words: string, ...more: string[]) =>
    execFileSync('openssl', [...words.split(' '), ...more], { stdio: 'ignore' })
  const make = (name: string) =>
    openssl(
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj',
      `/CN=${name}.example`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
    )
  try {
    make('one')
    make('two')
    openssl('pkey -aes256 -passout pass:x', '-in', at('one.key'), '-out', at('encrypted.key'))
    return {
      cert: text('one.pem'),
      key: text('one.key'),
      encryptedKey: text('encrypted.key'),
      other: { cert: text('two.pem'), key: text('two.key') },
    }
  } catch {
    return null
  } finally {
    rmSync(directory, { recursive: true })
  }
}
