// Reload and break glass by signal and by file: what is good comes in force, what is bad changes nothing, and all of it is told.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Configured } from '../../src/configured.ts'
import { cannotRun } from '../store/child.ts'
import { configured, eventually, named, rawClient, startBanyan, temporary } from './harness.ts'
import {
  configText,
  manyUsers,
  metrics,
  NOBODY,
  noTrace,
  type Running,
  readerOf,
  sidesOf,
  slowDisk,
  spawnBanyan,
  splitConfig,
  startProcess,
  within,
} from './process.ts'

/** Mostly it is the watch that is waited for, not the machine. */
t.jobs = 3

interface Scene {
  readonly cwd: string
  readonly file: string
  /** The same configuration with another weight. */
  text(weight: number): string
  start(args?: readonly string[]): Promise<Running>
}

async function scene(t: Test): Promise<Scene> {
  const cwd = temporary(t)
  const [legacy, fresh] = await Promise.all([named(t, 'legacy'), named(t, 'new')])
  const config = (weight: number) => ({
    ...splitConfig(legacy.url, fresh.url, { weight }),
    split: { firstStart: 'declared' },
  })
  return {
    cwd,
    file: join(cwd, 'routes.yaml'),
    text: weight => configText(config(weight)),
    start: args => startProcess(t, config(0), { cwd, ...(args === undefined ? {} : { args }) }),
  }
}

async function side(banyan: Running): Promise<string | null> {
  return (await sidesOf(banyan, ['anybody']))[0] ?? null
}

async function declared(banyan: Running): Promise<number> {
  return (await banyan.api('GET', '/routes/all')).json.weight.declared
}

function comesTo(banyan: Running, wanted: string): Promise<void> {
  return eventually(async () => (await side(banyan)) === wanted, `${wanted} serves`)
}

t.test('SIGHUP: a good file is in force, a bad one changes nothing, a mended one is in force again', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start()
  t.equal(await side(banyan), 'legacy')
  t.match((await banyan.api('GET', '/status')).json.config, { lastReload: 'none', lastError: null })
  t.match(await metrics(banyan), /^banyan_config_reloads_total\{result="failed"\} 0$/m, 'counted from 0 for alerts')

  writeFileSync(file, text(100))
  banyan.signal('SIGHUP')
  await comesTo(banyan, 'new')
  t.match((await banyan.api('GET', '/status')).json.config, { lastReload: 'ok', file })

  writeFileSync(file, text(100).replace('"weight": 100', '"wieght": 0'))
  banyan.signal('SIGHUP')
  const refused = await banyan.line(/^reload refused/)
  t.equal(refused.level, 'error')
  t.match(refused.error, /wieght|unknown key/)
  t.match(refused.error, /routes\.yaml:\d+:\d+/)
  t.equal(await side(banyan), 'new', 'the old one goes on')
  const failed = (await banyan.api('GET', '/status')).json.config
  t.match(failed, { lastReload: 'failed', lastError: /routes\.yaml:\d+:\d+/ })

  writeFileSync(file, text(0))
  banyan.signal('SIGHUP')
  await comesTo(banyan, 'legacy')
  t.match((await banyan.api('GET', '/status')).json.config, { lastReload: 'ok', lastError: null })
  const counted = await metrics(banyan)
  t.match(counted, /^banyan_config_reloads_total\{result="ok"\} 2$/m)
  t.match(counted, /^banyan_config_reloads_total\{result="failed"\} 1$/m)
  const { entries } = (await banyan.api('GET', '/audit')).json
  t.same(
    entries.filter((entry: { action: string }) => entry.action === 'reload').map(actorOf),
    ['SIGHUP', 'SIGHUP'],
    'what was refused is no change',
  )
})

t.test('SIGHUP: a file that is gone, or half written, changes nothing', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start()
  const whole = text(100)
  renameSync(file, `${file}.away`)
  banyan.signal('SIGHUP')
  t.match((await banyan.line(/^reload refused/)).error, /does not exist/)
  for (let part = 1; part < 8; part++) {
    const before = banyan.lines().length
    writeFileSync(file, whole.slice(0, Math.floor((whole.length * part) / 8)))
    banyan.signal('SIGHUP')
    await eventually(() => banyan.lines().slice(before).some(isRefusal), `${part}/8 of the file is refused`)
  }
  t.equal(await side(banyan), 'legacy')
  t.equal((await fetch(`${banyan.health}/readyz`)).status, 200)
})

t.test('SIGHUP: a request on its way keeps what it started with', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start()
  const client = rawClient(t, banyan.port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbo')
  // Answered after it, so its head has been read.
  await side(banyan)
  writeFileSync(file, text(100))
  banyan.signal('SIGHUP')
  await comesTo(banyan, 'new')
  client.send('dy')
  t.match(await client.closed, /^HTTP\/1\.1 200 [\s\S]*legacy$/)
})

t.test('SIGHUP: what only a restart can change is said', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start()
  writeFileSync(file, text(0).replace('"127.0.0.1:0"', '"127.0.0.1:1"'))
  banyan.signal('SIGHUP')
  t.equal((await banyan.line(/^\/admin\/listen.* changed: in force after a restart$/)).level, 'warn')
  t.equal(await side(banyan), 'legacy', 'and it goes on where it is')
})

t.test('--watch: an edit in place, a file renamed over it', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start(['--watch'])
  writeFileSync(file, text(100))
  await comesTo(banyan, 'new')
  writeFileSync(`${file}.tmp`, text(0))
  renameSync(`${file}.tmp`, file)
  await comesTo(banyan, 'legacy')
  writeFileSync(file, 'routes: 7\n')
  await banyan.line(/^reload refused/)
  t.equal(await side(banyan), 'legacy')
  writeFileSync(file, text(100))
  await comesTo(banyan, 'new')
  const { entries } = (await banyan.api('GET', '/audit')).json
  t.equal(actorOf(entries[0]), 'watch')
})

t.test('the page of errors: watched, and its change is told by a reload', async t => {
  const { cwd, file, text, start } = await scene(t)
  const banyan = await start()
  const page = (words: string) => writeFileSync(join(cwd, 'sorry.html'), `<!doctype html>\n<h1>${words}</h1>\n`)
  const shown = async () => {
    const answer = await fetch(banyan.proxy, { headers: { accept: 'text/html', 'x-user-id': 'a' }, method: 'FOO' })
    return answer.text()
  }
  const withPage = (watch: boolean) => {
    const { proxy, ...rest } = JSON.parse(text(0))
    const dead = { legacy: { url: NOBODY }, new: { url: NOBODY } }
    const errors = { page: 'file:sorry.html' }
    writeFileSync(file, JSON.stringify({ ...rest, watch, backends: dead, proxy: { ...proxy, errors } }))
  }
  const reload = async () => (await banyan.api('POST', '/config/reload', {})).json.changes
  page('one')
  withPage(false)
  await reload()
  t.match(await shown(), /one/)
  page('two')
  t.match(await reload(), [{ path: '/proxy/errors/page' }])
  t.match(await shown(), /two/)
  withPage(true)
  await reload()
  page('three')
  await eventually(async () => (await shown()).includes('three'), 'it is taken up')
})

t.test('--watch: the swapped symlink of a mounted ConfigMap', async t => {
  const { cwd, text, start } = await scene(t)
  const mount = join(cwd, 'mount')
  const generation = (name: string, weight: number) => {
    mkdirSync(join(mount, name), { recursive: true })
    writeFileSync(join(mount, name, 'routes.yaml'), text(weight))
    symlinkSync(name, join(mount, '..data_tmp'))
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  }
  generation('..2026_01', 0)
  symlinkSync('..data/routes.yaml', join(mount, 'routes.yaml'))
  const banyan = await start(['-c', 'mount/routes.yaml', '--watch'])
  t.equal(await side(banyan), 'legacy')
  generation('..2026_02', 100)
  await comesTo(banyan, 'new')
  generation('..2026_03', 0)
  await comesTo(banyan, 'legacy')
})

t.test('--watch: files that are included, also one that comes later', async t => {
  const { cwd, file, text, start } = await scene(t)
  const banyan = await start(['--watch'])
  const { routes, ...rest } = JSON.parse(text(100))
  mkdirSync(join(cwd, 'routes.d'))
  writeFileSync(join(cwd, 'routes.d/a.yaml'), JSON.stringify({ routes }))
  writeFileSync(file, JSON.stringify({ ...rest, include: 'routes.d/*.yaml' }))
  await comesTo(banyan, 'new')
  const other = { ...routes[0], id: 'other', match: { path: '/orders/*' }, weight: 0 }
  writeFileSync(join(cwd, 'routes.d/b.yaml'), JSON.stringify({ routes: [other] }))
  await comesTo(banyan, 'legacy')
  writeFileSync(join(cwd, 'routes.d/b.yaml'), JSON.stringify({ routes: [{ ...other, weight: 100 }] }))
  await comesTo(banyan, 'new')
})

t.test('--watch: a mistake in a file that was not included before is mended there', async t => {
  const { cwd, file, text, start } = await scene(t)
  const banyan = await start(['--watch'])
  const { routes, ...rest } = JSON.parse(text(100))
  writeFileSync(join(cwd, 'more.yaml'), JSON.stringify({ routes: [{ ...routes[0], legacy: 'nobody' }] }))
  writeFileSync(file, JSON.stringify({ ...rest, include: 'more.yaml' }))
  t.match((await banyan.line(/^reload refused/)).error, /more\.yaml:\d+:\d+/)
  t.equal(await side(banyan), 'legacy')
  writeFileSync(join(cwd, 'more.yaml'), JSON.stringify({ routes }))
  await comesTo(banyan, 'new')
})

t.test('--watch: an edit that is made while it starts', async t => {
  const { cwd, file, text, start } = await scene(t)
  const started = start(['--watch'])
  // Made after the file was read and before the listeners are open: by then the store is.
  await eventually(() => existsSync(join(cwd, '.banyan/state.db')), 'the store is made')
  writeFileSync(file, text(100))
  await comesTo(await started, 'new')
})

t.test('--watch: a file that was written before, and is renamed over it while it starts', async t => {
  const { cwd, file, text, start } = await scene(t)
  writeFileSync(`${file}.next`, text(100))
  const started = start(['--watch'])
  await eventually(() => existsSync(join(cwd, '.banyan/state.db')), 'the store is made')
  renameSync(`${file}.next`, file)
  await comesTo(await started, 'new')
})

t.test('--watch: an edit that is made while a reload is being saved', { skip: noTrace }, async t => {
  const { cwd, file, text, start } = await scene(t)
  const banyan = await start(['--watch'])
  if (!(await slowDisk(t, banyan))) return
  const log = join(cwd, '.banyan/state.db-wal')
  const saved = () => statSync(log, { bigint: true }).mtimeNs
  const before = saved()
  writeFileSync(file, text(50))
  banyan.signal('SIGHUP')
  // By then the file was read; the new configuration is in force when its entry is on the disk.
  await eventually(() => saved() > before, 'it is being saved')
  writeFileSync(file, text(100))
  await eventually(async () => (await declared(banyan)) === 100, 'the last edit is in force')
})

t.test('reloads do not overtake each other', async t => {
  const [legacy, fresh] = await Promise.all([named(t, 'legacy'), named(t, 'new')])
  const config = (weight: number) =>
    configured({ ...splitConfig(legacy.url, fresh.url, { weight }), split: { firstStart: 'declared' } })
  // One that takes its time, and one that does not.
  const { promise: slow, resolve } = Promise.withResolvers<Configured>()
  const readings = [() => slow, () => config(100)]
  const banyan = await startBanyan(t, {}, { configured: config(0), reread: async () => readings.shift()!() })
  const both = Promise.all([banyan.app.reload('test'), banyan.app.reload('test')])
  for (let i = 0; i < 20; i++) await banyan.api('GET', '/status')
  t.equal(readings.length, 1, 'the second one waits for its turn')
  resolve(config(10))
  await both
  t.equal((await banyan.api('GET', '/routes/all')).json.weight.declared, 100, 'what was read last is in force')
})

t.test('a pipe in place of a file holds nobody up', { skip: cannotRun('mkfifo', '--version') }, async t => {
  const { cwd, file, text, start } = await scene(t)
  const banyan = await start()
  const pipe = join(cwd, 'pipe.yaml')
  spawnSync('mkfifo', [pipe])
  writeFileSync(file, JSON.stringify({ ...JSON.parse(text(10)), include: 'pipe.yaml' }))
  const check = await within(spawnBanyan(t, ['check', '-c', file], { cwd }).ended, 'the check ends')
  t.equal(check.end, 2)
  t.match(check.stdout, /routes\.yaml:1:\d+ +error +.*pipe\.yaml is a pipe/)
  t.match(check.stdout, /a regular file/)
  banyan.signal('SIGHUP')
  t.match((await banyan.line(/^reload refused/)).error, /routes\.yaml:1:\d+ .*pipe\.yaml is a pipe/)
  writeFileSync(file, text(100))
  banyan.signal('SIGHUP')
  await comesTo(banyan, 'new')
  renameSync(pipe, file)
  banyan.signal('SIGHUP')
  await eventually(async () => {
    const { lastError } = (await banyan.api('GET', '/status')).json.config
    return /routes\.yaml is a pipe/.test(lastError)
  }, 'the configuration itself may be one at the start only')
  t.equal(await side(banyan), 'new')
  banyan.signal('SIGTERM')
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('at the start the configuration comes from a pipe too', { skip: cannotRun('mkfifo', '--version') }, async t => {
  const { cwd, text } = await scene(t)
  const pipe = join(cwd, 'pipe.yaml')
  spawnSync('mkfifo', [pipe])
  const check = spawnBanyan(t, ['check', '-c', pipe], { cwd })
  const writer = await readerOf(pipe)
  writeSync(writer, text(10))
  closeSync(writer)
  t.equal((await within(check.ended, 'the check ends')).end, 0)
})

t.test('SIGUSR2: everything on legacy at once, audited, counted, and still so after a restart', async t => {
  const { start } = await scene(t)
  const users = manyUsers(20)
  const banyan = await start()
  await banyan.api('PUT', '/routes/all/weight', { percent: 60 })
  const before = await sidesOf(banyan, users)
  t.ok(before.includes('new') && before.includes('legacy'))
  banyan.signal('SIGUSR2')
  await eventually(async () => !(await sidesOf(banyan, users)).includes('new'), 'everything is on legacy')
  const [rollback] = (await banyan.api('GET', '/status')).json.rollbacks
  t.match(rollback, { units: '*', trigger: 'break_glass', by: 'break_glass' })
  const [entry] = (await banyan.api('GET', '/audit?limit=1')).json.entries
  t.match(entry, { action: 'rollback', subject: '*', actor: { name: 'break_glass', tokenId: null } })
  t.match(await metrics(banyan), /^banyan_rollbacks_total\{route="all",trigger="break_glass"\} 1$/m)
  banyan.signal('SIGUSR2')
  await banyan.api('GET', '/status')
  t.equal((await banyan.api('GET', '/status')).json.rollbacks.length, 1, 'pulling twice is pulling once')
  await banyan.kill()

  const again = await start()
  t.notOk((await sidesOf(again, users)).includes('new'))
  await again.api('POST', '/restore', {})
  t.same(await sidesOf(again, users), before, 'a restore brings back who was there')
  t.match((await again.api('GET', '/audit/verify')).json, { ok: true })
})

t.test('a rollback file that waits at the start counts before the first request', async t => {
  const { cwd, start } = await scene(t)
  const first = await start()
  await first.api('PUT', '/routes/all/weight', { percent: 100 })
  await first.kill()
  writeFileSync(join(cwd, '.banyan/rollback'), 'it was down, and I wanted it back on legacy\n')
  const banyan = await start()
  await comesTo(banyan, 'legacy')
  await eventually(() => existsSync(join(cwd, '.banyan/rollback.done')), 'the file is taken')
  t.match(readFileSync(join(cwd, '.banyan/rollback.done'), 'utf8'), 'it was down')
  const [entry] = (await banyan.api('GET', '/audit?limit=1')).json.entries
  t.match(entry, { action: 'rollback', reason: /it was down/ })
})

t.test('signals that come in heaps end nothing', async t => {
  const { file, text, start } = await scene(t)
  const banyan = await start()
  for (let i = 1; i <= 30; i++) {
    writeFileSync(file, text(i))
    banyan.signal('SIGHUP')
    if (i % 10 === 0) banyan.signal('SIGUSR2')
    t.equal((await fetch(banyan.proxy)).status, 200)
  }
  await eventually(async () => (await declared(banyan)) === 30, 'the last file is in force')
  t.equal(await side(banyan), 'legacy', 'and so is the rollback')
  t.match((await within(banyan.api('GET', '/audit/verify'), 'the audit is walked')).json, { ok: true })
})

function actorOf(entry: { readonly actor: { readonly name: string } }): string {
  return entry.actor.name
}

function isRefusal(line: { readonly msg: string }): boolean {
  return line.msg.startsWith('reload refused')
}
