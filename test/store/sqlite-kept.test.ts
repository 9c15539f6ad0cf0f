// Kept records in the SQLite file: whole whenever the process ends, never in the way of control state.
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { ascending, bigState, save } from '../contracts/store.ts'
import { cannotRun, startChild, type Words } from './child.ts'
import { scratch } from './scratch.ts'

t.test('kill -9 leaves records whole, and all that were kept', async t => {
  const path = join(scratch(t), 'state.db')
  for (const count of [1, 9, 60]) {
    const child = startChild(t, 'keep', path)
    t.same(await child.next(), ['open'])
    const words: Words[] = []
    while (words.length < count) words.push((await child.next())!)
    await child.kill()
    const last = Number([...words, ...(await child.rest())].at(-1)![1])
    const store = await openSqliteStore({ path })
    const rounds = (await store.kept()).map(([, text]) => Number(text))
    await store.close()
    t.equal(rounds.length, 30)
    t.equal(new Set(rounds).size, 1, `after ${count}: none in parts`)
    t.ok(rounds[0]! >= last, `after ${count}: ${rounds[0]} is there, ${last} was kept`)
  }
})

const noStrace = cannotRun('strace', '--seccomp-bpf', '-f', '-o', '/dev/null', 'true')

t.test('a disk that fails while records are kept fails no commit', { skip: noStrace }, async t => {
  const failed: string[] = []
  for (const error of ['EIO', 'ENOSPC'])
    for (const nth of [19, 20, 24]) {
      const path = join(scratch(t), 'state.db')
      const inject = `inject=pwrite64:error=${error}:when=${nth}`
      const under = ['strace', '--seccomp-bpf', '-f', '-o', '/dev/null', '-e', 'trace=pwrite64', '-e', inject]
      const child = startChild(t, 'mixed', path, { under })
      const words = await child.rest()
      t.match(await child.ended, { end: 0, stderr: '' })
      const missed = words.filter(([what]) => what === 'refused' || what === 'not kept')
      failed.push(...missed.map(([what]) => what))
      t.equal(missed.length, 1, `n = ${nth}: one fault fails one of them (${JSON.stringify(missed)})`)
      const store = await openSqliteStore({ path })
      const acknowledged = words.filter(([what]) => what === 'acknowledged').length
      t.equal(new Set((await store.kept()).map(([, round]) => round)).size, 1)
      t.same(await store.verifyAudit(), { ok: true, entries: acknowledged, brokenAt: null })
      await store.close()
    }
  t.ok(failed.includes('not kept'), `some of the faults hit the records (${failed})`)
})

t.test('records fill a disk up to what control needs, and no further', async t => {
  // 8 MiB are 2,048 pages.
  const store = await openSqliteStore({ path: join(scratch(t), 'state.db'), maxPages: 2_500 })
  t.teardown(() => store.close())
  await save(store, 1)
  const text = 'x'.repeat(100_000)
  let kept = 0
  const filled = (async () => {
    for (;;) await store.keep({ put: [[`${kept}`, text]], remove: [] }).then(() => kept++)
  })()
  await t.rejects(filled, { code: 'store_full', hint: /8 MiB/ })
  t.ok(kept > 5, `${kept} kept`)
  t.equal((await store.kept()).length, kept, 'what was kept is there')
  for (const revision of [2, 3, 4]) await save(store, revision, { state: bigState(revision, 10_000) })
  t.ok((await store.load())?.revision === 4, 'control state has room for its largest')
  t.same(await store.verifyAudit(), { ok: true, entries: 4, brokenAt: null })
  await store.keep({ put: [], remove: ascending(kept).map(n => `${n - 1}`) })
  await store.keep({ put: [['again', text]], remove: [] })
  t.equal((await store.kept()).length, 1, 'room that was given back is used again')
})

t.test('a table of records that cannot be used harms no commit', async t => {
  for (const [what, sql] of [
    ['other columns', 'CREATE TABLE kept (something TEXT)'],
    ['a view', `CREATE VIEW kept AS SELECT 1 AS id, 'a' AS key, 'b' AS text`],
    ['an index of that name', 'CREATE INDEX kept ON audit (entry)'],
  ] as const) {
    const path = join(scratch(t), 'state.db')
    const before = await openSqliteStore({ path })
    await save(before, 1)
    await before.close()
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
    const store = await openSqliteStore({ path })
    const results = await Promise.allSettled([
      store.keep({ put: [['a', '1']], remove: [] }),
      save(store, 2),
      store.keep({ put: [['b', '2']], remove: [] }),
    ])
    t.match(
      results.map(result => (result.status === 'fulfilled' ? 'done' : result.reason.code)),
      ['store_unreadable', 'done', 'store_unreadable'],
      what,
    )
    t.equal((await save(store, 3)).seq, 3)
    t.same(await store.verifyAudit(), { ok: true, entries: 3, brokenAt: null })
    await store.close()
  }
})

t.test('records raise no schema version, and leave commits as durable as before', async t => {
  const path = join(scratch(t), 'state.db')
  const store = await openSqliteStore({ path })
  t.teardown(() => store.close())
  await store.keep({ put: [['a', '1']], remove: [] })
  t.match(await store.settings(), { schemaVersion: 2, synchronous: 2 })
  renameSync(path, `${path}.away`)
  await t.rejects(store.keep({ put: [['b', '2']], remove: [] }), { code: 'store_moved' })
  t.match(await store.settings(), { synchronous: 2 }, 'also after one that failed')
  renameSync(`${path}.away`, path)
})

t.test('what was removed is overwritten', async t => {
  const path = join(scratch(t), 'state.db')
  for (const put of [[['k', 'secret of a user'.repeat(100)] as const], []]) {
    const store = await openSqliteStore({ path })
    await store.keep({ put, remove: ['k'] })
    await store.close()
    t.equal(readFileSync(path).includes('secret of a user'), put.length > 0)
  }
})
