// `banyan demo`: a legacy order service, its replacement, bounded traffic and the proxy between them, all real, on free
// ports; and with --dry-run the six things to try, tried.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLegacy } from '../examples/orders/legacy.ts'
import { startNew } from '../examples/orders/new.ts'
import { startTraffic, type Traffic } from '../examples/orders/traffic.ts'
import { type App, startApp } from './app.ts'
import type { DemoOptions } from './cli/io.ts'
import { systemClock } from './clock.ts'
import { loadConfig } from './config/load.ts'
import { shown } from './config/shown.ts'
import { configure } from './configured.ts'
import { createLog } from './log.ts'

const FIRST_WEIGHT = 10
const PER_SECOND = 60
/** So that a dry run has seen enough sooner. */
const DRY_PER_SECOND = 200
const LEARN_MS = 90_000
/** Longer than the demo. */
const VALUES_MS = 24 * 60 * 60_000
const TELL_EVERY_MS = 10_000
/** The demo ends by itself: nobody's machine is kept busy over a weekend. */
const LONGEST_MS = 60 * 60_000

export interface DemoIo {
  readonly stdout: { write(text: string): unknown }
  readonly env: Readonly<Record<string, string | undefined>>
}

export async function demo(options: DemoOptions, io: DemoIo): Promise<number> {
  const say = (text: string) => io.stdout.write(`${text}\n`)
  const directory = mkdtempSync(join(tmpdir(), 'banyan-demo-'))
  const closing: (() => Promise<unknown>)[] = []
  try {
    const weight = options.weight ?? FIRST_WEIGHT
    const legacy = await startLegacy({ port: 0, directory })
    closing.unshift(() => legacy.close())
    const fresh = await startNew({ port: 0, directory })
    closing.unshift(() => fresh.close())
    const file = join(directory, 'routes.yaml')
    writeFileSync(file, await routesFile(legacy.url, fresh.url, weight, join(directory, 'state.db')))
    const { app, token } = await startProxy(file, directory)
    closing.unshift(() => app.stop({ drain: false }))
    const traffic = startTraffic({ url: app.addresses.proxy, perSecond: options.dryRun ? DRY_PER_SECOND : PER_SECOND })
    closing.unshift(() => traffic.stop())
    say(introduction({ legacy: legacy.url, fresh: fresh.url, app, file, directory, weight }))
    if (options.dryRun) return await tryAll(app, traffic, token, say)
    await untilEnded(app, traffic, options.duration ?? LONGEST_MS, say)
    return 0
  } finally {
    for (const close of closing) await close()
    rmSync(directory, { recursive: true, force: true })
    say('demo: everything is stopped, and its files are gone')
  }
}

async function startProxy(file: string, directory: string): Promise<{ app: App; token: string }> {
  const read = async () => {
    const loaded = await loadConfig({ file, env: {} })
    return configure(loaded, shown, file, systemClock.now())
  }
  const app = await startApp({
    configured: await read(),
    reread: read,
    check: read,
    log: createLog({ level: 'silent', access: false, format: 'json', instance: 'demo' }, 1),
    clock: systemClock,
    chance: { random: Math.random, randomId: () => randomBytes(12).toString('base64url'), now: Date.now },
    adminToken: null,
    instance: 'demo',
    cwd: directory,
    tokenMade() {},
  })
  return { app, token: readFileSync(join(directory, 'admin.token'), 'utf8').trim() }
}

/** The usual ports where they are free, so that the commands below need no address. */
async function routesFile(legacy: string, fresh: string, weight: number, store: string): Promise<string> {
  const [proxy, admin, health] = await Promise.all([8080, 9900, 9901].map(freePort))
  return `# The demo's configuration. Change it and: banyan config reload
proxy: { listen: 127.0.0.1:${proxy}, drain: { grace: 0s, deadline: 5s } }
admin: { listen: 127.0.0.1:${admin} }
health: { listen: 127.0.0.1:${health} }
store: sqlite:${store}
split: { firstStart: declared }
backends:
  legacy: { url: ${legacy} }
  new: { url: ${fresh} }
routes:
  - id: orders
    match: { path: /orders/* }
    legacy: legacy
    new: new
    data: separate          # two databases: writes stay with legacy, reads follow the user
    weight: ${weight}
    sticky: [header:x-user-id]
    override: { from: [127.0.0.0/8], links: true }
    shadow: { percent: 100, maxRps: { legacy: 100 } }   # whoever answers: the other side is asked, too, and compared
    compare:
      noise: { percent: 30 }                            # so many are asked twice, to learn how a side differs from itself
      values: redacted                                  # keep both answers of an example, without secrets; its data is made up
      valuesUntil: ${new Date(systemClock.now() + VALUES_MS).toISOString().replace(/\.\d+Z$/, 'Z')}
    owner: team-orders
  - id: customers
    match: { path: /customers/*, methods: [GET] }
    legacy: legacy
    new: new
    weight: 0
    sticky: [header:x-user-id]
`
}

function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', () => (wanted === 0 ? reject(new Error('no free port')) : resolve(freePort(0))))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

interface Introduced {
  readonly legacy: string
  readonly fresh: string
  readonly app: App
  readonly file: string
  readonly directory: string
  readonly weight: number
}

function introduction({ legacy, fresh, app, file, directory, weight }: Introduced): string {
  const { proxy, admin, health } = app.addresses
  const api = `${admin}/api/v1`
  return `
A strangler migration, running on this machine:

  legacy service   ${legacy}    snake_case, cents, some XML, own SQLite database
  new service      ${fresh}    the rewrite, own database, three planted faults
  the proxy        ${proxy}    40 users, ${PER_SECOND} requests a second, ${weight} % of them on new for /orders/*
  dashboard        ${admin}    sign in with the token in ${join(directory, 'admin.token')}
  admin API        ${api}    health and metrics: ${health}
  configuration    ${file}

In a second terminal, in this checkout (installed: \`banyan\` instead of \`npx banyan\`):

  export BANYAN_ADMIN=${admin} BANYAN_TOKEN=$(cat ${join(directory, 'admin.token')})

Six things to try:

  1. See who answers this user, and that it stays so
       for i in 1 2 3 4 5; do curl -si ${proxy}/orders/1004 -H 'x-user-id: user-7' | grep -i x-served-by; done
  2. Ask why
       npx banyan explain GET /orders/1004 -H 'x-user-id: user-7'
  3. Move the share: half of the users, and none of those on new goes back
       npx banyan weight orders 50
       curl -s -X PUT ${api}/routes/orders/weight -H "authorization: Bearer $BANYAN_TOKEN" \\
            -H 'content-type: application/json' -d '{"percent": 50}'
  4. Go back at once, and see where it is in force and in how many milliseconds; then return
       npx banyan rollback orders
       npx banyan restore orders
  5. See where the answers of the new service differ, and what is only noise (give it half a minute)
       npx banyan divergences orders
       npx banyan report orders
  6. Watch it
       npx banyan status
       curl -s ${health}/metrics | grep -E '^banyan_(requests_total|route_weight_ratio)'

Ctrl-C stops everything.
`
}

/** One line of what happened lately, until a signal, the duration or the end of the traffic. */
function untilEnded(app: App, traffic: Traffic, durationMs: number, say: (text: string) => void): Promise<void> {
  return new Promise(resolve => {
    let revision = app.control.state().revision
    const tell = setInterval(() => {
      const now = app.control.state().revision
      // A change moves users on purpose.
      if (now !== revision) traffic.forgetSides()
      revision = now
      say(summary(traffic))
    }, TELL_EVERY_MS)
    const end = () => {
      clearInterval(tell)
      clearTimeout(timer)
      process.off('SIGINT', end)
      process.off('SIGTERM', end)
      resolve()
    }
    const timer = setTimeout(end, Math.min(durationMs, LONGEST_MS))
    process.on('SIGINT', end)
    process.on('SIGTERM', end)
    traffic.finished.then(end)
  })
}

function summary(traffic: Traffic): string {
  const { sent, failed, byServedBy, flips } = traffic.stats()
  const share = Math.round((100 * byServedBy.new) / Math.max(1, byServedBy.new + byServedBy.legacy))
  return `${sent} requests, ${failed} failed, ${share} % answered by new so far; users that changed sides unasked: ${flips.users}`
}

/** What the introduction proposes, done once over the public faces. */
async function tryAll(app: App, traffic: Traffic, token: string, say: (text: string) => void): Promise<number> {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${app.addresses.admin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }
  const served = async (user: string) => {
    const response = await fetch(`${app.addresses.proxy}/orders/1004`, { headers: { 'x-user-id': user } })
    await response.arrayBuffer()
    return response.headers.get('x-served-by')
  }
  const sides = async () => Promise.all(Array.from({ length: 40 }, (_, i) => served(`user-${i + 1}`)))
  const count = (list: readonly (string | null)[]) => list.filter(side => side === 'new').length

  const before = await sides()
  const again = await sides()
  check(String(before) === String(again), 'users keep their side')
  say(`1. ${count(before)} of 40 users are on new, twice the same ones`)
  const explained = await call('POST', '/explain', { url: '/orders/1004', headers: { 'x-user-id': 'user-7' } })
  check(explained.side === before[6], 'explain says what happens')
  say(`2. user-7 is on ${explained.side}: ${explained.why}`)
  const weighed = await call('PUT', '/routes/orders/weight', { percent: 50, reason: 'demo' })
  traffic.forgetSides()
  const half = await sides()
  check(
    before.every((side, i) => side !== 'new' || half[i] === 'new'),
    'nobody on new went back',
  )
  say(`3. at 50 % ${count(half)} of 40 users are on new; in force in ${Number(weighed.elapsedMs).toFixed(1)} ms`)
  const rolled = await call('POST', '/routes/orders/rollback', { reason: 'demo' })
  check(count(await sides()) === 0, 'everybody is on legacy after a rollback')
  say(`4. rolled back: 0 of 40 users on new; in force in ${applied(rolled)} ms, durable: ${rolled.durable}`)
  await call('POST', '/routes/orders/restore', {})
  traffic.forgetSides()
  check(String(await sides()) === String(half), 'a restore brings back who was there')
  const found = await learned(() => call('GET', '/routes/orders/divergences?limit=100'))
  say(`5. ${found}`)
  const metrics = await (await fetch(`${app.addresses.health}/metrics`)).text()
  check(
    /banyan_requests_total\{route="orders",side="new",reason="weight",code="2xx"\} [1-9]/.test(metrics),
    'metrics count it',
  )
  say(`6. restored, and counted in /metrics. ${summary(traffic)}`)
  check(traffic.stats().failed === 0, 'no request failed')
  return 0
}

interface Difference {
  readonly state: string
  readonly kind: string
  readonly field: string
  readonly count: number
}

/** The planted faults, all of them and nothing else: everything that diverges is one, and what varies by itself is noise. */
const FAULTS = ['missing cancel_reason', 'status 404 → 400', 'value total_cents']
const NOISE = ['value request_id', 'value served_at']

async function learned(look: () => Promise<Record<string, unknown>>): Promise<string> {
  const until = systemClock.monotonic() + LEARN_MS
  for (;;) {
    const items = (await look()).items as readonly Difference[]
    const named = (state: string) =>
      items
        .filter(item => item.state === state)
        .map(({ kind, field }) => `${kind} ${field}`)
        .sort()
    const [divergent, noise, undecided] = [named('divergent'), named('noise'), named('undecided')]
    const isRight = String(divergent) === String(FAULTS) && String(noise) === String(NOISE) && undecided.length === 0
    if (isRight) return `${divergent.join(', ')} diverge; ${noise.join(', ')} vary by themselves`
    if (systemClock.monotonic() > until) {
      throw new Error(`demo: diverges: ${divergent}; noise: ${noise}; undecided: ${undecided}`)
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

const LOOK_EVERY_MS = 500

function applied(answer: Record<string, unknown>): string {
  const [first] = answer.appliedBy as readonly { readonly ms: number }[]
  return (first?.ms ?? 0).toFixed(2)
}

function check(ok: boolean, what: string): void {
  if (!ok) throw new Error(`demo: not true: ${what}`)
}
