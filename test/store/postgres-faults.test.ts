// What is acknowledged is there, and nothing hangs: servers that are killed, frozen, slow, full, read-only, moved, or refuse us.
import { spawnSync } from 'node:child_process'
import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import type { BanyanError } from '../../src/model/errors.ts'
import { openPostgresStore, type PostgresStore } from '../../src/store/postgres.ts'
import { refuseUnfit } from '../../src/store/postgres-schema.ts'
import { parsePostgresUrl } from '../../src/store/postgres-url.ts'
import type { Store } from '../../src/store/store.ts'
import { ear, presence } from '../contracts/shared-store.ts'
import { save } from '../contracts/store.ts'
import { cannotRun, PLAIN_NODE, startChild } from './child.ts'
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts'
import { scratch } from './scratch.ts'

/** Generous: what it bounds is whether a call hangs. */
const HANGS_MS = 8_000
const patient = { connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 }
/** For servers that would not answer for longer. */
const hasty = { connectTimeoutMs: 500, statementTimeoutMs: 600 }

/** Everything that was logged, of all stores of this file. */
const logged: unknown[] = []

async function opened(t: Test, url: string, more: Partial<Parameters<typeof openPostgresStore>[0]> = {}) {
  const log = (...words: readonly unknown[]) => logged.push(words)
  const store = await openPostgresStore({ url, instance: 'a', log, ...patient, ...more })
  t.teardown(() => store.close())
  return store
}

t.test('with a server', { skip: noPostgres }, async t => {
  const server = await startPostgres(t)

  t.test('killed between commits and during them: nothing acknowledged is lost, nothing is there twice', async t => {
    const store = await opened(t, await server.database())
    const acknowledged: number[] = []
    let unknown = 0
    await save(store, 1)
    for (const round of [1, 2, 3]) {
      const stored = (await comesBack(store))?.revision ?? 0
      const writing = writeUntilRefused(store, stored, acknowledged)
      while (acknowledged.length < round * 10) await new Promise(resolve => setImmediate(resolve))
      await server.kill()
      refusedInWords(t, await writing)
      unknown++
      await server.start()
    }
    const stored = (await comesBack(store))!.revision
    const entries = (await store.audit({ limit: 10_000, before: null })).map(entry => entry.revision)
    t.equal(entries.length, stored, `${stored} stored, ${acknowledged.length} acknowledged`)
    t.equal(new Set(entries).size, stored, 'none is doubled')
    t.ok(acknowledged.every(revision => entries.includes(revision)))
    t.ok(stored - 1 - acknowledged.length <= unknown, 'and at most one a kill is there without a word')
    t.same(await store.verifyAudit(), { ok: true, entries: stored, brokenAt: null })
    // Between commits: the connection is dead, and nobody has noticed yet.
    await server.kill()
    await server.start()
    await comesBack(store)
    t.equal((await save(store, stored + 1)).seq, stored + 1)
  })

  t.test('records that were kept are there when the server was killed, whole', async t => {
    const store = await opened(t, await server.database())
    const put = Array.from({ length: 400 }, (_, n) => [`k${n}`, 'v'.repeat(100)] as const)
    await store.keep({ put, remove: [] })
    // A commit of another table takes them along.
    await save(store, 1)
    const keeping = store.keep({ put: put.map(([key]) => [key, 'w']), remove: [] }).catch(() => null)
    await server.kill()
    await keeping
    await server.start()
    await comesBack(store)
    const texts = new Set((await eventually(() => store.kept())).map(([, text]) => text))
    t.equal(texts.size, 1, 'all of one statement, or nothing')
  })

  t.test('frozen: calls are rejected, and later ones work', async t => {
    const url = await server.database()
    await save(await opened(t, url), 1)
    const store = await opened(t, url, hasty)
    const heard = ear()
    store.shared.listen(heard)
    await heard.until('missed')
    await comesBack(store)
    await eventually(() => store.kept())
    server.freeze()
    t.teardown(() => server.thaw())
    const calls = [
      save(store, 2),
      store.load(),
      store.lease('leader', 'a', 1_000),
      store.keep({ put: [['k', 'v']], remove: [] }),
      store.verifyAudit(),
      store.shared.present(presence('a', 1), 1_000),
      store.shared.tell('anybody?'),
    ]
    const codes = (await withoutHanging(Promise.allSettled(calls))).map(codeOf)
    t.ok(
      codes.every(code => code === 'store_timeout' || code === 'store_unreachable'),
      codes.join(' '),
    )
    // Also those that need a new connection: it is taken, and never answered.
    t.match(await withoutHanging(Promise.allSettled([store.load(), store.kept()])), [
      { reason: { code: 'store_unreachable', hint: /network/ } },
      { reason: { code: 'store_unreachable' } },
    ])
    await heard.until('lost')
    server.thaw()
    const stored = (await comesBack(store))!.revision
    t.ok([1, 2].includes(stored), `${stored} is stored: what was rejected may be there`)
    await back(heard, 2)
    await eventually(async () => save(store, 9, { after: (await store.load())?.revision ?? 0 }))
    const { entries, ok } = await eventually(() => store.verifyAudit())
    t.ok(ok)
    t.equal(entries, (await store.audit({ limit: 9, before: null })).length)
    await heard.until('committed a: 9')
    t.same(heard.words.filter(word => /missed|lost/.test(word)).slice(0, 3), ['missed', 'lost', 'missed'])
  })

  t.test('slow: within the timeout it is waited for, beyond it is said', async t => {
    const url = await server.database()
    const [waits, gives] = [await opened(t, url), await opened(t, url, hasty)]
    await save(waits, 1)
    await comesBack(gives)
    const hold = (seconds: number) =>
      server.sql(`BEGIN; SELECT 1 FROM banyan.control FOR UPDATE; SELECT pg_sleep(${seconds}); COMMIT`, url)
    const held = hold(1.5)
    await locked(server, url)
    const results = await Promise.allSettled([save(waits, 2), save(gives, 2)])
    t.match(results, [{ value: { seq: 2 } }, { reason: { code: 'store_timeout', hint: /locks/ } }])
    await held
    t.equal((await comesBack(gives))?.revision, 2, 'what waited was saved, once')
    t.equal((await save(waits, 3)).seq, 3)
  })

  t.test('a server that goes and comes back is said to ears, and heard again', async t => {
    const url = await server.database()
    const [a, b] = [await opened(t, url), await opened(t, url, { instance: 'b' })]
    const heard = ear()
    a.shared.listen(heard)
    await heard.until('missed')
    await b.shared.tell('before')
    await heard.until('heard b: before')
    await server.stop()
    await heard.until('lost')
    await t.rejects(b.shared.tell('nobody hears'), { code: 'store_unreachable' })
    await server.start()
    await back(heard, 2)
    await eventually(() => b.shared.tell('after'))
    await heard.until('heard b: after')
    t.same(heard.words, ['missed', 'heard b: before', 'lost', 'missed', 'heard b: after'])
  })

  t.test('set to be read-only while in use, and back', async t => {
    const store = await opened(t, await server.database())
    await save(store, 1)
    await setReadOnly(server, 'on')
    t.teardown(() => setReadOnly(server, 'off'))
    t.match(await writeUntilRefused(store, 1, []), { code: 'store_read_only', hint: /h1,h2/ })
    await t.rejects(store.load(), { code: 'store_read_only' })
    await setReadOnly(server, 'off')
    const { revision } = (await comesBack(store))!
    t.equal((await save(store, revision + 1)).revision, revision + 1)
  })

  t.test('who is refused is told why, and never the password', async t => {
    const url = await server.database()
    const database = url.split('/').at(-1)!
    const at = (user: string, password: string, name = database) =>
      `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/${name}`
    await server.sql(
      `CREATE ROLE plain LOGIN PASSWORD 'plain-secret'; CREATE ROLE many LOGIN PASSWORD 'many-secret' CONNECTION LIMIT 0`,
    )
    await server.sql(`CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0`)
    const cases: Readonly<Record<string, readonly [string, Readonly<Record<string, unknown>>]>> = {
      'wrong password': [
        at('plain', 'wrong-secret'),
        { code: 'store_denied', message: /127\.0\.0\.1/, hint: /password/ },
      ],
      'no such user': [at('nobody', 'other-secret'), { code: 'store_denied' }],
      'no such database': [at('plain', 'plain-secret', 'nowhere'), { code: 'store_missing', hint: /createdb/ }],
      'no right to make the tables': [at('plain', 'plain-secret'), { code: 'store_denied', hint: /AUTHORIZATION/ }],
      'too many connections': [at('many', 'many-secret'), { code: 'store_unreachable' }],
      'another encoding': [url.replace(database, 'ascii'), { code: 'store_unreadable', message: /SQL_ASCII/ }],
      'nobody listens': [
        `postgres://plain:plain-secret@127.0.0.1:1/${database}`,
        { code: 'store_unreachable', message: /cannot be reached \(/ },
      ],
      'no such host': [`postgres://plain:plain-secret@no.such.host.invalid/${database}`, { code: 'store_unreachable' }],
    }
    for (const [what, [wrong, expected]] of Object.entries(cases)) {
      const store = await opened(t, wrong)
      const error = (await withoutHanging(store.load().catch(thrown => thrown))) as BanyanError
      t.match(error, { name: 'BanyanError', ...expected }, what)
      const all = inspect(error, { depth: 20, showHidden: true })
      t.notMatch(all, /-secret|geheim/, `${what}: no password`)
    }
    await server.sql('CREATE SCHEMA banyan AUTHORIZATION plain', url)
    const store = await opened(t, at('plain', 'plain-secret'))
    t.equal((await save(store, 1)).seq, 1, 'a schema that was made for the user is enough')
    t.notMatch(inspect(logged, { depth: 20 }), /-secret|geheim/)
  })

  t.test('names are asked for at every connection, and all addresses are tried', async t => {
    const asked: string[] = []
    let addresses = ['127.0.0.9', '127.0.0.1']
    const { lookup } = dns
    dns.lookup = (async (name: string) => {
      asked.push(`${name}: ${addresses}`)
      return addresses.map(address => ({ address, family: 4 }))
    }) as unknown as typeof lookup
    syncBuiltinESMExports()
    t.teardown(() => {
      dns.lookup = lookup
      syncBuiltinESMExports()
    })
    const store = await opened(t, (await server.database()).replace('127.0.0.1', 'db.test'))
    await save(store, 1)
    t.same(asked, ['db.test: 127.0.0.9,127.0.0.1'])
    addresses = ['127.0.0.1']
    await server.stop()
    await server.start()
    await comesBack(store)
    t.equal(asked.at(-1), 'db.test: 127.0.0.1')
    addresses = []
    await server.stop()
    await server.start()
    await t.rejects(untilSaid(store, /no address/), { code: 'store_unreachable' })
  })

  t.test('an idle store does not keep the process', async t => {
    const url = await server.database()
    const script = `
      import { openPostgresStore } from ${JSON.stringify(new URL('../../src/store/postgres.ts', import.meta.url).href)}
      const store = await openPostgresStore({ url: process.argv[1], instance: 'a', log() {} })
      store.shared.listen({ heard() {}, committed() {}, missed() {}, lost() {} })
      await store.shared.tell('x')
      await store.kept()
      console.log(await store.load())`
    const args = [...PLAIN_NODE, '--input-type=module', '-e', script, url]
    const { status, stdout, stderr } = spawnSync('env', args, { encoding: 'utf8', timeout: 30_000 })
    t.same([status, stdout, stderr], [0, 'null\n', ''])
  })

  t.test('failed over to another server: the one that can be written to is found', async t => {
    const first = await startPostgres(t)
    const url = await first.database()
    await first.sql('SELECT 1', url)
    const plain = await opened(t, url)
    await save(plain, 1)
    await plain.close()
    await first.stop()
    const second = await startPostgres(t, { copyOf: first })
    await second.stop()
    await first.start()
    const both = url.replace(`127.0.0.1:${first.port}`, `127.0.0.1:${first.port},127.0.0.1:${second.port}`)
    const store = await opened(t, `${both}?target_session_attrs=read-write`)
    const heard = ear()
    store.shared.listen(heard)
    await heard.until('missed')
    t.equal((await store.load())?.revision, 1)
    await first.stop()
    await second.start()
    t.equal((await comesBack(store))?.revision, 1)
    await save(store, 2)
    await back(heard, 2)
    t.same(await second.sql('SELECT revision FROM banyan.control', withPort(url, second)), [{ revision: '2' }])
    await first.start()
    await setReadOnly(first, 'on')
    const another = await opened(t, both, { instance: 'b' })
    t.equal((await another.load())?.revision, 2, 'the first one can only be read')
    t.equal((await save(another, 3)).seq, 3)
    t.same(await store.verifyAudit(), { ok: true, entries: 3, brokenAt: null })
    await second.stop()
    await t.rejects(
      untilSaid(another, /can only be read/),
      { code: 'store_read_only' },
      'what says most of all hosts is said',
    )
  })
})

const namespace = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs -o size=80m,mode=755 tmpfs "$0" && exec "$@"',
] as const
const noDisk =
  noPostgres ||
  (process.getuid?.() === 0
    ? cannotRun(...(namespace as readonly [string, ...string[]]), scratch(t), 'true')
    : 'only root may mount')

t.test('a real standby is passed over, and taken when it is promoted', { skip: noPostgres }, async t => {
  const primary = await startPostgres(t)
  const url = new URL(await primary.database())
  await primary.stop()
  const copy = { copyOf: primary, standbyOf: primary, settings: ['hot_standby=on'] }
  const [standby] = await Promise.all([startPostgres(t, copy), primary.start()])
  const both = `postgres://${url.username}:${url.password}@127.0.0.1:${standby.port},127.0.0.1:${primary.port}${url.pathname}`
  const store = await opened(t, both)
  await save(store, 1)
  await save(store, 2)
  const alone = await opened(t, `postgres://${url.username}:${url.password}@127.0.0.1:${standby.port}${url.pathname}`)
  await t.rejects(alone.load(), { code: 'store_read_only', message: /a standby/ })
  // An orderly end sends the last of the log to the standby.
  await primary.stop()
  await t.rejects(save(store, 3), { code: /^store_(read_only|unreachable)$/ })
  await standby.sql('SELECT pg_promote()')
  t.equal((await comesBack(store))?.revision, 2, 'nothing is lost')
  t.equal((await save(store, 3)).seq, 3)
  t.match(await store.verifyAudit(), { ok: true, entries: 3 })
})

t.test('a disk that is really full', { skip: noDisk }, async t => {
  const directory = scratch(t)
  const child = startChild(t, 'full', directory, {
    under: [...namespace, directory],
    script: new URL('./postgres-full-disk.ts', import.meta.url),
  })
  const words = await child.rest()
  t.match(await child.ended, { end: 0, stderr: '' })
  t.match(words, [
    ['acknowledged', 1],
    ['refused', 'store_full', true],
    ['refused', /^store_(full|unreachable)$/, true],
    ['acknowledged', Number],
    ['verified', true, true],
  ])
})

t.test('a server that is too old, or a standby, is refused in words', async t => {
  const target = parsePostgresUrl('postgres://u:secret@h/db')
  const fit = { version: 130_000, standby: false, readOnly: false, encoding: 'UTF8' }
  refuseUnfit(fit, target)
  t.throws(() => refuseUnfit({ ...fit, version: 120_022 }, target), { code: 'store_too_old', message: /PostgreSQL 12/ })
  t.throws(() => refuseUnfit({ ...fit, standby: true }, target), { code: 'store_read_only', message: /standby/ })
})

async function writeUntilRefused(store: Store, from: number, acknowledged: number[]): Promise<unknown> {
  for (let revision = from + 1; ; revision++)
    try {
      await save(store, revision)
      acknowledged.push(revision)
    } catch (error) {
      return error
    }
}

function refusedInWords(t: Test, error: unknown): void {
  t.match(error, { name: 'BanyanError', code: /^store_(unreachable|timeout|io)$/, message: /may or may not/ })
}

/** What is stored, as soon as the store says so again. */
function comesBack(store: PostgresStore) {
  return eventually(() => store.load())
}

/** Rejected with the first error that says so: others may come before it. */
async function untilSaid(store: PostgresStore, what: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++)
    await store.load().catch(error => {
      if (what.test(error.message)) throw error
    })
}

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++)
    try {
      return await work()
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
}

/** Until it was said so often that the connection is back. */
async function back(heard: ReturnType<typeof ear>, times: number): Promise<void> {
  while (heard.words.filter(word => word === 'missed').length < times)
    await new Promise(resolve => setTimeout(resolve, 20))
}

/** Resolves when new sessions have it; those that are there may take a moment longer. */
async function setReadOnly(server: PostgresServer, to: 'on' | 'off'): Promise<void> {
  await server.sql(`ALTER SYSTEM SET default_transaction_read_only = ${to}`)
  await server.sql('SELECT pg_reload_conf()')
  await eventually(async () => {
    const [row] = await server.sql(`SELECT current_setting('default_transaction_read_only') AS is`)
    if (row?.is !== to) throw new Error('not yet')
  })
}

/** Until somebody holds the row of the control state. */
async function locked(server: PostgresServer, url: string): Promise<void> {
  await eventually(async () => {
    const free = await server.sql('SELECT 1 FROM banyan.control FOR UPDATE SKIP LOCKED', url)
    if (free.length > 0) throw new Error('not yet')
  })
}

function withoutHanging<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it hangs')), HANGS_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function codeOf(result: PromiseSettledResult<unknown>): string {
  return result.status === 'fulfilled' ? 'done' : String((result.reason as BanyanError).code)
}

function withPort(url: string, { port }: PostgresServer): string {
  return url.replace(/:\d+\//, `:${port}/`)
}

const noOpenssl = noPostgres || cannotRun('openssl', 'version')

t.test('encrypted, and with whom is looked at as asked for', { skip: noOpenssl }, async t => {
  const directory = scratch(t)
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', key, '-out', cert]
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    ...subject,
    ...files,
  ])
  t.equal(made.status, 0, String(made.stderr))
  const server = await startPostgres(t, {
    files: [key, cert],
    settings: ['ssl=on', 'ssl_key_file=../key.pem', 'ssl_cert_file=../cert.pem'],
  })
  const url = await server.database()
  const named = url.replace('127.0.0.1', 'localhost')
  const state = async (tried: string) => {
    const store = await opened(t, tried)
    const said = await store.load().then(
      () => 'open',
      (error: BanyanError) => `${error.code} ${error.message}`,
    )
    await store.close()
    return said
  }
  const plain = await server.sql<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  t.same(plain, [{ ssl: false }])
  t.equal(await state(`${url}?sslmode=require`), 'open', 'anybody is believed')
  t.equal(await state(`${named}?sslmode=verify-full&sslrootcert=${cert}`), 'open')
  t.equal(await state(`${url}?sslmode=verify-ca&sslrootcert=${cert}`), 'open', 'the name does not matter')
  t.match(await state(`${url}?sslmode=verify-full&sslrootcert=${cert}`), /^store_unreachable .*(altnames|IP)/)
  t.match(await state(`${named}?sslmode=verify-full`), /^store_unreachable .*self-signed/)
  t.match(await state(`${named}?sslmode=verify-full&sslrootcert=/no/such.pem`), /^store_unreachable .*such\.pem/)
  const store = await opened(t, `${named}?sslmode=verify-full&sslrootcert=${cert}&application_name=encrypted`)
  await store.load()
  const seen = await server.sql(
    `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'encrypted'`,
  )
  t.same(seen, [{ ssl: true }])
})
