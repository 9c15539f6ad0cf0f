// The SQLite store is a store, and more: its file and its thread are what they are said to be.
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { ascending, bigState, sampleState, save, storeContract } from '../contracts/store.ts'
import { PLAIN_NODE, startChild } from './child.ts'
import { scratch } from './scratch.ts'

/** Our table refuses entries that are no JSON; a damaged file need not. */
const LOOSEN = `CREATE TABLE loose (seq INTEGER PRIMARY KEY, entry TEXT); INSERT INTO loose SELECT seq, entry FROM audit;
  DROP TABLE audit; ALTER TABLE loose RENAME TO audit`

const root = scratch(t)
const paths = new WeakMap<object, string>()

async function openAt(path: string) {
  const store = await openSqliteStore({ path })
  paths.set(store, path)
  return store
}

storeContract(
  t,
  'sqlite',
  () => openAt(join(root, randomUUID(), 'state.db')),
  async store => {
    await store.close()
    return openAt(paths.get(store)!)
  },
)

t.test('WAL, synchronous=FULL and the exclusive lock are really in force', async t => {
  const path = join(scratch(t), 'state.db')
  for (const which of ['new file', 'opened again']) {
    const store = await openSqliteStore({ path })
    t.same(
      await store.settings(),
      { journalMode: 'wal', synchronous: 2, lockingMode: 'exclusive', schemaVersion: 2, knownSchema: 2 },
      which,
    )
    await store.close()
  }
})

t.test('directory and files are for nobody else', async t => {
  const path = join(scratch(t), 'deep', 'er', 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await save(store, 1)
  t.equal(modeOf(join(path, '..', '..')), 0o700)
  t.equal(modeOf(join(path, '..')), 0o700)
  t.equal(modeOf(path), 0o600)
  t.equal(modeOf(`${path}-wal`), 0o600)
})

t.test('a file that others could read is closed to them', async t => {
  const directory = scratch(t)
  writeFileSync(join(directory, 'state.db'), '', { mode: 0o644 })
  const store = await openSqliteStore({ path: join(directory, 'state.db') })
  t.equal(modeOf(join(directory, 'state.db')), 0o600)
  await store.close()
})

t.test('commits that wait share one transaction', async t => {
  const path = join(scratch(t), 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await Promise.all(ascending(100).map(revision => save(store, revision)))
  // The log holds a frame of 4120 bytes at least for every page of every transaction: the first commit's two, then those of
  // one transaction for the 99 others, whose entries fill some fifteen pages.
  t.ok(statSync(`${path}-wal`).size < 40 * 4120, `${statSync(`${path}-wal`).size} bytes`)
  t.equal((await store.audit({ limit: 1, before: null }))[0]?.seq, 100)
})

t.test('a full disk is said, harms no others, and work goes on', async t => {
  const path = join(scratch(t), 'state.db')
  const store = await openSqliteStore({ path, maxPages: 40 })
  t.teardown(() => store.close())
  await save(store, 1)
  const together = await Promise.allSettled([
    save(store, 2),
    save(store, 3),
    save(store, 4, { state: bigState(4, 10_000) }),
    save(store, 5, { after: 3 }),
  ])
  t.same(
    together.map(result => (result.status === 'fulfilled' ? result.value.seq : result.reason.code)),
    [2, 3, 'store_full', 4],
  )
  await t.rejects(save(store, 6, { state: bigState(6, 10_000) }), { code: 'store_full', hint: /space/ })
  t.same(await store.load(), sampleState(5))
  t.equal((await save(store, 6)).seq, 5, 'the same revision again, as it was not saved')
  t.same(await store.verifyAudit(), { ok: true, entries: 5, brokenAt: null })
})

t.test('what was done to the audit log behind our back is found', async t => {
  const resealed = `UPDATE audit SET entry = json_set(entry, '$.reason', 'forged') WHERE seq = 7`
  const cases: readonly (readonly [string, string, number])[] = [
    ['a word changed', `UPDATE audit SET entry = replace(entry, '"ada"', '"eve"') WHERE seq = 7`, 7],
    ['a reason added', resealed, 7],
    ['one removed', 'DELETE FROM audit WHERE seq = 7', 8],
    ['the first removed', 'DELETE FROM audit WHERE seq = 1', 2],
    ['the newest removed', 'DELETE FROM audit WHERE seq > 1997', 1998],
    ['all removed', 'DELETE FROM audit', 1],
    ['one added', `INSERT INTO audit (seq, entry) SELECT 2001, entry FROM audit WHERE seq = 2000`, 2001],
    [
      'two exchanged',
      `UPDATE audit SET seq = -seq WHERE seq IN (7, 8); UPDATE audit SET seq = 15 + seq WHERE seq < 0`,
      7,
    ],
    ['no JSON', `${LOOSEN}; UPDATE audit SET entry = '{' WHERE seq = 1500`, 1500],
    ['no entry', `UPDATE audit SET entry = 'null' WHERE seq = 1000`, 1000],
    ['another end than the last commit left', `UPDATE control SET audit_hash = '${'0'.repeat(64)}'`, 2000],
  ]
  const path = join(scratch(t), 'state.db')
  await fillAudit(path, 2000)
  const pristine = readRows(path)
  for (const [what, sql, brokenAt] of cases) {
    const entries = tamper(path, sql)
    const store = await openSqliteStore({ path })
    t.same(await store.verifyAudit(), { ok: false, entries, brokenAt }, what)
    await store.close()
    writeRows(path, pristine)
  }
  const store = await openSqliteStore({ path })
  t.same(await store.verifyAudit(), { ok: true, entries: 2000, brokenAt: null })
  await store.close()
})

t.test('records that are no JSON are an error with a name', async t => {
  const path = join(scratch(t), 'state.db')
  await fillAudit(path, 3)
  tamper(path, `${LOOSEN}; UPDATE audit SET entry = '{' WHERE seq = 2; UPDATE control SET state = 'x'`)
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await t.rejects(store.load(), { code: 'store_unreadable', details: { path } })
  await t.rejects(store.audit({ limit: 5, before: null }), { code: 'store_unreadable' })
  t.equal((await store.audit({ limit: 1, before: null })).length, 1, 'others can be read')
})

t.test('a table that is gone is an error with a name, again and again', async t => {
  const path = join(scratch(t), 'state.db')
  await fillAudit(path, 3)
  const db = new DatabaseSync(path)
  db.exec('DROP TABLE audit')
  db.close()
  for (const time of ['first', 'second'])
    await t.rejects(
      openSqliteStore({ path }),
      { name: 'BanyanError', code: 'store_unreadable', message: /no such table/ },
      time,
    )
  const other = startChild(t, 'once', path)
  t.match(await other.rest(), [['refused', 'store_unreadable']], 'and the file is not held')
})

t.test('an entry that somebody else has added is not written over', async t => {
  const path = join(scratch(t), 'state.db')
  await fillAudit(path, 3)
  tamper(path, 'INSERT INTO audit (seq, entry) SELECT 4, entry FROM audit WHERE seq = 3')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await t.rejects(save(store, 4), { code: 'store_unreadable', message: /audit\.seq/ })
  t.same(await store.verifyAudit(), { ok: false, entries: 4, brokenAt: 4 })
})

t.test('a file that was removed while in use takes no more commits', async t => {
  const directory = scratch(t)
  const path = join(directory, 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await save(store, 1)
  renameSync(path, `${path}.away`)
  await t.rejects(save(store, 2), { code: 'store_moved' })
  t.equal((await store.load())?.revision, 1)
  renameSync(`${path}.away`, path)
  t.equal((await save(store, 2)).seq, 2)
})

t.test('a thread that dies fails what it had in hand; the next request gets a new one', async t => {
  const path = join(scratch(t), 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await save(store, 1)
  // The store's own worker is reached from outside as the process's newest: kill it, and have the next one announced.
  const next = once(process, 'worker') as Promise<[Worker]>
  const first = workers.at(-1)!
  const lost = save(store, 2, { state: bigState(2, 10_000) })
  first.terminate()
  await t.rejects(lost, { code: 'store_failed', hint: /may or may not/ })
  const stored = (await store.load())?.revision ?? 0
  t.ok([1, 2].includes(stored), `${stored} is stored`)
  await next
  t.equal((await save(store, 3, { after: stored })).revision, 3, 'and goes on from what is stored')
  t.equal((await store.verifyAudit()).ok, true)
  workers.at(-1)!.terminate()
  await store.close()
})

t.test('an idle store does not keep the process, a commit under way does, a closed one leaves nothing', async t => {
  for (const [mode, said] of [
    ['idle', [['open']]],
    ['forget', [['open'], ['acknowledged', 1]]],
    ['once', [['open'], ['acknowledged', 1]]],
  ] as const) {
    const child = startChild(t, mode, join(scratch(t), 'state.db'))
    t.same(await child.rest(), said, mode)
    t.same(await child.ended, { end: 0, stderr: '' }, `${mode}: ends by itself, without a warning`)
  }
})

t.test('works compiled', async t => {
  const out = scratch(t)
  writeFileSync(join(out, 'package.json'), '{"type":"module"}')
  const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const compiled = spawnSync(
    'env',
    [
      ...PLAIN_NODE,
      ...[file('node_modules/typescript/bin/tsc'), '--ignoreConfig', '--outDir', out, '--rootDir', file('src')],
      ...['--module', 'nodenext', '--target', 'es2024', '--rewriteRelativeImportExtensions', '--types', 'node'],
      ...['--typeRoots', file('node_modules/@types'), '--noCheck'],
      ...[file('src/store/sqlite.ts'), file('src/store/sqlite-thread.ts')],
    ],
    { encoding: 'utf8' },
  )
  t.equal(compiled.status, 0, compiled.stdout + compiled.stderr)
  const child = startChild(t, 'once', join(out, 'state.db'), { from: join(out, 'store', 'sqlite.js') })
  t.same(await child.rest(), [['open'], ['acknowledged', 1]])
  t.same(await child.ended, { end: 0, stderr: '' })
})

const workers: Worker[] = []
process.on('worker', worker => workers.push(worker))

async function fillAudit(path: string, count: number): Promise<void> {
  const store = await openSqliteStore({ path })
  await Promise.all(ascending(count).map(revision => save(store, revision)))
  await store.close()
}

/** @returns how many entries are left */
function tamper(path: string, sql: string): number {
  const db = new DatabaseSync(path)
  db.exec(sql)
  const row = db.prepare('SELECT count(*) AS n FROM audit').get()
  db.close()
  return Number(row?.n)
}

interface Rows {
  readonly audit: readonly Record<string, unknown>[]
  readonly hash: string
}

function readRows(path: string): Rows {
  const db = new DatabaseSync(path)
  const audit = db.prepare('SELECT seq, entry FROM audit').all()
  const hash = String(db.prepare('SELECT audit_hash FROM control').get()?.audit_hash)
  db.close()
  return { audit, hash }
}

function writeRows(path: string, rows: Rows): void {
  const db = new DatabaseSync(path)
  const insert = db.prepare('INSERT INTO audit (seq, entry) VALUES (?, ?)')
  db.exec('BEGIN; DELETE FROM audit')
  for (const row of rows.audit) insert.run(Number(row.seq), String(row.entry))
  db.prepare('UPDATE control SET audit_hash = ?').run(rows.hash)
  db.exec('COMMIT')
  db.close()
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}
