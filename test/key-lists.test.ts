// Lists of keys while the proxy runs: a changed file counts by itself, a broken or vanished one leaves the list in force and
// says so, and another configuration's lists take the place of the ones before.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LiveKeys } from '../src/config/key-list.ts'
import { createKeyLists } from '../src/key-lists.ts'
import type { KeyList } from '../src/model/route.ts'
import { eventually } from './e2e/harness.ts'

interface Scene {
  readonly file: (name: string) => string
  readonly lines: string[]
  /** In force from now on. */
  swap(...lists: KeyList[]): void
  warnings(): readonly { readonly code: string; readonly message: string }[]
}

function scene(t: Test): Scene {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-keys-'))
  const lines: string[] = []
  let plan: { keyLists: readonly KeyList[] } = { keyLists: [] }
  const lists = createKeyLists({
    plan: () => plan,
    log: (level, message, details) => lines.push(`${level} ${message} ${JSON.stringify(details)}`),
    lookMs: 5,
  })
  // The timers of a watch do not keep a process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => {
    lists.close()
    clearInterval(alive)
    rmSync(directory, { recursive: true })
  })
  return {
    file: name => join(directory, name),
    lines,
    swap(...keyLists) {
      plan = { keyLists }
      lists.swapped()
    },
    warnings: lists.warnings,
  }
}

t.test('a changed file is taken up, however it was changed', async t => {
  const { file, lines, swap } = scene(t)
  writeFileSync(file('beta.txt'), 'secret-1\n')
  const list = new LiveKeys(file('beta.txt'), new Set(['secret-1']))
  swap(list)
  writeFileSync(file('beta.txt'), 'secret-1\nsecret-2\n')
  await eventually(() => list.has('secret-2'), 'written')
  t.same([list.has('secret-1'), list.size], [true, 2])
  writeFileSync(file('next.txt'), 'secret-3\n')
  renameSync(file('next.txt'), file('beta.txt'))
  await eventually(() => list.has('secret-3'), 'renamed')
  t.notOk(list.has('secret-1'))
  writeFileSync(file('beta.txt'), '')
  await eventually(() => list.size === 0, 'emptied')
  t.match(lines.join('\n'), /info a list of keys was read again .*"before":1,"keys":2/)
  t.notMatch(lines.join('\n'), /secret/, 'keys are in no line of the log')
})

t.test('what changed between the reading of the configuration and the first look', async t => {
  const { file, swap } = scene(t)
  writeFileSync(file('beta.txt'), 'new\n')
  const list = new LiveKeys(file('beta.txt'), new Set(['old']))
  swap(list)
  await eventually(() => list.has('new'), 'it is found')
})

t.test('a list that is broken or gone leaves the one in force, and says so until it is mended', async t => {
  const { file, lines, swap, warnings } = scene(t)
  const path = file('beta.txt')
  writeFileSync(path, 'u1\n')
  const list = new LiveKeys(path, new Set(['u1']))
  swap(list)
  const breaks: readonly (readonly [string, () => void, RegExp])[] = [
    ['control characters', () => writeFileSync(path, 'u2\nsecret\x07'), /line 2 of the list is not text/],
    ['not UTF-8', () => writeFileSync(path, Buffer.from([0x75, 0xff])), /is not UTF-8/],
    ['too long a line', () => writeFileSync(path, 'secret'.repeat(100)), /more than 512 characters/],
    ['too large', () => writeFileSync(path, Buffer.alloc(4 * 2 ** 20 + 1, 'a\n')), /is larger than 4 MiB/],
    ['gone', () => rmSync(path), /does not exist/],
  ]
  for (const [what, spoil, why] of breaks) {
    spoil()
    await eventually(() => why.test(warnings()[0]?.message ?? ''), what)
    t.match(warnings(), [{ code: 'key_list', message: /the one read before stays|one read before stays/ }], what)
    t.same([list.has('u1'), list.size], [true, 1], `${what}: it stays`)
  }
  t.match(lines.join('\n'), /warn a list of keys has changed and cannot be used/)
  t.notMatch(lines.join('\n'), /secret/)
  writeFileSync(path, 'u3\n')
  await eventually(() => list.has('u3'), 'mended')
  t.same(warnings(), [])
})

t.test('the lists of another configuration take their place', async t => {
  const { file, swap, warnings } = scene(t)
  writeFileSync(file('a.txt'), 'a1\n')
  writeFileSync(file('b.txt'), 'b1\n')
  const [a, b] = [new LiveKeys(file('a.txt'), new Set(['a1'])), new LiveKeys(file('b.txt'), new Set(['b1']))]
  swap(a)
  rmSync(file('a.txt'))
  await eventually(() => warnings().length === 1, 'the first is gone')
  swap(b)
  t.same(warnings(), [], 'what was wrong with lists before is nobody’s concern any more')
  writeFileSync(file('a.txt'), 'a2\n')
  writeFileSync(file('b.txt'), 'b2\n')
  await eventually(() => b.has('b2'), 'the second is followed')
  t.notOk(a.has('a2'), 'and the first is not')
})

t.test('two lists of one file both change; one without a file stays', async t => {
  const { file, swap } = scene(t)
  writeFileSync(file('a.txt'), 'a1\n')
  const [one, other, text] = [
    new LiveKeys(file('a.txt'), new Set(['a1'])),
    new LiveKeys(file('a.txt'), new Set(['a1'])),
    new LiveKeys(null, new Set(['t'])),
  ]
  swap(one, other, text)
  writeFileSync(file('a.txt'), 'a2\n')
  await eventually(() => one.has('a2') && other.has('a2'), 'both')
  t.ok(text.has('t'))
})
