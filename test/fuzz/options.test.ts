// The words of `npm run fuzz`: no wrong one is a stack trace.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { readOptions, USAGE } from './options.ts'

t.test('what is said, and what is taken where nothing is', async t => {
  t.same(readOptions([], 7), { minutes: 1, seed: 7, keep: true })
  t.same(readOptions(['--minutes', '.5', '--seed', '3', '--no-keep'], 7), { minutes: 0.5, seed: 3, keep: false })
  t.equal(readOptions(['--help', '--minutes', 'x'], 7), 'help')
})

t.test('what is wrong is one sentence', async t => {
  for (const [args, wrong] of [
    [['--minutes', 'ten'], /^--minutes must be a number above 0$/],
    [['--minutes', '0'], /^--minutes must/],
    [['--seed', 'x'], /^--seed must be a whole number/],
    [['--minutes'], /^Option '--minutes <value>' argument missing$/],
    [['--hours', '1'], /^Unknown option '--hours'$/],
    [['5'], /^Unexpected argument '5'$/],
  ] as const) {
    t.match(readOptions(args, 7), { wrong }, args.join(' '))
  }
})

t.test('as a command', async t => {
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  t.same(run('--help'), { status: 0, stdout: USAGE, stderr: '' })
  t.match(run('--minutes', 'x'), { status: 2, stdout: '', stderr: /^fuzz: .*\n$/ })
})
