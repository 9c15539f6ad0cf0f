// What is acknowledged is on the disk: processes killed at any moment, disks that fail or are full.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { cannotRun, startChild, type Words } from './child.ts'
import { scratch } from './scratch.ts'

const seed = Date.now() % 2 ** 31
const random = mulberry32(seed)
t.comment(`seed ${seed}`)

t.test('kill -9 loses nothing that was acknowledged', async t => {
  for (const mode of ['loop', 'flood']) {
    const path = join(scratch(t), 'state.db')
    let acknowledged = 0
    for (let cycle = 1; cycle <= 4; cycle++) {
      const child = startChild(t, mode, path)
      t.same(await child.next(), ['open'])
      const count = 1 + Math.floor(random() * 120)
      const words: Words[] = []
      while (words.length < count) words.push((await child.next())!)
      await child.kill()
      words.push(...(await child.rest()))
      acknowledged = Math.max(acknowledged, ...words.map(([, revision]) => Number(revision)))
      await checkFile(t, path, acknowledged, `${mode}, cycle ${cycle}: ${words.length} acknowledged`)
    }
  }
})

/** Revisions of the test children have no gaps, so that each entry is that of its own revision. */
async function checkFile(t: Test, path: string, acknowledged: number, what: string): Promise<void> {
  const store = await openSqliteStore({ path })
  const stored = (await store.load())?.revision ?? 0
  const entries = (await store.audit({ limit: 1_000_000, before: null })).toReversed()
  t.ok(stored >= acknowledged, `${what}: ${stored} stored, ${acknowledged} acknowledged`)
  t.ok(
    entries.every((entry, at) => entry.seq === at + 1 && entry.revision === at + 1),
    `${what}: no gap and no double`,
  )
  t.same(await store.verifyAudit(), { ok: true, entries: stored, brokenAt: null }, what)
  await store.close()
}

const noStrace = cannotRun('strace', '--seccomp-bpf', '-f', '-o', '/dev/null', 'true')

for (const mode of ['faulty', 'mixed'])
  t.test(`an fsync of the log comes before every acknowledgement (${mode})`, { skip: noStrace }, async t => {
    const directory = scratch(t)
    const log = join(directory, 'trace')
    const under = ['strace', '--seccomp-bpf', '-f', '-y', '-s', '60', '-e', 'trace=fsync,fdatasync,write', '-o', log]
    const child = startChild(t, mode, join(directory, 'state.db'), { under })
    await child.rest()
    t.match(await child.ended, { end: 0 })
    let synced = 0
    let acknowledgements = 0
    let handle = ''
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      // A call that another thread interrupts is logged in two lines; the second one names no file.
      const started = /^(\d+) +(?:fsync|fdatasync)\(\d+<[^>]*-wal>(.*)/.exec(line)
      if (started !== null) handle = started[1]!
      if (
        started?.[2]?.includes('= 0') ||
        new RegExp(`^${handle} +<\\.\\.\\. (fsync|fdatasync) resumed>.*= 0`).test(line)
      )
        synced++
      if (!/write\(1<.*acknowledged/.test(line)) continue
      acknowledgements++
      if (synced === 0) t.fail(`acknowledgement ${acknowledgements} came before its fsync`)
      synced = 0
    }
    t.equal(acknowledgements, 20)
  })

for (const [call, error, code] of [
  ['fsync,fdatasync', 'EIO', 'store_io'],
  ['pwrite64', 'EIO', 'store_io'],
  ['pwrite64', 'ENOSPC', 'store_full'],
] as const)
  t.test(`the disk answers ${error} to the n-th ${call}`, { skip: noStrace }, async t => {
    const seen = new Set<unknown>()
    // While it opens, at the first changes, in the middle, at the end: each run takes others.
    const moments = [[1], [2, 4, 6], [9, 10, 11], [12, 13], [20, 31]]
    for (const nth of moments.map(some => some[Math.floor(random() * some.length)] as number)) {
      const path = join(scratch(t), 'state.db')
      const inject = `inject=${call}:error=${error}:when=${nth}`
      const log = join(scratch(t), 'trace')
      const under = ['strace', '--seccomp-bpf', '-f', '-o', log, '-e', `trace=openat,${call}`, '-e', inject]
      const child = startChild(t, 'faulty', path, { under })
      const words = await child.rest()
      t.match(await child.ended, { end: 0, stderr: '' })
      const refusals = words.filter(([what]) => what === 'refused')
      for (const [, refusal] of refusals) seen.add(refusal)
      // strace counts anew in every thread, and every attempt to open has a thread of its own: some never succeed.
      const opened = words.some(([what]) => what === 'open')
      const unsaved = refusals.filter(([, , revision]) => typeof revision === 'number').length
      t.ok(unsaved <= 1, `n = ${nth}: one fault fails one change (${JSON.stringify(refusals)})`)
      if (opened) t.same(words.at(-1), ['done'], 'and the store goes on')
      const acknowledged = words.filter(([what]) => what === 'acknowledged').map(([, revision]) => revision)
      const timesOpened = readFileSync(log, 'utf8').match(/state\.db", O_RDWR\|O_CREAT\|O_NOFOLLOW/g)?.length ?? 0
      if (unsaved === 1 && error === 'EIO')
        t.ok(timesOpened > 1, 'a connection that saw a failure is not trusted again')
      t.equal(acknowledged.length, opened ? 20 - unsaved : 0)
      const store = await openSqliteStore({ path })
      const stored = (await store.audit({ limit: 100, before: null })).map(entry => entry.revision)
      t.ok(
        acknowledged.every(revision => stored.includes(Number(revision))),
        `n = ${nth}: all that was acknowledged is there`,
      )
      t.same(await store.verifyAudit(), { ok: true, entries: stored.length, brokenAt: null })
      await store.close()
    }
    t.same([...seen], [code])
  })

const mount = ['sh', '-c', 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'] as const
const namespace = process.getuid?.() === 0 ? ['unshare', '--mount'] : ['unshare', '--map-root-user', '--mount']
const noMount = cannotRun(...(namespace as [string, string]), ...mount, scratch(t), 'true')

t.test('a disk that is really full', { skip: noMount }, async t => {
  const directory = scratch(t)
  const child = startChild(t, 'full', join(directory, 'state.db'), { under: [...namespace, ...mount, directory] })
  t.strictSame(await child.rest(), [
    ['open'],
    ['refused', 'store_full', true],
    ['refused', 'store_full', true],
    ['stored', 1],
    ['not spilled', 'spill_failed'],
    ['spilled', 1],
    ['acknowledged', 2],
    ['verified', { ok: true, entries: 2, brokenAt: null }],
  ])
  t.match(await child.ended, { end: 0, stderr: '' })
})

function mulberry32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
