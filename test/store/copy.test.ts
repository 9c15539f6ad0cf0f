// The local copy of the last state: whole or none, whatever happened to it.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createCopy } from '../../src/store/copy.ts'
import { bigState, sampleState } from '../contracts/store.ts'
import { scratch } from './scratch.ts'

function open(path: string) {
  const log: string[] = []
  const copy = createCopy({ path, log: (_level, message, { error }) => log.push(`${message}: ${String(error)}`) })
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
  t.strictSame(await copy.read(), sampleState(5))
  t.strictSame(await open(path).copy.read(), sampleState(5))
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
  t.equal((await copy.read())?.revision, 200)
  copy.write(sampleState(201))
  await copy.settled()
  t.equal((await copy.read())?.revision, 201)
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
    t.ok(found?.revision === 1 || found?.revision === 2, 'one of both')
  }
  await settled
  t.equal((await copy.read())?.revision, 2)
  t.same(log, [])
})

t.test('what was left by a crash is no copy, and is in nobody’s way', async t => {
  const path = join(scratch(t), 'state.json')
  writeFileSync(`${path}.new`, '{"version":1,"sha')
  chmodSync(`${path}.new`, 0o644)
  t.equal(await open(path).copy.read(), null)
  const { copy } = await written(path)
  t.equal((await copy.read())?.revision, 5)
  t.equal(statSync(path).mode & 0o777, 0o600, 'also where somebody else had made it readable')
})

t.test('nothing is written through a link that somebody has put there', async t => {
  const directory = scratch(t)
  const path = join(directory, 'state.json')
  writeFileSync(join(directory, 'other'), 'theirs')
  symlinkSync(join(directory, 'other'), `${path}.new`)
  const { copy } = await written(path)
  t.equal(readFileSync(join(directory, 'other'), 'utf8'), 'theirs')
  t.equal((await copy.read())?.revision, 5)
})

t.test('damaged: none, and the log says why', async t => {
  const path = join(scratch(t), 'state.json')
  await written(path)
  const whole = readFileSync(path, 'utf8')
  const { version, sha256, state } = JSON.parse(whole)
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /JSON/],
    ['\0'.repeat(100), /JSON/],
    ['null', /cannot be used/],
    ['[]', /version/],
    [whole.slice(0, -20), /JSON/],
    [whole.replace('"revision', '"revisiom').replace('revision\\":5', 'revision\\":6'), /not what was written/],
    [JSON.stringify({ version, sha256: '0'.repeat(64), state }), /not what was written/],
    [JSON.stringify({ version, sha256, state: JSON.parse(state) }), /not what was written/],
    [JSON.stringify({ version: 2, sha256, state }), /version 2, this one reads 1/],
  ]
  for (const [text, why] of cases) {
    writeFileSync(path, text)
    const { copy, log } = open(path)
    t.equal(await copy.read(), null, JSON.stringify(text.slice(0, 40)))
    t.equal(log.length, 1)
    t.match(log[0], why)
  }
  for (let length = 0; length < Buffer.byteLength(whole); length += 7) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    t.equal(await open(path).copy.read(), null, `torn at ${length}`)
  }
  const { copy } = await written(path)
  t.equal((await copy.read())?.revision, 5, 'written anew')
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
  t.equal((await copy.read())?.revision, 4)
  rmSync(join(directory, 'state'), { recursive: true })
  writeFileSync(join(directory, 'state'), '')
  copy.write(sampleState(5))
  await copy.settled()
  t.equal(log.length, 2, 'and then again')
})

t.test('no permission', { skip: process.getuid?.() === 0 ? 'root may do anything' : false }, async t => {
  const path = join(scratch(t), 'state.json')
  await written(path)
  chmodSync(path, 0)
  const { copy, log } = open(path)
  t.equal(await copy.read(), null)
  t.match(log, [/EACCES/])
})

t.test(
  'a full disk: the one of before stays',
  { skip: canMount() ? false : 'nothing may be mounted here' },
  async t => {
    const directory = scratch(t)
    const small = join(directory, 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small])
    t.teardown(() => execFileSync('umount', [small]))
    const path = join(small, 'state.json')
    const { copy, log } = await written(path, 1)
    copy.write(bigState(2, 5_000))
    await copy.settled()
    t.match(log, [/ENOSPC/])
    t.equal((await copy.read())?.revision, 1)
    copy.write(sampleState(3))
    await copy.settled()
    t.equal((await copy.read())?.revision, 3, 'what it left behind takes no space from the next')
  },
)

function canMount(): boolean {
  const at = process.env.TMPDIR ?? '/tmp'
  try {
    mkdirSync(join(at, `banyan-mount-${process.pid}`))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'none', join(at, `banyan-mount-${process.pid}`)], {
      stdio: 'ignore',
    })
    execFileSync('umount', [join(at, `banyan-mount-${process.pid}`)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(join(at, `banyan-mount-${process.pid}`), { recursive: true, force: true })
  }
}
