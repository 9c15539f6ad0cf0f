// Rules across keys of the listener of operators: where it may be, whose word counts there, and what is granted to whom.
import { isIP } from 'node:net'
import { isLoopback } from './addresses.ts'
import { type Checked, checkName, type Data, list, mapping, named, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'

export function* checkAdmin(checked: Checked): Generator<Finding> {
  const admin = mapping(checked.data.admin)
  yield* checkReach(admin, checked)
  if (admin.auth !== undefined) yield* checkAuth(mapping(admin.auth), checked)
}

function* checkReach(admin: Data, { listeners }: Checked): Generator<Finding> {
  const at = listeners.find(({ name }) => name === 'admin')?.at
  if (at === undefined || isLoopback(at.host)) return
  const missing = [
    ...(admin.behindTls === true ? [] : ['behindTls: true']),
    ...(list(admin.hosts).length > 0 ? [] : ['hosts: [name of this host]']),
  ]
  if (missing.length === 0) return
  yield {
    path: ['admin', 'listen'],
    message: 'the admin listener would be reachable from other machines',
    allowed: 'a loopback address, or any with hosts and behindTls: true',
    hint: `listen on 127.0.0.1, or put TLS in front and add ${missing.join(' and ')}`,
  }
}

/** They say other things, or come from the client by their nature. */
const NOT_A_LOGIN = new Set(
  'authorization cookie host origin connection content-length content-type forwarded x-forwarded-for x-real-ip via x-banyan-csrf x-banyan-proxy-secret'.split(
    ' ',
  ),
)

function* checkAuth(auth: Data, checked: Checked): Generator<Finding> {
  const path = ['admin', 'auth']
  const trust = mapping(auth.trustHeader)
  for (const key of ['user', 'groups']) {
    const header = String(trust[key] ?? '').toLowerCase()
    if (NOT_A_LOGIN.has(header)) {
      yield { path: [...path, 'trustHeader', key], message: 'this header says something else', hint: HEADERS }
    }
  }
  if (trust.user !== undefined && String(trust.user).toLowerCase() === String(trust.groups ?? '').toLowerCase()) {
    yield { path: [...path, 'trustHeader', 'groups'], message: 'the same header as user', hint: HEADERS }
  }
  for (const [index, range] of list(trust.from).entries()) {
    yield* checkPeer(String(range), [...path, 'trustHeader', 'from', index], (trust.secret ?? '') !== '')
  }
  const routes = named('route', Object.fromEntries(list(checked.data.routes).map(one => [mapping(one).id, one])))
  const groups = Object.keys(mapping(auth.groups))
  const grants: readonly (readonly [Path, unknown])[] = [
    ...groups.map(name => [[...path, 'groups', name], mapping(auth.groups)[name]] as const),
    ...Object.entries(mapping(auth.users)).map(([name, grant]) => [[...path, 'users', name], grant] as const),
    [[...path, 'everyone'], auth.everyone],
  ]
  for (const [at, grant] of grants) {
    for (const [index, id] of list(mapping(grant).routes).entries()) {
      yield* checkName(String(id), [...at, 'routes', index], routes)
    }
  }
  if (groups.length > 0 && trust.groups === undefined) {
    yield {
      path: [...path, 'groups'],
      at: 'key',
      message: 'no header says who is in a group',
      allowed: 'groups together with trustHeader.groups',
      hint: 'add trustHeader: { groups: X-Forwarded-Groups }, or grant by users',
    }
  }
  if (groups.length === 0 && Object.keys(mapping(auth.users)).length === 0 && auth.everyone === undefined) {
    yield {
      path,
      at: 'key',
      level: 'warning',
      message: 'nothing is granted to anybody',
      hint: 'add groups: { sre: [admin] }',
    }
  }
}

const HEADERS = 'oauth2-proxy sends X-Forwarded-User and X-Forwarded-Groups, Authelia Remote-User and Remote-Groups'

/** Ranges wider than this are more than the proxies of one place. */
const NARROWEST = { 4: 24, 6: 64 } as const

function* checkPeer(range: string, path: Path, proven: boolean): Generator<Finding> {
  const [base = '', bits] = range.split('/')
  const version = isIP(base)
  if (version === 0) return
  const width = bits === undefined ? Number.POSITIVE_INFINITY : Number(bits)
  if (width === 0) {
    yield { path, message: 'everybody could say who is logged in', allowed: 'the addresses of the proxies in front' }
  } else if (!proven && width < NARROWEST[version as 4 | 6]) {
    yield {
      path,
      level: 'warning',
      message: `every host in ${range} could say who is logged in`,
      hint: `name the proxies alone, or add trustHeader: { secret: "\${NAME}" } that they send as X-Banyan-Proxy-Secret`,
    }
  } else if (!proven && isLoopback(base)) {
    yield {
      path,
      level: 'warning',
      message: 'every program on this machine could say who is logged in',
      hint: `add trustHeader: { secret: "\${NAME}" } that the proxy sends as X-Banyan-Proxy-Secret`,
    }
  }
}
