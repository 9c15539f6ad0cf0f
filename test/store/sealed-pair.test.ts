// Two sealed files that take turns: written into blocks that are theirs, whole at any moment, mended after any crash.
import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readSealed } from '../../src/store/sealed-file.ts'
import { sealedPair } from '../../src/store/sealed-pair.ts'
import { scratch } from './scratch.ts'

const ROOM = 4_096

function make(t: Test) {
  const directory = scratch(t)
  const [path, spare] = [join(directory, 'file'), join(directory, 'file.reserve')]
  const inodes = () => [path, spare].map(file => statSync(file).ino).sort()
  const text = async () => (await readSealed(path))?.trimEnd() ?? null
  return { directory, path, spare, inodes, text, pair: sealedPair(path, spare, ROOM) }
}

t.test('what is written is there, and is always in one of the same two files', async t => {
  const { pair, text, inodes, path, spare } = make(t)
  t.equal(await pair.write('too early'), false, 'nothing is prepared')
  await pair.prepare('zero')
  t.equal(await text(), 'zero')
  const both = inodes()
  for (let n = 1; n <= 20; n++) {
    t.equal(await pair.write(`line ${n}\n`), true)
    t.equal(await text(), `line ${n}`)
    t.same(inodes(), both)
  }
  t.same(
    [statSync(path).size, statSync(spare).size].every(size => size > ROOM),
    true,
  )
  t.equal(statSync(path).mode & 0o777, 0o600)
  await pair.prepare('another')
  t.equal(await text(), 'line 20', 'what is there stays')
})

t.test('a text that is too long is not written', async t => {
  const { pair, text } = make(t)
  await pair.prepare('short')
  t.equal(await pair.write('x'.repeat(ROOM + 1)), false)
  t.equal(await text(), 'short')
  t.equal(await pair.write('x'.repeat(ROOM)), true)
})

t.test('ended between any two steps, the path is whole, and the next write mends the pair', async t => {
  const crashes: Readonly<Record<string, (at: { path: string; spare: string }) => void>> = {
    'half of the spare one is written': ({ spare }) => writeFileSync(spare, 'half', { flag: 'r+' }),
    'linked aside': ({ path }) => linkSync(path, `${path}.old`),
    'renamed over': ({ path, spare }) => {
      linkSync(path, `${path}.old`)
      renameSync(spare, path)
    },
  }
  for (const [name, crash] of Object.entries(crashes)) {
    const { pair, text, path, spare } = make(t)
    await pair.prepare('')
    await pair.write('first')
    writeFileSync(spare, readFileSync(path))
    crash({ path, spare })
    t.equal(await text(), 'first', name)
    t.equal(await pair.write('second'), true, name)
    t.equal(await text(), 'second', name)
    t.notOk(existsSync(`${path}.old`), name)
    t.ok(existsSync(spare), name)
  }
})

t.test('a spare one that is not ours alone is not written into', async t => {
  const { pair, directory, spare, text } = make(t)
  const theirs = join(directory, 'theirs')
  await pair.prepare('mine')
  writeFileSync(theirs, readFileSync(spare))
  const before = readFileSync(theirs, 'utf8')
  for (const put of [symlinkSync, linkSync]) {
    rmSync(spare)
    put(theirs, spare)
    t.equal(await pair.write('secret'), false)
    t.equal(readFileSync(theirs, 'utf8'), before)
    t.equal(await text(), 'mine')
  }
})

t.test('what a crash has linked aside costs no new file', async t => {
  const { pair, inodes, text, path } = make(t)
  await pair.prepare('first')
  const both = inodes()
  linkSync(path, `${path}.old`)
  await pair.prepare('first')
  t.same(inodes(), both, 'on a full disk there would be none')
  t.notOk(existsSync(`${path}.old`))
  t.equal(await text(), 'first')
})

t.test('a spare one of another size is not written into, because a full disk has no more of it', async t => {
  const { pair, path, spare, text } = make(t)
  await pair.prepare('mine')
  const { size } = statSync(spare)
  for (const other of [0, size - 1, size + 1]) {
    truncateSync(spare, other)
    t.equal(await pair.write('next'), false, String(other))
    t.equal(await text(), 'mine')
  }
  await pair.prepare('mine')
  t.same([statSync(spare).size, statSync(path).size], [size, size])
  t.equal(await pair.write('next'), true)
})
