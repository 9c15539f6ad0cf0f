// The store in a real PostgreSQL: the contracts, and what becomes of it when the server is killed, frozen, read-only or another.
import t, { type Test } from 'tap'
import type { AuditEntry } from '../../src/model/control.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { ear, sharedStoreContract } from '../contracts/shared-store.ts'
import { ascending, sampleDraft, sampleState, storeContract } from '../contracts/store.ts'
import { eventually } from '../e2e/harness.ts'
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts'

let count = 0
/** A schema of its own is a store of its own. */
const fresh = (server: PostgresServer) => server.url(`?schema=t${++count}`)
type Opened = Awaited<ReturnType<typeof openPostgresStore>>

async function open(t: Pick<Test, 'teardown'>, url: string, instance = 'a'): Promise<Opened> {
  const store = await openPostgresStore({ url, instance })
  t.teardown(() => store.close())
  return store
}

/** As a writer does it: on what is stored, again when another was first. */
async function add(store: Opened): Promise<AuditEntry> {
  for (;;) {
    const after = (await store.load())?.revision ?? 0
    try {
      return await store.commit(sampleState(after + 1), sampleDraft(after + 1), { after })
    } catch (error) {
      if ((error as { code?: string }).code !== 'store_conflict') throw error
    }
  }
}

t.test('on one server', { skip: noPostgres }, async t => {
  const server = await startPostgres(t)

  await t.test('contract', async t => {
    const urls = new WeakMap<object, string>()
    const opened = async (url: string) => {
      const store = await openPostgresStore({ url, instance: 'alone' })
      urls.set(store, url)
      return store
    }
    storeContract(
      t,
      'postgres',
      () => opened(fresh(server)),
      async store => {
        await store.close()
        return opened(urls.get(store) as string)
      },
    )
  })

  await t.test('contract of what is shared', async t => {
    sharedStoreContract(t, 'postgres', async () => {
      const url = fresh(server)
      return {
        open: instance => openPostgresStore({ url, instance }),
        pass: ms => new Promise(resolve => setTimeout(resolve, ms)),
      }
    })
  })

  await t.test('what cannot be used is told with a code, and without the password', async t => {
    await server.query(`CREATE ROLE nobody_special LOGIN PASSWORD 'hunter2hunter2'`).catch(() => {})
    const login = 'nobody_special:hunter2hunter2'
    const cases: [string, string][] = [
      [`postgres://${login}@127.0.0.1:1/postgres`, 'store_unreachable'],
      [`postgres://${login}@127.0.0.1:${server.port}/nowhere`, 'store_no_database'],
      [`postgres://${login}@127.0.0.1:${server.port}/postgres?schema=forbidden`, 'store_denied'],
      [`postgres://ghost:hunter2hunter2@127.0.0.1:${server.port}/postgres`, 'store_denied'],
    ]
    for (const [url, code] of cases) {
      const store = await open(t, url)
      const error = await store.load().then(
        () => null,
        reason => reason,
      )
      t.match(error, { code }, url.replace(/.*@/, ''))
      t.notMatch(`${error?.message} ${error?.hint} ${JSON.stringify(error?.details)} ${error?.stack}`, /hunter2/)
    }
  })

  await t.test('a schema one version newer that is readable is used; two newer are refused', async t => {
    const url = fresh(server)
    const schema = new URL(url).searchParams.get('schema') as string
    const store = await open(t, url)
    await add(store)
    await server.query(`ALTER TABLE ${schema}.control ADD COLUMN later text`)
    await server.query(`UPDATE ${schema}.meta SET value = 2 WHERE key = 'schema'`)
    const older = await open(t, url, 'b')
    t.equal((await add(older)).seq, 2)
    await server.query(`UPDATE ${schema}.meta SET value = value + 1`)
    await t.rejects(openPostgresStore({ url, instance: 'c' }), {
      code: 'store_too_new',
      message: /schema 3; programs must know 2, this one knows up to 1/,
    })
  })

  await t.test('several that start at once on an empty database', async t => {
    const url = fresh(server)
    const stores = await Promise.all(ascending(4).map(n => open(t, url, `i${n}`)))
    await Promise.all(stores.map(add))
    t.same(await stores[0]?.verifyAudit(), { ok: true, entries: 4, brokenAt: null })
  })

  await t.test('an entry that somebody changed or removed shows', async t => {
    const url = fresh(server)
    const schema = new URL(url).searchParams.get('schema') as string
    const store = await open(t, url)
    for (let i = 0; i < 5; i++) await add(store)
    await server.query(`UPDATE ${schema}.audit SET entry = replace(entry, 'ada', 'eve') WHERE seq = 3`)
    t.same(await store.verifyAudit(), { ok: false, entries: 5, brokenAt: 3 })
    await server.query(`UPDATE ${schema}.audit SET entry = replace(entry, 'eve', 'ada') WHERE seq = 3`)
    t.equal((await store.verifyAudit()).ok, true)
    await server.query(`DELETE FROM ${schema}.audit WHERE seq = 5`)
    t.same(await store.verifyAudit(), { ok: false, entries: 4, brokenAt: 5 })
  })

  await t.test(
    'read-only: what is stored can be read, a change is refused with its code, and later accepted',
    async t => {
      const url = fresh(server)
      const store = await open(t, url)
      await add(store)
      await server.query('ALTER SYSTEM SET default_transaction_read_only = on')
      await server.query('SELECT pg_reload_conf()')
      const reader = await open(t, url, 'b')
      await t.rejects(add(reader), { code: 'store_read_only' })
      t.equal((await reader.load())?.revision, 1)
      await server
        .query('SET transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only')
        .catch(async () => {
          await server.query('BEGIN READ WRITE')
        })
      await server.query('SELECT pg_reload_conf()')
    },
  )
})

t.test(
  'killed between and during commits: nothing that was acknowledged is lost, nothing is doubled',
  { skip: noPostgres },
  async t => {
    const server = await startPostgres(t)
    const url = fresh(server)
    const store = await open(t, url)
    const heard = ear()
    const listener = await open(t, url, 'b')
    listener.shared.listen(heard)
    while (!heard.words.some(word => word.startsWith('committed'))) await add(store)
    const acknowledged: number[] = []
    for (let round = 0; round < 3; round++) {
      let going = true
      const writing = (async () => {
        while (going) {
          await add(store).then(
            entry => acknowledged.push(entry.seq),
            () => new Promise(resolve => setTimeout(resolve, 20)),
          )
        }
      })()
      const before = acknowledged.length
      while (acknowledged.length < before + 10) await new Promise(resolve => setTimeout(resolve, 5))
      await server.kill()
      await t.rejects(store.load(), { code: 'store_unreachable' })
      await server.start()
      while (acknowledged.length < before + 20) await new Promise(resolve => setTimeout(resolve, 5))
      going = false
      await writing
      await eventually(() => heard.words.filter(word => word === 'missed').length === round + 1, 'it hears again')
    }
    const { ok, entries } = await store.verifyAudit()
    t.ok(ok)
    t.ok(entries >= acknowledged.length)
    t.equal(new Set(acknowledged).size, acknowledged.length, 'each seq once')
    t.equal((await store.load())?.revision, entries, 'one revision for each entry')
    t.ok(heard.words.includes('lost'))
    await add(store)
    await heard.until(`committed a: ${entries + 1}`)
  },
)

t.test('frozen: calls are refused in time, and done again when it goes on', { skip: noPostgres }, async t => {
  const server = await startPostgres(t)
  const url = fresh(server)
  const store = await openPostgresStore({ url, instance: 'a', statementTimeoutMs: 500, connectTimeoutMs: 500 })
  t.teardown(() => store.close())
  await add(store)
  server.freeze()
  await t.rejects(store.commit(sampleState(2), sampleDraft(2), { after: 1 }), { code: /store_(unreachable|slow)/ })
  await t.rejects(store.load(), { code: 'store_unreachable' })
  await t.rejects(store.shared.tell('x'), { code: /store_(unreachable|slow)/ })
  server.thaw()
  const { revision = 0 } = (await store.load()) ?? {}
  t.ok(revision === 1 || revision === 2, 'what was refused may have been done')
  t.equal((await add(store)).seq, revision + 1)
  t.equal((await store.verifyAudit()).ok, true)
})

t.test(
  'failed over: the next host that can be written to is taken, with all that was stored',
  { skip: noPostgres },
  async t => {
    const first = await startPostgres(t)
    const spare = await startPostgres(t, { settings: { default_transaction_read_only: 'on' } })
    const schema = 'moved'
    const hosts = `127.0.0.1:${spare.port},127.0.0.1:${first.port}`
    const store = await open(t, `postgres://postgres@${hosts}/postgres?schema=${schema}`)
    for (let i = 0; i < 3; i++) await add(store)
    t.equal(
      (await first.query<{ n: string }>(`SELECT count(*) AS n FROM ${schema}.audit`))[0]?.n,
      '3',
      'not the read-only one',
    )
    await first.stop()
    await spare.stop()
    const heir = await first.copy()
    const moved = await open(
      t,
      `postgres://postgres@127.0.0.1:${first.port},127.0.0.1:${heir.port}/postgres?schema=${schema}`,
    )
    t.equal((await moved.load())?.revision, 3)
    t.equal((await add(moved)).seq, 4)
  },
)
