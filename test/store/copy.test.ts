import { existsSync, mkdirSync, rmdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import t from 'tap'
import { type Copy, createCopy } from '../../src/store/copy.ts'
import { writeSealed } from '../../src/store/sealed-file.ts'
import { bigState, sampleState } from '../contracts/store.ts'
import { scratch } from './scratch.ts'

function open(path: string, store = 'sqlite state.db') {
  const log: string[] = []
  const copy = createCopy({
    path,
    store,
    log: (_level, message, { error }) => log.push(`${message}: ${String(error)}`),
  })
  return { copy, log }
}

async function written(path: string, revision = 5) {
  const { copy, log } = open(path)
  copy.write(sampleState(revision))
  await copy.settled()
  return { copy, log }
}

t.test('none is none, and nothing is said', async t => {
  const { copy, log } = open(join(scratch(t), 'deep', 'state.json'))
  t.equal(await copy.read(), null)
  await copy.settled()
  t.same(log, [])
})

t.test('gives back what was written, also to the next process; for this user only', async t => {
  const path = join(scratch(t), 'deep', 'state.json')
  const { copy, log } = await written(path)
  t.strictSame(await copy.read(), { state: sampleState(5), ours: true })
  t.strictSame(await open(path).copy.read(), { state: sampleState(5), ours: true })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  t.notOk(existsSync(`${path}.new`))
  t.same(log, [])
})

t.test('the latest wins, and only what waits is left out', async t => {
  const path = join(scratch(t), 'state.json')
  const { copy } = open(path)
  for (let revision = 1; revision <= 200; revision++) copy.write(sampleState(revision))
  await copy.settled()
  t.equal((await copy.read())?.state.revision, 200)
  copy.write(sampleState(201))
  await copy.settled()
  t.equal((await copy.read())?.state.revision, 201)
})

t.test('it is whole at any moment', async t => {
  const path = join(scratch(t), 'state.json')
  const { copy, log } = await written(path, 1)
  copy.write(bigState(2, 2_000))
  let done = false
  const settled = copy.settled().then(() => {
    done = true
  })
  while (!done) {
    const found = await open(path).copy.read()
    t.ok(found?.state.revision === 1 || found?.state.revision === 2, 'one of both')
  }
  await settled
  t.equal((await copy.read())?.state.revision, 2)
  t.same(log, [])
})

t.test('damaged: none, and the log says why; written anew it is one', async t => {
  const path = join(scratch(t), 'state.json')
  await written(path)
  truncateSync(path, statSync(path).size - 1)
  const { copy, log } = open(path)
  t.equal(await copy.read(), null)
  t.match(log, [/cannot be used: Error: it is not what was written/])
  t.equal(log.length, 1)
  copy.write(sampleState(6))
  t.equal(
    await copy
      .settled()
      .then(() => copy.read())
      .then(found => found?.state.revision),
    6,
  )
})

t.test('cannot be written: said once, until it works again', async t => {
  const directory = scratch(t)
  const path = join(directory, 'state', 'state.json')
  writeFileSync(join(directory, 'state'), 'a file where a directory should be')
  const { copy, log } = open(path)
  for (const revision of [1, 2, 3]) {
    copy.write(sampleState(revision))
    await copy.settled()
  }
  t.equal(log.length, 1)
  t.match(log[0], /could not be written/)
  rmSync(join(directory, 'state'))
  copy.write(sampleState(4))
  await copy.settled()
  t.equal((await copy.read())?.state.revision, 4)
  rmSync(join(directory, 'state'), { recursive: true })
  writeFileSync(join(directory, 'state'), '')
  copy.write(sampleState(5))
  await copy.settled()
  t.equal(log.length, 2, 'and then again')
})

t.test('whose it is: of this store, of another one, or of a version that did not say', async t => {
  const path = join(scratch(t), 'state.json')
  await written(path)
  t.match(await open(path, 'postgres db:5432 banyan banyan').copy.read(), { state: { revision: 5 }, ours: false })
  await writeSealed(path, JSON.stringify(sampleState(6)))
  t.strictSame(await open(path).copy.read(), { state: sampleState(6), ours: true })
})

t.test('what everything else could not rely on is none, and says what is wrong', async t => {
  const path = join(scratch(t), 'state.json')
  const { ended: _, pins: __, rules: ___, ...older } = sampleState(5)
  await writeSealed(path, JSON.stringify(older))
  t.strictSame((await open(path).copy.read())?.state, older, 'a list that came later may be missing')
  const cases: readonly (readonly [unknown, string])[] = [
    [null, 'all of it'],
    [[], 'all of it'],
    ...[undefined, 0, -1, 1.5, '5', 2 ** 48 + 2, 1e300].map(revision => [{ ...older, revision }, 'revision'] as const),
    ...[undefined, '', 5].map(seed => [{ ...older, seed }, 'seed'] as const),
    ...[undefined, null, [], { a: 1 }, { a: null }].map(units => [{ ...older, units }, 'units'] as const),
    ...[undefined, null, { a: 'x' }, { a: 0.5 }].map(changed => [{ ...older, changed }, 'changed'] as const),
    ...[undefined, null, {}, [null], ['x']].map(rollbacks => [{ ...older, rollbacks }, 'rollbacks'] as const),
    ...[undefined, null].map(tokens => [{ ...older, tokens }, 'tokens'] as const),
    ...[{}, [1]].map(pins => [{ ...older, pins }, 'pins'] as const),
    [{ ...older, store: 5 }, 'store'],
    [{}, 'revision, seed, units, changed, rollbacks, tokens'],
  ]
  for (const [content, what] of cases) {
    await writeSealed(path, JSON.stringify(content))
    const { copy, log } = open(path)
    t.equal(await copy.read(), null, JSON.stringify(content))
    t.match(log, [new RegExp(`not a state that this version knows: ${what}$`)])
  }
})

t.test('cannot be written: tried again, unless something later was written meanwhile, or it is closed', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const path = join(scratch(t), 'state.json')
  const obstacle = `${path}.new`
  const later = async (copy: Copy) => {
    mock.timers.tick(60_000)
    await copy.settled()
    return (await copy.read())?.state.revision ?? null
  }

  mkdirSync(obstacle)
  const { copy } = open(path)
  copy.write(sampleState(1))
  t.equal(await copy.settled(), false)
  t.match(copy.failing(), /state\.json\.new/)
  rmdirSync(obstacle)
  t.equal(await later(copy), 1)
  t.equal(copy.failing(), null)

  mkdirSync(obstacle)
  // Said when it has failed, while the next one waits already.
  const overtaken = createCopy({ path, store: 's', log: () => rmdirSync(obstacle) })
  overtaken.write(sampleState(2))
  overtaken.write(sampleState(3))
  t.equal(await overtaken.settled(), true)
  t.equal(await later(overtaken), 3, 'an old state must not take its place')

  mkdirSync(obstacle)
  const { copy: closed } = open(path)
  closed.write(sampleState(4))
  await closed.close()
  rmdirSync(obstacle)
  t.equal(await later(closed), 3, 'the directory may be another process’s by now')
})

t.test('a state that cannot be told is no state that is written, and the next one is', async t => {
  const { copy } = open(join(scratch(t), 'state.json'))
  const untold = {
    ...sampleState(1),
    toJSON: () => {
      throw new Error('too long')
    },
  }
  copy.write(untold)
  t.equal(await copy.settled(), false)
  copy.write(sampleState(2))
  t.equal(await copy.settled(), true)
  t.equal((await copy.read())?.state.revision, 2)
})
