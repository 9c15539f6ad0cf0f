// A rollback is in force whether or not the store can save it, and survives the process: disks that are full or slow, files that
// are taken away.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from './harness.ts'
import { BIN, metrics, noTrace, sidesOf, slowDisk, within } from './process.ts'
import { fillUp, noMount, smallDisk } from './small-disk.ts'
import { auditOf, ids, ROUTES, scene, USERS } from './survivor.ts'

t.test('a store that cannot save: refused changes, and a rollback that holds', { skip: noMount }, async t => {
  const { cwd, start } = await scene(t)
  const disk = await smallDisk(t, join(cwd, '.banyan'), 1)
  let banyan = await start({ under: disk.under })
  t.equal((await banyan.api('PUT', '/routes/all/weight', { percent: 100 })).json.durable, true)
  const refused = await fillUp(disk, banyan, 'b')
  t.match(refused, { status: 503, json: { code: /^store_(full|unavailable|io)$/, hint: /./ } })
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'), 'what was refused changed nothing')

  const begun = performance.now()
  const answer = await banyan.api('POST', '/routes/all/rollback', { reason: 'disk full, new side broken' })
  t.ok(performance.now() - begun < 5_000, 'answered about as fast as ever')
  t.match(answer, { status: 200, json: { durable: false, appliedBy: [{ ms: Number }], pending: [] } })
  t.ok(answer.json.appliedBy[0].ms < 1_000)
  t.notOk((await sidesOf(banyan, USERS)).includes('new'))
  const unsaved = (await banyan.api('GET', '/status')).json
  t.match(unsaved, { store: { healthy: false, unsaved: 1 } })
  t.ok(unsaved.warnings.some(({ code }: { code: string }) => code === 'unsaved_rollback'))
  t.match(await banyan.line(/^rollback in force and kept in the local file/), { level: 'error' })
  const repeated = await banyan.api('POST', '/routes/all/rollback', {})
  t.match(repeated.json, { durable: false, rollback: answer.json.rollback }, 'repeating it promises no more')

  await banyan.kill()
  t.match(disk.read('rollbacks.pending'), answer.json.rollback, 'it is in the local file')
  banyan = await start({ under: disk.under })
  t.notOk((await sidesOf(banyan, USERS)).includes('new'), 'still rolled back after kill -9')
  t.match((await banyan.api('GET', '/status')).json.rollbacks, [{ id: answer.json.rollback }])
  disk.mend()
  await eventually(async () => {
    const { store } = (await banyan.api('GET', '/status')).json
    return store.healthy && store.unsaved === 0
  }, 'it is saved as soon as there is space')
  await eventually(
    async () => (await banyan.api('GET', '/status')).json.warnings.length === 0,
    'and so is the local copy: nothing is warned of',
  )
  const [entry] = (await banyan.api('GET', '/audit?limit=1')).json.entries
  t.match(entry, { action: 'rollback', subject: 'all', reason: 'disk full, new side broken' })
  t.match((await banyan.api('GET', '/audit/verify')).json, { ok: true })
  t.equal((await banyan.api('PUT', '/routes/a/weight', { percent: 1 })).json.durable, true, 'changes are taken again')
  await banyan.kill()

  banyan = await start({ under: disk.under })
  t.notOk((await sidesOf(banyan, USERS)).includes('new'))
  const rollbacks = (await auditOf(banyan)).filter(({ action }) => action === 'rollback')
  t.equal(rollbacks.length, 1, 'written once')
  t.match((await banyan.api('POST', '/restore', {})).json, {
    ended: [answer.json.rollback],
    remaining: [],
    durable: true,
  })
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'), 'and a restore ends it as any other')
  t.match(await metrics(banyan), /^banyan_route_weight_ratio\{route="all",kind="effective"\} 1$/m)
})

t.test('a disk that stays full: every rollback is kept, break glass too', { skip: noMount }, async t => {
  const { cwd, start } = await scene(t)
  const disk = await smallDisk(t, join(cwd, '.banyan'), 1)
  let banyan = await start({ under: disk.under })
  for (const route of ['all', 'a', 'b']) await banyan.api('PUT', `/routes/${route}/weight`, { percent: 100 })
  await fillUp(disk, banyan, 'b')
  const kept: string[] = []
  for (const route of ['all', 'a', 'b']) {
    const { json } = await banyan.api('POST', `/routes/${route}/rollback`, { reason: 'full' })
    t.equal(json.durable, false)
    kept.push(json.rollback)
    t.match((await banyan.api('GET', '/status')).json.store, { unsaved: kept.length, unkept: 0 }, route)
    // Whatever that has freed, somebody else takes.
    disk.fill()
  }
  banyan.signal('SIGUSR2')
  await eventually(async () => {
    const { store } = (await banyan.api('GET', '/status')).json
    return store.unsaved === 4 && store.unkept === 0
  }, 'and what breaks the glass')
  await banyan.kill()
  banyan = await start({ under: disk.under })
  const standing = (await banyan.api('GET', '/status')).json.rollbacks as readonly { id: string; units: unknown }[]
  t.equal(standing.length, 4)
  for (const id of kept)
    t.ok(
      standing.some(one => one.id === id),
      id,
    )
  await banyan.kill()
})

t.test('a damaged file of rollbacks: everything is rolled back, said, and the file set aside', async t => {
  const { cwd, start } = await scene(t)
  let banyan = await start()
  await banyan.api('PUT', '/routes/all/weight', { percent: 100 })
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'))
  await banyan.kill()
  const file = join(cwd, '.banyan', 'rollbacks.pending')
  writeFileSync(file, '')
  const doctor = spawnSync(process.execPath, [BIN, 'doctor', '--admin', 'http://127.0.0.1:9'], {
    cwd,
    encoding: 'utf8',
  })
  t.match(doctor.stdout, /rollbacks\.pending is damaged/)
  banyan = await start()
  t.match(await banyan.line(/^the local file of rollbacks is damaged/), { level: 'error' })
  t.notOk((await sidesOf(banyan, USERS)).includes('new'))
  t.ok(existsSync(`${file}.damaged`))
  t.match((await banyan.api('GET', '/status')).json, {
    store: { unsaved: 0 },
    rollbacks: [{ units: '*', by: 'system', reason: 'the local file of rollbacks is damaged' }],
  })
  t.equal((await banyan.api('POST', '/restore', {})).json.durable, true)
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'), 'a restore ends it as any other')
  await banyan.kill()
  banyan = await start()
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'), 'for good')
})

t.test('a store that cannot save: break glass without it', { skip: noMount }, async t => {
  const { cwd, start } = await scene(t)
  const disk = await smallDisk(t, join(cwd, '.banyan'), 1)
  const banyan = await start({ under: disk.under })
  await banyan.api('PUT', '/routes/all/weight', { percent: 100 })
  await fillUp(disk, banyan, 'b')
  banyan.signal('SIGUSR2')
  await eventually(async () => !(await sidesOf(banyan, USERS)).includes('new'), 'everything is on legacy')
  await eventually(async () => (await banyan.api('GET', '/status')).json.store.unsaved === 1, 'it is known as unsaved')
  await banyan.line(/^rollback in force and kept in the local file/)
  banyan.signal('SIGTERM')
  t.equal((await within(banyan.ended, 'an orderly end does not wait for the disk')).end, 0)
  const again = await start({ under: disk.under })
  t.notOk((await sidesOf(again, USERS)).includes('new'), 'nor does an orderly end forget it')
})

t.test(
  'a slow disk: a rollback is in force at once, and wins over what was asked before it',
  { skip: noTrace },
  async t => {
    const { start } = await scene(t)
    const banyan = await start()
    await banyan.api('PUT', '/routes/all/weight', { percent: 100 })
    const first = (await banyan.api('POST', '/routes/all/rollback', {})).json
    if (!(await slowDisk(t, banyan))) return
    // Open connections: what is sent on one arrives before what is sent later on another.
    await Promise.all(ROUTES.map(id => banyan.api('GET', `/routes/${id}`)))
    const restoring = banyan.api('POST', '/routes/all/restore', {})
    await banyan.api('GET', '/status')
    const lowering = banyan.api('PUT', '/routes/all/weight', { percent: 90 })
    await banyan.api('GET', '/status')
    const raising = banyan.api('POST', '/restore', { reason: 'waits behind the other two' })
    await banyan.api('GET', '/status')
    const again = (await banyan.api('POST', '/routes/all/rollback', { reason: 'no, stay' })).json
    t.ok(again.appliedBy[0].ms < 1_000)
    for (const change of [restoring, lowering, raising]) t.equal((await change).status, 200)
    t.notOk(
      (await sidesOf(banyan, USERS)).includes('new'),
      'what was answered later than a rollback was asked before it',
    )
    const { rollbacks } = (await banyan.api('GET', '/status')).json
    t.same(ids(rollbacks), [again.rollback])
    t.not(again.rollback, first.rollback, 'it is not the one that was about to end')
  },
)

t.test('a slow disk: of rollbacks at once none is stored without its entry in the log', { skip: noTrace }, async t => {
  const { start } = await scene(t)
  const banyan = await start()
  if (!(await slowDisk(t, banyan))) return
  const all = ROUTES.map(id => banyan.api('POST', `/routes/${id}/rollback`, {}).catch(() => null))
  const first = await Promise.race(all)
  banyan.signal('SIGKILL')
  await Promise.all(all)
  const again = await start()
  const entries = await auditOf(again)
  const inForce = ids((await again.api('GET', '/status')).json.rollbacks)
  t.ok(inForce.includes(first?.json.rollback), 'what was answered is in force')
  t.same(
    inForce,
    entries
      .filter(({ action }) => action === 'rollback')
      .map(({ after }) => after.rollback)
      .sort(),
  )
})

t.test('a store whose file is taken away is no store any more, and says so', async t => {
  const { cwd, start } = await scene(t)
  const banyan = await start()
  await banyan.api('PUT', '/routes/all/weight', { percent: 100 })
  for (const file of ['state.db', 'state.db-wal']) rmSync(join(cwd, '.banyan', file), { force: true })
  const answer = await banyan.api('PUT', '/routes/all/weight', { percent: 10 })
  t.match(answer, { status: 503, json: { code: 'store_moved' } }, 'not acknowledged into a file without a name')
  t.notOk((await sidesOf(banyan, USERS)).includes('legacy'))
  const rolledBack = await banyan.api('POST', '/rollback', {})
  t.equal(rolledBack.status, 200)
  t.notOk((await sidesOf(banyan, USERS)).includes('new'))
  await banyan.kill()
  const again = await start()
  t.equal((await again.api('GET', '/status')).json.rollbacks.length, 1, 'durable or not: it is in force again')
})

t.test('a store that comes back with less is given what this machine knows', async t => {
  const { cwd, start } = await scene(t)
  const file = (name: string) => join(cwd, '.banyan', name)
  const losses: Readonly<Record<string, () => void>> = {
    // A log that breaks off early is whole to SQLite: what comes behind is not looked at.
    'half of its log': () => truncateSync(file('state.db-wal'), Math.floor(statSync(file('state.db-wal')).size / 2)),
    'its log': () => rmSync(file('state.db-wal'), { force: true }),
    everything: () => {
      for (const name of ['state.db', 'state.db-wal']) rmSync(file(name), { force: true })
    },
  }
  for (const [what, lose] of Object.entries(losses)) {
    let banyan = await start()
    await banyan.api('POST', '/restore', {})
    for (const percent of [20, 60, 100]) await banyan.api('PUT', '/routes/a/weight', { percent })
    const { rollback } = (await banyan.api('POST', '/routes/all/rollback', {})).json
    const { revision } = (await banyan.api('GET', '/status')).json
    await eventually(() => readFileSync(file('state.copy'), 'utf8').includes(rollback), 'the copy is written')
    await banyan.kill()
    lose()
    banyan = await start()
    t.match(await banyan.line(/^the store has lost what was in force/), { level: 'error' }, what)
    const status = (await banyan.api('GET', '/status')).json
    t.same(ids(status.rollbacks), [rollback])
    t.ok(status.revision > revision)
    t.equal((await banyan.api('GET', '/routes/a')).json.weight.desired, 100)
    t.match((await auditOf(banyan)).at(-1), { action: 'store-behind', after: { revision } })
    t.match((await banyan.api('GET', '/audit/verify')).json, { ok: true })
    await banyan.kill()
  }
})

t.test('a copy that cannot be written is said, and written when it can be', async t => {
  const { cwd, start } = await scene(t)
  const banyan = await start()
  const copy = join(cwd, '.banyan', 'state.copy')
  await eventually(() => existsSync(copy), 'it is written')
  rmSync(copy)
  mkdirSync(join(copy, 'in the way'), { recursive: true })
  t.equal((await banyan.api('PUT', '/routes/all/weight', { percent: 30 })).json.durable, true)
  const warned = async () => {
    const { warnings } = (await banyan.api('GET', '/status')).json
    return warnings.some(({ code }: { code: string }) => code === 'copy_behind')
  }
  await eventually(warned, 'it is said')
  rmSync(copy, { recursive: true })
  await eventually(async () => !(await warned()), 'it is well again')
  t.ok(existsSync(copy))
})
