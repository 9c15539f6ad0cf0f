// Whose file it is: every way in which the SQLite store must refuse one, and leave it as it was.
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { ascending, bigState, save } from '../contracts/store.ts'
import { cannotRun, startChild } from './child.ts'
import { scratch } from './scratch.ts'

t.test('what is no database is refused and left alone', async t => {
  const ours = await sampleFile(scratch(t))
  const contents: Readonly<Record<string, Buffer>> = {
    'a text': Buffer.from('routes:\n  - id: orders\n'.repeat(400)),
    'a few bytes': Buffer.from('hello'),
    'the beginning of one of ours': readFileSync(ours).subarray(0, 50),
    'noise behind the right first words': Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(9000, 0xa5)]),
  }
  for (const [what, bytes] of Object.entries(contents)) {
    const path = join(scratch(t), 'state.db')
    writeFileSync(path, bytes)
    await t.rejects(
      openSqliteStore({ path }),
      { name: 'BanyanError', code: 'store_unreadable', message: new RegExp(path), hint: /backup/, details: { path } },
      what,
    )
    t.ok(readFileSync(path).equals(bytes), `${what}: unchanged`)
    t.same(readdirSync(dirname(path)), ['state.db'], `${what}: nothing is left beside it`)
  }
})

t.test('the database of another program is refused and left alone', async t => {
  for (const [what, sql] of [
    ['with tables', 'CREATE TABLE customers (id INTEGER)'],
    ['with a version', 'PRAGMA user_version = 1'],
    ['in WAL mode', 'PRAGMA journal_mode = WAL; CREATE TABLE customers (id INTEGER)'],
  ] as const) {
    const path = join(scratch(t), 'app.db')
    withDatabase(path, sql)
    const before = readFileSync(path)
    await t.rejects(openSqliteStore({ path }), { code: 'store_unreadable', message: /another program/ }, what)
    t.ok(readFileSync(path).equals(before), `${what}: unchanged`)
    withDatabase(path, 'BEGIN EXCLUSIVE; COMMIT')
  }
})

t.test('a newer schema is refused and left alone', async t => {
  const path = await sampleFile(scratch(t))
  withDatabase(path, 'PRAGMA user_version = 99')
  const before = readFileSync(path)
  await t.rejects(openSqliteStore({ path }), {
    code: 'store_too_new',
    message: /schema 99/,
    hint: /newer Banyan/,
    details: { found: 99, path },
  })
  t.ok(readFileSync(path).equals(before))
})

t.test('one schema version newer is used, two are refused', async t => {
  const path = await sampleFile(scratch(t))
  const next = `ALTER TABLE control ADD COLUMN note TEXT; CREATE TABLE news (id INTEGER PRIMARY KEY);
    UPDATE meta SET value = 3 WHERE name = 'schema'; UPDATE meta SET value = 2 WHERE name = 'readable_by';
    PRAGMA user_version = 2`
  withDatabase(path, next)
  const store = await openSqliteStore({ path })
  t.equal((await save(store, 2)).seq, 2)
  t.match(await store.settings(), { schemaVersion: 3 }, 'and it stays the newer one')
  await store.close()
  withDatabase(path, `UPDATE meta SET value = 4 WHERE name = 'schema'; PRAGMA user_version = 3`)
  await t.rejects(openSqliteStore({ path }), {
    code: 'store_too_new',
    message: /schema 4; programs must know 3, this one knows up to 2/,
    details: { path, found: 4, readableBy: 3, known: 2 },
  })
})

t.test('a file of schema 1 is brought up to date, and stays one for programs that know only that', async t => {
  const path = await sampleFile(scratch(t))
  withDatabase(path, 'DROP TABLE meta; DROP TABLE lease')
  const store = await openSqliteStore({ path })
  t.equal((await store.load())?.revision, 1)
  t.equal((await store.lease('a', 'b', 1000))?.token, 1)
  t.match(await store.settings(), { schemaVersion: 2 })
  await store.close()
  const db = new DatabaseSync(path)
  t.equal(db.prepare('PRAGMA user_version').get()?.user_version, 1)
  db.close()
})

t.test('a damaged database is an error with a name, never a crash', async t => {
  const path = await sampleFile(scratch(t))
  const size = readFileSync(path).length
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(size - 4096, 0xff), 0, size - 4096, 4096)
  closeSync(file)
  const results = await Promise.allSettled([openSqliteStore({ path }).then(store => store.load().finally(store.close))])
  t.match(results, [{ status: 'rejected', reason: { code: 'store_unreadable' } }])
})

t.test('an empty file is a new store', async t => {
  const path = join(scratch(t), 'state.db')
  writeFileSync(path, '')
  const store = await openSqliteStore({ path })
  t.equal(await store.load(), null)
  await store.close()
})

t.test('a path that cannot be a file is refused', async t => {
  const directory = scratch(t)
  writeFileSync(join(directory, 'plain'), '')
  mkdirSync(join(directory, 'folder'))
  for (const path of [
    join(directory, 'plain', 'state.db'),
    join(directory, 'plain', 'deep', 'state.db'),
    join(directory, 'folder'),
  ])
    await t.rejects(openSqliteStore({ path }), {
      code: 'store_unwritable',
      message: new RegExp(path),
      hint: /directory/,
    })
})

t.test('names that mean something to SQLite are plain names', async t => {
  const directory = scratch(t)
  for (const name of [':memory:', 'file:x?mode=memory', 'a b%20c#d.db']) {
    const store = await openSqliteStore({ path: join(directory, name) })
    await save(store, 1)
    await store.close()
    t.ok(readdirSync(directory).includes(name), name)
  }
})

// Root may write everywhere; nobody may not.
const uid = process.getuid?.() === 0 ? 65534 : undefined
const script = fileURLToPath(new URL('./store-child.ts', import.meta.url))
const noOther =
  uid !== undefined && cannotRun('setpriv', `--reuid=${uid}`, '--clear-groups', process.execPath, '--check', script)
const noModes = process.platform === 'win32' ? 'Windows has no file modes' : false

t.test('without the right to write it is refused', { skip: noModes || noOther }, async t => {
  const cases: Readonly<Record<string, (path: string) => void>> = {
    'a directory of others': path => chmodSync(dirname(path), 0o555),
    'a directory nobody may enter': path => chmodSync(dirname(path), 0),
    'a file for reading only': path => {
      withDatabase(path, '')
      writeFileSync(path, '')
      chmodSync(path, 0o444)
      chmodSync(dirname(path), 0o777)
    },
    'a file not even for reading': path => {
      writeFileSync(path, '')
      chmodSync(path, 0)
      chmodSync(dirname(path), 0o777)
    },
  }
  for (const [what, arrange] of Object.entries(cases)) {
    const directory = scratch(t)
    if (uid !== undefined) chownSync(directory, uid, uid)
    const path = join(directory, 'inner', 'state.db')
    mkdirSync(dirname(path))
    arrange(path)
    t.teardown(() => chmodSync(dirname(path), 0o700))
    const child = startChild(t, 'once', path, uid === undefined ? {} : { uid })
    t.match(
      await child.rest(),
      [['refused', 'store_unwritable', /cannot be opened for writing/, /must be writable/]],
      what,
    )
    t.match(await child.ended, { end: 0, stderr: '' }, what)
  }
})

t.test('a second process is refused, in words that name the file', async t => {
  const path = join(scratch(t), 'state.db')
  const holder = startChild(t, 'hold', path)
  t.same(await holder.next(), ['open'])
  for (const round of ['first', 'again']) {
    await t.rejects(
      openSqliteStore({ path }),
      { code: 'store_in_use', message: new RegExp(path), hint: /One Banyan/ },
      round,
    )
    const other = startChild(t, 'once', path)
    t.match(await other.rest(), [['refused', 'store_in_use', new RegExp(path)]], round)
  }
  await holder.kill()
  const store = await openSqliteStore({ path })
  t.equal((await save(store, 1)).seq, 1, 'free as soon as the holder is dead')
  await store.close()
})

t.test('a second store in the same process is refused, and costs the first nothing', async t => {
  const path = join(scratch(t), 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await t.rejects(openSqliteStore({ path }), { code: 'store_in_use' })
  // A lock of POSIX is lost when any handle of the file is closed anywhere in the process.
  const other = startChild(t, 'once', path)
  t.match(await other.rest(), [['refused', 'store_in_use']])
  await save(store, 1)
})

t.test('of several that start at once, one gets the file', async t => {
  const path = join(scratch(t), 'deep', 'state.db')
  const children = ascending(4).map(() => startChild(t, 'hold', path))
  const firsts = await Promise.all(children.map(child => child.next()))
  t.same(firsts.map(words => (words?.[0] === 'open' ? 'open' : words?.[1])).sort(), [
    'open',
    ...Array(3).fill('store_in_use'),
  ])
})

async function sampleFile(directory: string): Promise<string> {
  const path = join(directory, 'state.db')
  const store = await openSqliteStore({ path })
  await save(store, 1, { state: bigState(1, 500) })
  await store.close()
  return path
}

function withDatabase(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}
