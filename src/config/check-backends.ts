// Rules across keys of a backend: its addresses, its TLS, its probes and its queue. A side with words of its own is checked
// likewise.
import { isOwnCookie } from '../routing/own-cookies.ts'
import { answersAt, plainHost } from './addresses.ts'
import { cipherTrouble } from './certificate.ts'
import {
  type Checked,
  checkExactlyOne,
  type Data,
  isMapping,
  list,
  mapping,
  originOf,
  type Path,
} from './check-data.ts'
import type { Finding } from './mistakes.ts'
import { duration } from './values.ts'

export function* checkBackends(checked: Checked): Generator<Finding> {
  for (const [name, value] of Object.entries(checked.backends.by)) {
    const backend = mapping(value)
    const path = ['backends', name]
    if (isMapping(value)) yield* checkExactlyOne(backend, ['url', 'urls'], path)
    yield* checkOrigin(backend.url, [...path, 'url'], checked)
    for (const [index, url] of list(backend.urls).entries()) yield* checkOrigin(url, [...path, 'urls', index], checked)
    yield* checkTogether(list(backend.urls), [...path, 'urls'])
    yield* checkSettings(backend, {}, path)
  }
}

/** What a backend and a side may both say; `base` is the backend that the side names. */
export function* checkSettings(own: Data, base: Data, path: Path): Generator<Finding> {
  yield* checkTls(mapping(own.tls), mapping(base.tls), [...path, 'tls'])
  yield* checkHealth(mapping(own.health), [...path, 'health'])
  const most = own.maxConcurrent ?? base.maxConcurrent ?? 'none'
  const { size = 200, wait = '2s' } = mapping(own.queue)
  // The defaults may stand there: a configuration that is shown has them all.
  if (most === 'none' && (size !== 200 || wait !== '2s')) {
    yield {
      path: [...path, 'queue'],
      at: 'key',
      level: 'warning',
      message: 'nobody waits in the queue: maxConcurrent is none',
      hint: 'add maxConcurrent: the number of requests that it can take at the same time',
    }
  }
  if (typeof own.balance === 'string' && isOwnCookie(own.balance.replace(/^cookie:/, ''))) {
    yield {
      path: [...path, 'balance'],
      message: 'this cookie is our own',
      allowed: 'cookie: with another name',
      hint: 'for example cookie:node',
    }
  }
}

/** Listeners whose callers get rights. */
const OPERATED_BY = new Set(['admin', 'sides', 'fleet'])

export function* checkOrigin(value: unknown, path: Path, { listeners }: Checked): Generator<Finding> {
  const origin = originOf(value)
  if (origin === null) return
  const { hostname, port, protocol } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const own = listeners.find(({ at }) => answersAt(at, host, Number(port || (protocol === 'https:' ? 443 : 80))))
  if (own !== undefined && OPERATED_BY.has(own.name)) {
    yield {
      path,
      message: `this is our own listener of ${own.name}: clients would reach it through the proxy`,
      allowed: 'the address of a service',
      hint: 'operators call it directly, or by a proxy of their own',
    }
  } else if (own !== undefined) {
    yield { path, level: 'warning', message: `this is our own listener (${own.name}): requests would go in circles` }
  }
  yield* checkMetadata(plainHost(host), path)
}

/** Where clouds hand out the credentials of the machine to whoever asks. */
const METADATA =
  /^(169\.254\.169\.(254|253)|169\.254\.170\.2|100\.100\.100\.200|fd00:ec2::254|metadata\.google\.internal|metadata\.goog|instance-data(\.ec2\.internal)?)$/
const LINK_LOCAL = /^(169\.254\.|fe[89ab][0-9a-f]:)/

function* checkMetadata(host: string, path: Path): Generator<Finding> {
  if (METADATA.test(host)) {
    yield {
      path,
      message: 'the metadata service of a cloud: clients would get the credentials of this machine',
      allowed: 'the address of a service',
      hint: null,
    }
  } else if (LINK_LOCAL.test(host)) {
    yield { path, level: 'warning', message: 'a link-local address: services of the machine’s own are there' }
  }
}

/** Addresses of one service: each once, all of one scheme, because the TLS settings are for all of them. */
function* checkTogether(urls: readonly unknown[], path: Path): Generator<Finding> {
  const first = new Map<string, number>()
  const scheme = urls
    .map(originOf)
    .find(origin => origin !== null)
    ?.split(':', 1)[0]
  for (const [index, url] of urls.entries()) {
    const origin = originOf(url)
    if (origin === null) continue
    const before = first.get(origin)
    if (before !== undefined) {
      yield {
        path: [...path, index],
        message: `the same address as entry ${before + 1}`,
        allowed: 'each address once',
        hint: 'remove one of them',
      }
    }
    if (before === undefined) first.set(origin, index)
    if (!origin.startsWith(`${scheme}:`)) {
      yield {
        path: [...path, index],
        message: `the addresses of a backend have one scheme, and the first is ${scheme}`,
        allowed: 'all http, or all https',
        hint: 'name two backends',
      }
    }
  }
}

function* checkTls(tls: Data, base: Data, path: Path): Generator<Finding> {
  if (tls.verify === false) {
    yield {
      path: [...path, 'verify'],
      level: 'warning',
      message: 'certificates are not checked: anybody in between can read and change the traffic',
      hint: 'trust the authority instead: tls: { ca: file:ca.pem }',
    }
  }
  const { minVersion, ciphers } = tls
  if (minVersion === 'TLSv1' || minVersion === 'TLSv1.1') {
    const low = /@SECLEVEL=0\b/.test(String(ciphers ?? base.ciphers ?? ''))
    yield {
      path: [...path, 'minVersion'],
      level: 'warning',
      message: `${minVersion} is broken: who stands in between can attack it`,
      hint: low ? null : 'OpenSSL speaks it only with ciphers: DEFAULT@SECLEVEL=0',
    }
  }
  if (typeof ciphers === 'string' && ciphers !== '') {
    const trouble = cipherTrouble(ciphers)
    if (trouble !== null) {
      yield {
        path: [...path, 'ciphers'],
        message: `not a list of ciphers: ${trouble}`,
        allowed: 'an OpenSSL cipher list, such as DEFAULT@SECLEVEL=0 or ECDHE-RSA-AES128-GCM-SHA256',
        hint: '`openssl ciphers -v` names them',
      }
    } else {
      yield {
        path: [...path, 'ciphers'],
        level: 'warning',
        message: 'ciphers of your own choice: Node’s list no longer keeps weak ones out',
      }
    }
  }
  if (tls.legacyRenegotiation === true) {
    yield {
      path: [...path, 'legacyRenegotiation'],
      level: 'warning',
      message: 'renegotiation without RFC 5746: who stands in between can put requests in front of ours',
    }
  }
}

const DURATION = duration()

function* checkHealth(health: Data, path: Path): Generator<Finding> {
  if (health.timeout === undefined && health.interval === undefined) return
  const timeout = DURATION.safeParse(health.timeout ?? '2s').data
  const interval = DURATION.safeParse(health.interval ?? '5s').data
  if (timeout === undefined || interval === undefined || timeout <= interval) return
  yield {
    path: [...path, health.timeout === undefined ? 'interval' : 'timeout'],
    message: 'a probe may last longer than the time to the next one',
    allowed: 'a timeout up to the interval',
    hint: health.timeout === undefined ? 'the timeout is 2s unless you say another' : null,
  }
}
