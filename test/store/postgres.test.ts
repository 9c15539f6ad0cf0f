// The PostgreSQL store is a store, also one that several instances share.
import t from 'tap'
import { chain } from '../../src/store/audit-chain.ts'
import { openPostgresStore, type PostgresStore } from '../../src/store/postgres.ts'
import { ear, sharedStoreContract } from '../contracts/shared-store.ts'
import { sampleState, save, storeContract } from '../contracts/store.ts'
import { noPostgres, startPostgres } from './postgres-server.ts'

t.test('with a server', { skip: noPostgres }, async t => {
  const server = await startPostgres(t)
  const shared = await server.database()
  let schemas = 0
  /** A schema is made more quickly than a database. */
  const fresh = () => `${shared}?schema=s${++schemas}`
  const urls = new WeakMap<object, string>()
  const slow = { connectTimeoutMs: 10_000, statementTimeoutMs: 20_000 }

  async function openAt(url: string, instance = 'a'): Promise<PostgresStore> {
    const store = await openPostgresStore({ url, instance, log() {}, ...slow })
    urls.set(store, url)
    return store
  }

  storeContract(
    t,
    'postgres',
    async () => openAt(fresh()),
    async store => {
      await store.close()
      return openAt(urls.get(store)!)
    },
  )

  sharedStoreContract(t, 'postgres', async () => {
    const url = fresh()
    return {
      open: instance => openAt(url, instance),
      // What was written is as old as if that much had passed.
      async pass(ms) {
        const earlier = `- interval '${ms} milliseconds'`
        await server.sql(
          `SET search_path = ${url.split('=')[1]}; UPDATE presence SET at = at ${earlier}; UPDATE kept SET at = at ${earlier};
           UPDATE lease SET until = until ${earlier}`,
          url,
        )
      },
    }
  })

  t.test('several start at once on an empty database: the tables are made once', async t => {
    const url = await server.database()
    const stores = await Promise.all(['a', 'b', 'c', 'd'].map(instance => openAt(url, instance)))
    for (const store of stores) t.teardown(() => store.close())
    t.same(await Promise.all(stores.map(store => store.load())), [null, null, null, null])
    const results = await Promise.allSettled(stores.map(store => save(store, 1)))
    t.equal(results.filter(result => result.status === 'fulfilled').length, 1, 'and one of them begins')
  })

  t.test('schemas of one database do not meet', async t => {
    const url = await server.database()
    const [one, other] = await Promise.all([openAt(`${url}?schema=one`), openAt(`${url}?schema=other`)])
    for (const store of [one, other]) t.teardown(() => store.close())
    const heard = ear()
    other.shared.listen(heard)
    await heard.until('missed')
    await save(one, 1)
    await one.shared.tell('x')
    t.equal(await other.load(), null)
    await save(other, 1)
    await heard.until('committed a: 1')
    t.same(heard.words, ['missed', 'committed a: 1'])
  })

  t.test('one schema version newer is used, two are refused', async t => {
    const url = await server.database()
    const first = await openAt(url)
    await save(first, 1)
    await first.close()
    await server.sql(
      `SET search_path = banyan; ALTER TABLE control ADD COLUMN note text; CREATE TABLE news (id int);
       UPDATE meta SET value = 2 WHERE name = 'schema'`,
      url,
    )
    const store = await openAt(url)
    t.equal((await save(store, 2)).seq, 2)
    await store.close()
    await server.sql(`UPDATE banyan.meta SET value = value + 1`, url)
    const refused = await openAt(url)
    t.teardown(() => refused.close())
    await t.rejects(refused.load(), {
      code: 'store_too_new',
      message: /schema 3; programs must know 2, this one knows up to 1/,
    })
    await server.sql(`UPDATE banyan.meta SET value = value - 1`, url)
    t.equal((await refused.load())?.revision, 2, 'and looks again')
  })

  t.test('what somebody does to the tables by hand is noticed', async t => {
    const url = await server.database()
    const store = await openAt(url)
    t.teardown(() => store.close())
    const by = (text: string) => server.sql(`SET search_path = banyan; ${text}`, url)
    await save(store, 1)
    const second = await save(store, 2)

    // The same state, another end of the log.
    await by(`UPDATE control SET audit_seq = 1, audit_hash = '${second.previous}'; DELETE FROM audit WHERE seq = 2`)
    t.match(await save(store, 3, { after: 2 }), { seq: 2 }, 'it goes on from there')
    t.match(await store.verifyAudit(), { ok: true, entries: 2 })
    // Another state, the same end of the log.
    await by('UPDATE control SET revision = 9')
    await t.rejects(save(store, 4, { after: 3 }), { code: 'store_conflict' })

    const [last] = await store.audit({ limit: 1, before: null })
    const { hash, previous: _, seq: __, ...draft } = last!
    const third = chain(draft, hash, 3)
    for (const more of [third, chain(draft, third.hash, 4)])
      await by(`INSERT INTO audit VALUES (${more.seq}, '${JSON.stringify(more)}')`)
    t.same(await store.verifyAudit(), { ok: false, entries: 4, brokenAt: 3 }, 'entries that no commit has written')
  })

  t.test('commits wait for the disk, records do not', async t => {
    const url = await server.database()
    const store = await openAt(`${url}?application_name=looked-at`)
    t.teardown(() => store.close())
    await store.load()
    await store.kept()
    // The setting of a session can be seen by itself alone: a trigger writes it down.
    await server.sql(
      `CREATE TABLE banyan.seen (what text, how text);
       CREATE FUNCTION banyan.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO banyan.seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NEW; END $$;
       CREATE TRIGGER look BEFORE INSERT ON banyan.audit FOR EACH ROW EXECUTE FUNCTION banyan.look();
       CREATE TRIGGER look BEFORE INSERT ON banyan.kept FOR EACH ROW EXECUTE FUNCTION banyan.look();
       ALTER ROLE postgres SET synchronous_commit = off`,
      url,
    )
    await save(store, 1)
    await store.keep({ put: [['k', 'v']], remove: [] })
    await server.sql('ALTER ROLE postgres RESET synchronous_commit')
    t.same(await server.sql('SELECT what, how FROM banyan.seen ORDER BY what', url), [
      { what: 'audit', how: 'on' },
      { what: 'kept', how: 'off' },
    ])
  })

  t.test('what was done to the tables behind our back is found', async t => {
    const url = await server.database()
    const store = await openAt(url)
    t.teardown(() => store.close())
    for (let revision = 1; revision <= 9; revision++) await save(store, revision)
    const tamper = async (sql: string) => {
      await server.sql(`SET search_path = banyan; CREATE TABLE copy AS TABLE audit; ${sql}`, url)
      const found = await store.verifyAudit()
      await server.sql(`SET search_path = banyan; TRUNCATE audit; INSERT INTO audit TABLE copy; DROP TABLE copy`, url)
      return found
    }
    const ada = `replace(entry, '"ada"', '"eve"')`
    t.same(await tamper(`UPDATE audit SET entry = ${ada} WHERE seq = 4`), { ok: false, entries: 9, brokenAt: 4 })
    t.same(await tamper('DELETE FROM audit WHERE seq = 4'), { ok: false, entries: 8, brokenAt: 5 })
    t.same(await tamper('DELETE FROM audit WHERE seq > 7'), { ok: false, entries: 7, brokenAt: 8 })
    t.same(await tamper('DELETE FROM audit'), { ok: false, entries: 0, brokenAt: 1 })
    t.same(await tamper('INSERT INTO audit SELECT 10, entry FROM audit WHERE seq = 9'), {
      ...{ ok: false, entries: 10, brokenAt: 10 },
    })
    t.same(await tamper(''), { ok: true, entries: 9, brokenAt: null })
    await server.sql(`INSERT INTO banyan.audit SELECT 10, entry FROM banyan.audit WHERE seq = 9`, url)
    await t.rejects(save(store, 10), { code: 'store_unreadable' }, 'an entry of somebody else is not written over')
    await server.sql(`DELETE FROM banyan.audit WHERE seq = 10`, url)
    t.equal((await save(store, 10)).seq, 10)
    await server.sql('DROP SCHEMA banyan CASCADE', url)
    await t.rejects(store.load(), { code: 'store_unreadable' })
    await t.rejects(save(store, 11), { code: 'store_unreadable' })
    await store.close()
    const again = await openAt(url)
    t.teardown(() => again.close())
    t.equal(await again.load(), null, 'a restart begins anew')
  })

  t.test('an ear that throws harms nobody', async t => {
    const url = await server.database()
    const [a, b] = await Promise.all([openAt(url, 'a'), openAt(url, 'b')])
    for (const store of [a, b]) t.teardown(() => store.close())
    const heard = ear()
    a.shared.listen({
      ...heard,
      committed(from, revision) {
        heard.committed(from, revision)
        throw new Error('not my day')
      },
    })
    await heard.until('missed')
    await save(b, 1)
    await save(b, 2)
    await heard.until('committed b: 2')
    t.same(await a.load(), sampleState(2))
  })
})
