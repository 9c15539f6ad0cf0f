// The certificate of the data listener, renewed when its files are: also without `watch`, and also while the rest of the
// configuration cannot be read. Says what an operator should know about it.
import { X509Certificate } from 'node:crypto'
import { dateTrouble, type Pair, renewedPair } from './config/certificate.ts'
import { readBytesNow, wordsOf } from './config/files.ts'
import { Wrong } from './config/values.ts'
import { type FileWatch, watchFiles } from './config/watch.ts'
import type { LogLine } from './log.ts'
import type { Plan } from './model/snapshot.ts'
import type { Clock, EpochMs, Milliseconds } from './model/units.ts'

/** A change has to stand for as long again, because a certificate and its key are written one after the other. */
const LOOK_MS: Milliseconds = 2_000

export interface CertificateParts {
  plan(): Pick<Plan, 'tls' | 'tlsFiles'>
  /** New connections get it from now on. */
  renew(pair: Pair): void
  readonly clock: Pick<Clock, 'now'>
  readonly log: LogLine
  /** Between two looks at the files. */
  readonly lookMs?: Milliseconds
}

export interface Certificates {
  /** After a swap: the configuration may have read a new pair. */
  swapped(): void
  /** Until when the one in use is valid; null: no TLS. */
  validTo(): EpochMs | null
  warnings(): { readonly code: string; readonly message: string; readonly route: null }[]
  close(): void
}

export function createCertificates(parts: CertificateParts): Certificates {
  const { clock, log } = parts
  /** What the configuration read last. Its pair may be older than the one in use. */
  let read = parts.plan()
  let inUse = read.tls
  let trouble: string | null = null
  let watch: FileWatch | null = null

  function use(pair: Pair): void {
    trouble = null
    if (inUse !== null && inUse.cert === pair.cert && inUse.key === pair.key) return
    inUse = pair
    parts.renew(pair)
    log('info', 'proxy.tls: a renewed certificate is in force')
    const dates = dateTrouble(pair.cert, clock.now())
    if (dates !== null) log('warn', `proxy.tls: ${dates}`)
  }

  function look(): void {
    if (inUse === null) return
    const pair = readPair(inUse, read.tlsFiles)
    if (!(pair instanceof Wrong)) {
      use(pair)
      return
    }
    trouble = pair.hint === null ? pair.message : `${pair.message}; ${pair.hint}`
    log('warn', `proxy.tls: the files have changed and cannot be used, the certificate in force stays: ${trouble}`)
  }

  function follow(): void {
    watch?.close()
    // A stamp that no file has: whatever changed since the configuration was read is told at the first look.
    const files = new Map(read.tlsFiles.map(file => [file, '']))
    const intervalMs = parts.lookMs ?? LOOK_MS
    watch = inUse === null || files.size === 0 ? null : watchFiles({ files, onChange: look, log, intervalMs })
  }

  follow()
  return {
    swapped() {
      const plan = parts.plan()
      if (plan.tls === read.tls) return
      read = plan
      // TLS on or off is a matter of a restart.
      if (inUse === null || plan.tls === null) return
      use(plan.tls)
      follow()
    },
    warnings() {
      if (inUse === null) return []
      const dates = dateTrouble(inUse.cert, clock.now())
      const kept =
        trouble === null ? null : `the changed files cannot be used, and the old certificate stays: ${trouble}`
      return [
        ...(dates === null ? [] : [{ code: 'certificate_dates', message: `proxy.tls: ${dates}`, route: null }]),
        ...(kept === null ? [] : [{ code: 'certificate_not_renewed', message: `proxy.tls: ${kept}`, route: null }]),
      ]
    },
    validTo: () => (inUse === null ? null : Date.parse(new X509Certificate(inUse.cert).validTo)),
    close: () => watch?.close(),
  }
}

function readPair(inUse: Pair, files: readonly string[]): Pair | Wrong {
  const texts: string[] = []
  for (const file of new Set(files)) {
    try {
      const text = Buffer.from(readBytesNow(file)).toString('utf8')
      // What is in no file is taken to come from elsewhere, and stays: an emptied file must not pass for that.
      if (!/-----BEGIN (CERTIFICATE|[A-Z ]*PRIVATE KEY)-----/.test(text)) {
        return new Wrong(`${file}: neither a certificate nor a private key in it`)
      }
      texts.push(text)
    } catch (error) {
      const { message, allowed } = wordsOf(error)
      return new Wrong(allowed === null ? message : `${message}; it must be ${allowed}`)
    }
  }
  return renewedPair(inUse, texts)
}
