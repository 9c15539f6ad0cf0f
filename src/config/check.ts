// The rules of routes.yaml that need several keys at once. They look at the data as it was read, so that they speak up beside
// the schema's own findings, and believe nothing about its shape.
import type { EpochMs } from '../model/units.ts'
import { answersAt, readAddress, writeAddress } from './addresses.ts'
import { certificate, dateTrouble, pairTrouble, privateKey } from './certificate.ts'
import { checkAdmin } from './check-admin.ts'
import { checkBackends } from './check-backends.ts'
import { type Checked, type Data, type Listener, list, mapping, named, type Path } from './check-data.ts'
import { checkFleet } from './check-fleet.ts'
import { checkDefault, checkDefaults, checkRoutes } from './check-routes.ts'
import { checkTelemetry } from './check-telemetry.ts'
import { checkGroups } from './check-users.ts'
import { nearest } from './hint.ts'
import type { Finding } from './mistakes.ts'

/** `placeOf` says where something stands, for "the first is at …"; `now` is compared with dates. */
export function check(data: unknown, placeOf: (path: Path) => string, now: EpochMs): readonly Finding[] {
  const whole = mapping(data)
  const checked: Checked = {
    data: whole,
    defaults: mapping(whole.defaults),
    backends: named('backend', whole.backends),
    groups: named('group', whole.groups),
    listeners: listenersOf(whole),
    now,
  }
  return [
    ...checkListeners(checked),
    ...checkAdmin(checked),
    ...checkProxy(mapping(whole.proxy), now),
    ...checkFleet(checked),
    ...checkTelemetry(checked),
    ...checkBackends(checked),
    ...checkDefault(checked),
    ...checkDefaults(checked),
    ...checkRoutes(checked, placeOf),
    ...checkGroups(checked),
  ]
}

const LISTENERS = {
  proxy: '0.0.0.0:8080',
  admin: '127.0.0.1:9900',
  health: '127.0.0.1:9901',
  sides: 'none',
  fleet: 'none',
} as const

function listenersOf(data: Data): readonly Listener[] {
  return Object.entries(LISTENERS).flatMap(([name, fallback]) => {
    const at = readAddress(String(mapping(data[name]).listen ?? fallback))
    return 'port' in at ? [{ name, at }] : []
  })
}

function* checkListeners({ listeners }: Checked): Generator<Finding> {
  for (const [index, { name, at }] of listeners.entries()) {
    const other = listeners
      .slice(0, index)
      .find(one => answersAt(one.at, at.host, at.port) || answersAt(at, one.at.host, one.at.port))
    if (other !== undefined) {
      yield { path: [name, 'listen'], message: `${other.name} listens on ${writeAddress(other.at)} already` }
    }
  }
}

function* checkProxy(proxy: Data, now: EpochMs): Generator<Finding> {
  if (proxy.proxyProtocol === true && list(mapping(proxy.clientIp).from).length === 0) {
    yield {
      path: ['proxy', 'proxyProtocol'],
      message: 'nobody is named whose PROXY protocol header would be believed',
      allowed: 'false, or true with clientIp.from',
      hint: 'add clientIp: { from: [addresses of the balancer] }',
    }
  }
  const cert = certificate().safeParse(mapping(proxy.tls).cert)
  const key = privateKey().safeParse(mapping(proxy.tls).key)
  if (cert.success) {
    const pair = key.success ? pairTrouble(cert.data, key.data) : null
    if (pair !== null) yield { path: ['proxy', 'tls', 'key'], message: pair, allowed: 'the key of proxy.tls.cert' }
    const dates = dateTrouble(cert.data, now)
    if (dates !== null) yield { path: ['proxy', 'tls', 'cert'], level: 'warning', message: dates }
  }
  yield* checkPage(mapping(proxy.errors).page)
}

const PLACEHOLDERS = ['status', 'title', 'detail', 'code', 'exchange']

/** Braces are common in a page; only what was meant for us is spoken of. */
function* checkPage(page: unknown): Generator<Finding> {
  if (typeof page !== 'string' || page === 'default') return
  for (const [found, word] of page.matchAll(/\{([A-Za-z]{1,20})\}/g)) {
    if (PLACEHOLDERS.includes(word as string)) continue
    const meant = nearest(word as string, PLACEHOLDERS)
    if (meant === null) continue
    yield {
      path: ['proxy', 'errors', 'page'],
      level: 'warning',
      message: `the page has ${found}, which stays as it is: perhaps {${meant}} was meant`,
      allowed: PLACEHOLDERS.map(one => `{${one}}`).join(', '),
    }
  }
}
