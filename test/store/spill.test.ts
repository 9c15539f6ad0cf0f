// The spill file: what it has taken it gives back, whatever a crash has left behind the last line.
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Rollback } from '../../src/model/control.ts'
import { createSpill } from '../../src/store/spill.ts'
import { ascending, sampleDraft } from '../contracts/store.ts'
import { scratch } from './scratch.ts'

t.test('a missing file is empty', async t => {
  const directory = scratch(t)
  const spill = createSpill({ path: join(directory, 'deep', 'rollbacks') })
  t.same(await spill.read(), [])
  await spill.clear()
  t.same(readdirSync(directory), [], 'and stays missing')
})

t.test('gives back what was appended, in order, also to the next process', async t => {
  const path = join(scratch(t), 'deep', 'rollbacks')
  const spill = createSpill({ path })
  const all = ascending(20).map(n => ({ rollback: sample(n), draft: sampleDraft(n, { action: 'rollback' }) }))
  await Promise.all(all.map(({ rollback, draft }) => spill.append(rollback, draft)))
  t.strictSame(await spill.read(), all)
  t.strictSame(await createSpill({ path }).read(), all)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  await spill.clear()
  t.same(await spill.read(), [])
  t.notOk(existsSync(path))
})

t.test('what is asked for at once is done in order', async t => {
  const spill = createSpill({ path: join(scratch(t), 'rollbacks') })
  const [, first, , second, , third] = await Promise.all([
    spill.append(sample(1), sampleDraft(1)),
    spill.read(),
    spill.clear(),
    spill.read(),
    spill.append(sample(2), sampleDraft(2)),
    spill.read(),
  ])
  t.same(
    [first, second, third].map(items => items.map(item => item.rollback.id)),
    [['r1'], [], ['r2']],
  )
})

t.test('a rollback that was appended twice is one', async t => {
  const spill = createSpill({ path: join(scratch(t), 'rollbacks') })
  for (const n of [1, 2, 1]) await spill.append(sample(n), sampleDraft(n))
  t.same(
    (await spill.read()).map(item => item.rollback.id),
    ['r1', 'r2'],
  )
})

t.test('damaged in any way, it is an error, and never fewer rollbacks', async t => {
  const path = join(scratch(t), 'rollbacks')
  const spill = createSpill({ path })
  for (const n of [1, 2]) await spill.append(sample(n), sampleDraft(n))
  const whole = readFileSync(path, 'utf8')
  const damages: readonly (readonly [string, string])[] = [
    ['emptied', ''],
    ['zeroed', '\0'.repeat(whole.length)],
    ['its last newline cut', whole.slice(0, -1)],
    ['its last line cut', whole.slice(0, whole.trimEnd().lastIndexOf('\n') + 1)],
    ['its last line zeroed', whole.slice(0, -30) + '\0'.repeat(30)],
    ['another unit', whole.replace('"orders"', '"orderr"')],
    ['another id restored', whole.replace('"restored":[]', '"restored":["orders"]')],
    ['a line more', `${whole}{}\n`],
  ]
  for (const [name, text] of damages) {
    t.not(text, whole, name)
    writeFileSync(path, text)
    await t.rejects(spill.read(), { code: 'spill_damaged', details: { path }, hint: /Everything is rolled back/ }, name)
  }
})

t.test('a damaged file is set aside by the next append, for whoever looks', async t => {
  const path = join(scratch(t), 'rollbacks')
  const spill = createSpill({ path })
  await spill.append(sample(1), sampleDraft(1))
  const damaged = readFileSync(path, 'utf8').replace('"orders"', '"orderr"')
  writeFileSync(path, damaged)
  await spill.append(sample(2), sampleDraft(2))
  t.same(
    (await spill.read()).map(item => item.rollback.id),
    ['r2'],
  )
  t.equal(readFileSync(`${path}.damaged`, 'utf8'), damaged)
  t.equal(statSync(`${path}.damaged`).mode & 0o777, 0o600)
  writeFileSync(path, '')
  await spill.clear()
  t.same(await spill.read(), [], 'and can be cleared')
})

t.test('a place that cannot be written is an error with a name; the next attempt is a new one', async t => {
  const directory = scratch(t)
  writeFileSync(join(directory, 'plain'), '')
  const below = createSpill({ path: join(directory, 'plain', 'rollbacks') })
  await t.rejects(below.append(sample(1), sampleDraft(1)), {
    name: 'BanyanError',
    code: 'spill_failed',
    hint: /make space/,
  })
  await t.rejects(below.read(), { code: 'spill_failed' })
})

t.test('what is no file in its place is damage, is not waited for, and is set aside', async t => {
  for (const [what, make] of Object.entries({
    'a directory': (path: string) => mkdirSync(path),
    // Whoever opens it waits for somebody who writes.
    'a pipe': (path: string) => execFileSync('mkfifo', [path]),
  })) {
    const path = join(scratch(t), 'rollbacks')
    const spill = createSpill({ path })
    make(path)
    await t.rejects(spill.read(), { code: 'spill_damaged' }, what)
    await spill.append(sample(1), sampleDraft(1))
    t.equal((await spill.read()).length, 1)
    t.notOk(lstatSync(`${path}.damaged`).isFile())
  }
})

t.test('the reserve takes its space once', async t => {
  const path = join(scratch(t), 'deep', 'rollbacks')
  const spill = createSpill({ path })
  await spill.reserve()
  const first = statSync(`${path}.reserve`)
  await spill.reserve()
  const second = statSync(`${path}.reserve`)
  t.equal(second.mtimeMs, first.mtimeMs)
  t.ok(first.blocks * 512 >= 65_536)
  t.equal(first.mode & 0o777, 0o600)
  t.same(await spill.read(), [])
})

t.test('where the two files cannot take turns, it is written all the same', async t => {
  const path = join(scratch(t), 'rollbacks')
  const spill = createSpill({ path })
  await spill.reserve()
  // What is in the way of turns is in the way of nothing else.
  mkdirSync(`${path}.old`)
  await spill.append(sample(1), sampleDraft(1))
  t.same(
    (await spill.read()).map(item => item.rollback.id),
    ['r1'],
  )
  await spill.clear()
  t.same(await spill.read(), [])
})

t.test('cleared without anything in it, it keeps the space that is set aside', async t => {
  const path = join(scratch(t), 'rollbacks')
  const spill = createSpill({ path })
  await spill.reserve()
  rmSync(`${path}.reserve`)
  const { ino } = statSync(path)
  await spill.clear()
  t.equal(statSync(path).ino, ino)
})

function sample(n: number): Rollback {
  return {
    id: `r${n}`,
    units: ['orders'],
    restored: [],
    trigger: 'operator',
    by: 'ada',
    at: n,
    reason: 'größer “quoted”\n',
  }
}
