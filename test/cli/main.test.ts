// Help, typing mistakes, the commands that need no proxy, streams that fail.
import type { Command } from 'commander'
import t from 'tap'
import { type CliIo, createProgram, type DemoOptions, runCli, type StartOptions } from '../../src/cli/main.ts'
import { BanyanError } from '../../src/model/errors.ts'
import { mistake, status } from './answers.ts'
import { fakeAdmin, run } from './fake-admin.ts'

const LATER = 'outbox ramp'.split(' ')

t.test('help', async t => {
  const { code, out, err } = await run(null, ['--help'])
  t.equal(code, 0)
  t.equal(err, '')
  for (const heading of [
    'Run:',
    'Look:',
    'Change:',
    'Administer:',
    'Not in this version:',
    'Exit codes:',
    'Examples:',
  ]) {
    t.match(out, heading)
  }
  t.ok(out.indexOf('Not in this version:') < out.indexOf('outbox'))
  t.equal((await run(null, ['help'])).out, out)
  t.match((await run(null, ['help', 'weight'])).out, /Usage: banyan weight/)
  const none = await run(null, [])
  t.equal(none.code, 2)
  t.equal(none.out, '')
  t.match(none.err, /Usage: banyan/)
  for (const group of ['token', 'seed', 'config']) t.equal((await run(null, [group])).code, 2, group)
})

t.test('help of a word that is no command: says so, as without `help`', async t => {
  const nosuch = await run(null, ['help', 'statsu'])
  t.same(nosuch, { code: 2, out: '', err: "error: unknown command 'statsu'\n(Did you mean status?)\n" })
  t.match(await run(null, ['help', 'xyzzy']), { code: 2, out: '', err: /^error: unknown command 'xyzzy'\n$/ })
  t.match(await run(null, ['token', 'help', 'lits']), { code: 2, err: /^error: unknown command 'token lits'\n.*list/ })
  t.match(await run(null, ['token', 'help', 'list']), { code: 0, out: /Usage: banyan token list/ })
})

t.test('every command has help with examples that it takes', async t => {
  const io = { stdout: { write: () => true }, stderr: { write: () => true }, env: {}, parts: { version: '1' } }
  const { program } = createProgram(io as unknown as CliIo)
  const leaves = (command: Command): readonly Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
  const nameOf = (command: Command): readonly string[] =>
    command.parent === null ? [] : [...nameOf(command.parent), command.name()]
  for (const command of leaves(program)) {
    const name = nameOf(command)
    const { code, out } = await run(null, [...name, '--help'])
    t.equal(code, 0, name.join(' '))
    if (LATER.includes(name[0] ?? '')) t.match(out, /not in this version/)
    else t.match(out, new RegExp(`Examples:\\n  \\$ .*banyan ${name.join(' ')}`), name.join(' '))
  }
})

t.test('version', async t => {
  t.equal((await run(null, ['version'])).out, 'banyan 0.1.0\n')
  t.equal((await run(null, ['--version'])).out, 'banyan 0.1.0\n')
  t.same(JSON.parse((await run(null, ['version', '--json'])).out), { product: 'banyan', version: '0.1.0' })
})

t.test('typing mistakes', async t => {
  t.match(await run(null, ['statsu']), { code: 2, out: '', err: /unknown command 'statsu'\n\(Did you mean status\?\)/ })
  t.match(await run(null, ['status', '--jsno']), { code: 2, err: /unknown option '--jsno'\n\(Did you mean --json\?\)/ })
  t.match(await run(null, ['status', '--amdin', 'x']), { code: 2, err: /Did you mean --admin\?/ })
  t.match(await run(null, ['status', '--token', 'bny_x']), { code: 2, err: /unknown option '--token'/ })
  t.match(await run(null, ['status', 'too', 'much']), { code: 2, err: /too many arguments/ })
  t.match(await run(null, ['status', '--timeout', 'soon']), { code: 2, err: /250ms, 10s/ })
  t.match((await run(null, ['\x1b[31mx'])).err, /unknown command '\\x1b\[31mx'/)
})

t.test('commands of a later version', async t => {
  for (const name of LATER) {
    const { code, out, err } = await run(null, [name, 'orders', '--for', '2h'])
    t.equal(code, 1, name)
    t.equal(out, '')
    t.match(err, `banyan ${name}: not in this version`)
  }
})

t.test('start and demo are handed on', async t => {
  const started: StartOptions[] = []
  const start = async (options: StartOptions) => {
    started.push(options)
    return 5
  }
  t.equal((await run(null, ['start'], { parts: { start } })).code, 5, 'its exit code counts')
  await run(null, ['start', '-c', 'my.yaml', '--watch'], { parts: { start } })
  await run(null, ['start', '--legacy', 'http://10.0.0.5', '--listen', ':8080'], { parts: { start } })
  t.same(started, [
    { config: null, legacy: null, listen: null, watch: false },
    { config: 'my.yaml', legacy: null, listen: null, watch: true },
    { config: null, legacy: 'http://10.0.0.5', listen: ':8080', watch: false },
  ])
  const played: DemoOptions[] = []
  const demo = async (options: DemoOptions) => {
    played.push(options)
    return 0
  }
  await run(null, ['demo'], { parts: { demo } })
  await run(null, ['demo', '--weight', '25', '--duration', '2m', '--dry-run'], { parts: { demo } })
  await run(null, ['demo', '--duration', 'none'], { parts: { demo } })
  t.same(played, [
    { dryRun: false },
    { dryRun: true, weight: 25, duration: 120_000 },
    { dryRun: false, duration: null },
  ])
  t.equal((await run(null, ['demo', '--weight', '500'], { parts: { demo } })).code, 2)
})

t.test('what a part throws is said in one line', async t => {
  const start = async () => {
    throw new BanyanError('listen_failed', 'port 8080\x1b is taken', { hint: 'take another one' })
  }
  const { code, out, err } = await run(null, ['start'], { parts: { start } })
  t.equal(code, 1)
  t.equal(out, '')
  t.equal(err, 'banyan: port 8080\\x1b is taken\n  take another one\n')
})

t.test('check', async t => {
  const files: string[] = []
  const check = async (file: string) => {
    files.push(file)
    return {
      ok: false,
      lines: 'routes.yaml:3:7: one\x1b\nroutes.yaml:4:1: two\n',
      mistakes: [mistake, mistake],
    } as never
  }
  const { code, out, err } = await run(null, ['check'], { parts: { check } })
  t.equal(code, 2)
  t.equal(out, 'routes.yaml:3:7: one\\x1b\nroutes.yaml:4:1: two\n')
  t.equal(err, 'routes.yaml: 2 mistakes\n')
  const json = await run(null, ['check', '-c', 'my.yaml', '--json'], { parts: { check } })
  t.equal(json.code, 2)
  t.same(JSON.parse(json.out), { ok: false, mistakes: [mistake, mistake] })
  t.same(files, ['routes.yaml', 'my.yaml'])
  const fine = await run(null, ['check'])
  t.match(fine, { code: 0, out: '', err: 'routes.yaml: no mistakes\n' })
})

t.test('streams that fail', async t => {
  const admin = await fakeAdmin({ 'GET /status': status })
  t.teardown(() => admin.close())
  const failing = (code: string) => ({
    onWrite: (text: string) => {
      if (text.includes('revision')) throw Object.assign(new Error(`write ${code}`), { code })
    },
  })
  t.match(await run(admin, ['status'], failing('EPIPE')), { code: 0, out: '', err: '' })
  t.match(await run(admin, ['status'], failing('ENOSPC')), { code: 1, out: '', err: /stdout cannot be written/ })

  // As process.stdout says it: later, by an event.
  const listeners: ((error: Error) => void)[] = []
  let err = ''
  const code = await runCli(['status'], {
    stdout: {
      write: () => {
        for (const listener of listeners) listener(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      },
      on: (_, listener) => listeners.push(listener),
    },
    stderr: {
      write: text => {
        err += text
      },
    },
    stdin: (async function* () {})(),
    env: { BANYAN_ADMIN: admin.url, BANYAN_TOKEN: 'bny_test' },
    cwd: import.meta.dirname,
    parts: {
      version: '0.1.0',
      start: async () => 0,
      demo: async () => 0,
      check: async () => ({ ok: true, lines: '', mistakes: [] }),
      schema: () => ({}),
      unsavedRollbacks: async () => 0,
      differences: () => [],
      yaml: () => '',
    },
  })
  t.equal(code, 0)
  t.equal(err, '')
})
