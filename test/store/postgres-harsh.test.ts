// Where a store has to live: defaults that others have set, names that are words of SQL, networks that fall silent, connections
// that are ended, and other writers all the time.
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import type { BanyanError } from '../../src/model/errors.ts'
import { openPostgresStore, type PostgresStore } from '../../src/store/postgres.ts'
import { ear } from '../contracts/shared-store.ts'
import { ascending, save } from '../contracts/store.ts'
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts'
import { lineTo, oldServer } from './wire.ts'

const HOUR = 3_600_000
const patient = { connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 }
/** For servers that would not answer for longer. */
const hasty = { connectTimeoutMs: 700, statementTimeoutMs: 800 }

async function opened(t: Test, url: string, more: Partial<Parameters<typeof openPostgresStore>[0]> = {}) {
  const store = await openPostgresStore({ url, instance: 'a', log() {}, ...patient, ...more })
  t.teardown(() => store.close())
  return store
}

/** How many are asleep in a trigger. */
const WRITERS = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'`

t.test('with a server', { skip: noPostgres }, async t => {
  const server = await startPostgres(t)

  t.test('two writers save two hundred changes while the server is killed: all are there, once', async t => {
    const url = await server.database()
    const [a, b] = [await opened(t, url), await opened(t, url, { instance: 'b' })]
    const acknowledged: string[] = []
    let [conflicts, unknown] = [0, 0]
    const write = async (store: PostgresStore, writer: string) => {
      for (let change = 1; change <= 100; )
        try {
          const after = (await store.load())?.revision ?? 0
          const draft = { at: 1, actor: { name: writer, tokenId: null, address: null }, action: 'set-weight' } as const
          const more = { subject: `${writer} ${change}`, reason: null, before: null, after: null, revision: after + 1 }
          await save(store, after + 1, { after, draft: { ...draft, ...more } as never })
          acknowledged.push(more.subject)
          change++
        } catch (error) {
          const { code } = error as BanyanError
          if (code === 'store_conflict') conflicts++
          else if (/^store_(unreachable|timeout|io)$/.test(code)) {
            // It is looked for, as control does.
            unknown++
            const found = await eventually(() => store.audit({ limit: 10, before: null }))
            if (found.some(entry => entry.subject === `${writer} ${change}`)) change++
          } else throw error
        }
    }
    const writing = Promise.all([write(a, 'a'), write(b, 'b')])
    for (const enough of [40, 110]) {
      while (acknowledged.length < enough) await new Promise(resolve => setTimeout(resolve, 5))
      await server.kill()
      await server.start()
    }
    await writing
    t.comment(`${conflicts} conflicts, ${unknown} unknown`)
    const entries = await eventually(() => a.audit({ limit: 1_000, before: null }))
    t.same(
      entries.map(entry => entry.subject).sort(),
      ['a', 'b'].flatMap(writer => ascending(100).map(n => `${writer} ${n}`)).sort(),
      'every change, none twice',
    )
    t.same(await eventually(() => b.verifyAudit()), { ok: true, entries: 200, brokenAt: null })
    t.equal((await a.load())?.revision, 200)
  })

  t.test('whatever defaults others have set', async t => {
    const url = await server.database()
    const database = url.split('/').at(-1)!
    const settings = {
      ...{ default_transaction_isolation: 'serializable', synchronous_commit: 'off', extra_float_digits: '-15' },
      ...{ bytea_output: 'escape', datestyle: 'German', intervalstyle: 'sql_standard', search_path: 'nowhere' },
      ...{ standard_conforming_strings: 'off', statement_timeout: '200', lock_timeout: '1', array_nulls: 'off' },
      ...{ default_transaction_deferrable: 'on', enable_seqscan: 'off', timezone: 'Asia/Kathmandu' },
      ...{ quote_all_identifiers: 'on', transform_null_equals: 'on', row_security: 'off' },
    }
    for (const [name, value] of Object.entries(settings))
      await server.sql(`ALTER ROLE postgres IN DATABASE ${database} SET ${name} = '${value}'`)
    const [a, b] = [await opened(t, url), await opened(t, url, { instance: 'b' })]
    await save(a, 123_456_789, { after: 0 })
    let conflicts = 0
    const write = async (store: PostgresStore) => {
      for (let done = 0; done < 10; )
        try {
          const after = (await store.load())!.revision
          if (conflicts > 1_000) throw new Error('conflicts only')
          await save(store, after + 1, { after })
          done++
        } catch (error) {
          if ((error as BanyanError).code !== 'store_conflict') throw error
          conflicts++
        }
    }
    await Promise.all([write(a), write(b)])
    t.comment(`${conflicts} conflicts`)
    t.equal((await b.load())?.revision, 123_456_809)
    t.same(await b.verifyAudit(), { ok: true, entries: 21, brokenAt: null })
    await a.keep({ put: [['k\0\\', 'ö\\\0']], remove: [] })
    t.same(await a.kept(), [['k\0\\', 'ö\\\0']])
    t.same(await b.keptByOthers('k'), [['a', 'k\0\\', 'ö\\\0']])
    const before = Date.now()
    const { until, token } = (await a.lease('leader', 'a', HOUR))!
    t.ok(Math.abs(until - before - HOUR) < HOUR / 2, `until ${until}`)
    await save(b, 123_456_810, { fence: { lease: 'leader', token } })
  })

  t.test('nobody takes a lease over while a write of its holder is under way', async t => {
    const url = await server.database()
    const [a, b] = [await opened(t, url), await opened(t, url, { instance: 'b' })]
    const { token } = (await a.lease('leader', 'a', 1))!
    // Past its check of the fence, a write is slow.
    await server.sql(
      `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
       CREATE TRIGGER slow BEFORE INSERT ON banyan.kept FOR EACH ROW EXECUTE FUNCTION dawdle()`,
      url,
    )
    const ended: string[] = []
    const writing = a
      .keep({ put: [['k', 'v']], remove: [] }, { lease: 'leader', token })
      .then(() => ended.push('a wrote'))
    while ((await server.sql<{ n: number }>(WRITERS)).every(({ n }) => n === 0));
    const taking = b.lease('leader', 'b', HOUR).then(lease => ended.push(lease === null ? 'refused' : 'b leads'))
    await Promise.all([writing, taking])
    t.same(ended, ['a wrote', 'b leads'], 'what a wrote is there before b begins')
  })

  t.test('schemas whose names are words of SQL', async t => {
    const url = await server.database()
    for (const schema of ['user', 'default', 'select', 'public', 'none', 'on']) {
      const store = await opened(t, `${url}?schema=${schema}`)
      t.equal((await save(store, 1)).seq, 1, schema)
      const heard = ear()
      store.shared.listen(heard)
      await heard.until('missed')
      await save(store, 2)
      await heard.until('committed a: 2')
      await store.close()
    }
    const made = await server.sql<{ n: string }>(
      `SELECT count(*) AS n FROM pg_tables WHERE tablename = 'control' AND schemaname <> 'pg_catalog'`,
      url,
    )
    t.same(made, [{ n: '6' }], 'each has its own')
  })

  t.test('a connection that was ended while nobody used it is not noticed by who calls', async t => {
    const url = await server.database()
    const store = await opened(t, url)
    for (const revision of [1, 2, 3]) {
      await save(store, revision)
      await store.keep({ put: [['k', String(revision)]], remove: [] })
      await ended(server, url)
    }
    t.same(await store.kept(), [['k', '3']])
    t.equal((await store.load())?.revision, 3)
  })

  t.test('a host that falls silent at any step gives way to the next one', async t => {
    const url = await server.database()
    await save(await opened(t, url), 1)
    // Parts of what is said: to log in, to look, at the tables; in an open connection.
    for (const step of ['user', 'search_path', 'pg_tables', 'FROM meta']) {
      const line = await lineTo(t, server.port)
      line.silentFrom(step)
      const both = url.replace(/@[^/]*/, `@127.0.0.1:${line.port},127.0.0.1:${server.port}`)
      const store = await opened(t, both, hasty)
      t.equal((await within(10_000, () => store.load()))?.revision, 1, `silent from ${step}`)
      await line.silence
    }
    const line = await lineTo(t, server.port)
    const both = url.replace(/@[^/]*/, `@127.0.0.1:${line.port},127.0.0.1:${server.port}`)
    const store = await opened(t, both, hasty)
    t.equal((await eventually(() => store.load()))?.revision, 1)
    line.silentFrom('UPDATE control')
    await t.rejects(save(store, 2), { code: 'store_timeout' })
    t.equal((await within(10_000, () => store.load()))?.revision, 1)
    t.equal((await save(store, 2)).seq, 2)
  })

  t.test('taking records over, and sweeping them, may take longer than other statements', async t => {
    const url = await server.database()
    const gone = await opened(t, url, { instance: 'gone' })
    const store = await opened(t, url, { ...hasty, instance: 'heir' })
    await gone.keep({ put: [['k', 'v']], remove: [] })
    await eventually(() => store.kept())
    // As with many records on a slow disk.
    await server.sql(
      `UPDATE banyan.kept SET at = now() - interval '1 day';
       CREATE FUNCTION banyan.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.2); RETURN NULL; END $$;
       CREATE TRIGGER wait BEFORE UPDATE OR DELETE ON banyan.kept FOR EACH STATEMENT EXECUTE FUNCTION banyan.wait()`,
      url,
    )
    t.equal(await store.shared.inherit(HOUR), 'gone')
    t.same(await store.kept(), [['k', 'v']])
    await server.sql(`UPDATE banyan.kept SET instance = 'other', at = now() - interval '1 day'`, url)
    const { token } = (await eventually(() => store.lease('sweeper', 'a', HOUR)))!
    await store.shared.sweep(HOUR, { lease: 'sweeper', token })
    t.same(await store.keptByOthers(''), [])
  })

  t.test('statements that got in each other’s way are said to be tried again', async t => {
    const url = await server.database()
    const store = await opened(t, url)
    await save(store, 1)
    await server.sql(
      `CREATE FUNCTION banyan.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'deadlock detected' USING ERRCODE = TG_ARGV[0]; END $$;
       CREATE TRIGGER fail BEFORE UPDATE ON banyan.control FOR EACH ROW EXECUTE FUNCTION banyan.fail('40P01')`,
      url,
    )
    for (const [state, code] of [
      ['40P01', 'store_timeout'],
      ['40001', 'store_timeout'],
      ['55P03', 'store_timeout'],
      ['53200', 'store_unreachable'],
      ['58030', 'store_io'],
      ['XX001', 'store_io'],
      ['53100', 'store_full'],
      ['25006', 'store_read_only'],
    ] as const) {
      await server.sql(
        `DROP TRIGGER fail ON banyan.control;
         CREATE TRIGGER fail BEFORE UPDATE ON banyan.control FOR EACH ROW EXECUTE FUNCTION banyan.fail('${state}')`,
        url,
      )
      await t.rejects(save(store, 2), { code }, state)
    }
    await server.sql('DROP TRIGGER fail ON banyan.control', url)
    t.equal((await save(store, 2)).seq, 2)
  })

  t.test('the first host is frozen: the second one is found', async t => {
    const other = await startPostgres(t)
    const url = await server.database()
    await save(await opened(t, url), 1)
    const both = url.replace(/@[^/]*/, `@127.0.0.1:${other.port},127.0.0.1:${server.port}`)
    other.freeze()
    t.teardown(() => other.thaw())
    const store = await opened(t, both, hasty)
    t.equal((await within(10_000, () => store.load()))?.revision, 1)
    t.equal((await save(store, 2)).seq, 2)
  })
})

t.test('a server that is too old is refused in words', async t => {
  const port = await oldServer(t, 120_022)
  const store = await opened(t, `postgres://u@127.0.0.1:${port}/db`)
  await t.rejects(store.load(), { code: 'store_too_old', message: /PostgreSQL 12/, hint: /newer/ })
})

t.test('a password among the parameters is said to nobody', async t => {
  for (const name of ['password', 'sslpassword', 'PASSWORD', 'pass%77ord']) {
    const error = await openPostgresStore({ url: `postgres://u@h/db?${name}=geheim&schema=x`, instance: 'a', log() {} })
      .then(() => null)
      .catch(thrown => thrown)
    t.match(error, { code: 'store_url' }, name)
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), /geheim/, name)
  }
})

/** Ends the connections of a store, and waits until they are gone. */
async function ended(server: PostgresServer, url: string): Promise<void> {
  const who = `FROM pg_stat_activity WHERE application_name = 'banyan' AND datname = current_database()`
  await server.sql(`SELECT pg_terminate_backend(pid) ${who}`, url)
  await eventually(async () => {
    if ((await server.sql(`SELECT 1 ${who}`, url)).length > 0) throw new Error('not yet')
  })
  // What the server said of it is read.
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Tried again until it works, for so long. */
async function within<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const end = performance.now() + ms
  for (;;)
    try {
      return await work()
    } catch (error) {
      if (performance.now() > end) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
}

function eventually<T>(work: () => Promise<T>): Promise<T> {
  return within(10_000, work)
}
