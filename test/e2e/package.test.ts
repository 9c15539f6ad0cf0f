// The package as somebody installs it: packed, put into an empty folder, and run from there. Under node_modules Node strips no
// types, so everything in it must have been compiled.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { named, TOKEN, temporary } from './harness.ts'
import { listening, ROOT, spawnBanyan, within } from './process.ts'

const BUILT_FROM = ['bin', 'src', 'examples', 'README.md', 'CHANGELOG.md', 'LICENSE', '.npmrc']
const DESCRIBED_BY = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']

const npm = spawnSync('npm', ['--version'], { encoding: 'utf8', env: cleanEnv() })
const skip = npm.status === 0 ? false : `npm does not work here: ${npm.error?.message ?? npm.stderr}`

t.test('packed, installed into an empty folder, and run from there', { skip, timeout: 110_000 }, async t => {
  const source = temporary(t)
  for (const name of [...BUILT_FROM, ...DESCRIBED_BY]) {
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(source, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'))
  const packed = await run('npm', ['pack', '--json'], source)
  t.equal(packed.code, 0, packed.stderr)
  const [{ filename, files, unpackedSize }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')))
  const paths = files.map((file: { path: string }) => file.path)
  for (const needed of [
    'bin/banyan.js',
    'dist/src/main.js',
    'dist/src/store/sqlite-thread.js',
    'dist/src/index.d.ts',
    'dist/dashboard/index.html',
    'README.md',
  ]) {
    t.ok(paths.includes(needed), needed)
  }
  t.same(
    paths.filter((path: string) => /^(src|test|bench|docs|\.)|(?<!\.d)\.ts$|\.db/.test(path)),
    [],
    'nothing that only a checkout needs',
  )
  t.ok(unpackedSize < 4_000_000, `${unpackedSize} bytes`)

  const cwd = temporary(t)
  writeFileSync(join(cwd, 'package.json'), '{"private":true,"type":"module"}')
  t.comment(await install(join(source, filename), cwd))
  const bin = join(cwd, 'node_modules/banyan/bin/banyan.js')
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const banyan = (...args: string[]) => spawnBanyan(t, args, { cwd, bin }).ended
  t.match(await banyan('version'), { end: 0, stdout: `banyan ${version}\n`, stderr: '' })
  writeFileSync(join(cwd, 'bad.yaml'), 'routes:\n  - id: Orders\n')
  t.match(await banyan('check', '-c', 'bad.yaml'), { end: 2, stdout: /bad\.yaml:2:9 {2}error {2}not an id/ })
  const demo = await banyan('demo', '--dry-run')
  t.match(demo, { end: 0, stdout: /6\. restored, and counted/, stderr: '' })
  t.match(demo.stdout, /demo: everything is stopped/)

  const { url } = await named(t as Test, 'legacy')
  const config = { proxy: { listen: '127.0.0.1:0', drain: { grace: '0s' } }, admin: { listen: '127.0.0.1:0' } }
  const whole = { ...config, health: { listen: '127.0.0.1:0' }, backends: { legacy: { url } } }
  writeFileSync(join(cwd, 'routes.yaml'), JSON.stringify(whole))
  const started = await listening(spawnBanyan(t, ['start'], { cwd, bin, env: { BANYAN_ADMIN_TOKEN: TOKEN } }))
  t.equal((await fetch(started.proxy)).headers.get('x-served-by'), 'legacy')
  t.match(await (await fetch(started.admin)).text(), /assets\/app-\w+\.js/, 'with its dashboard')
  t.equal((await started.api('POST', '/rollback', {})).json.durable, true)
  started.signal('SIGTERM')
  t.equal((await within(started.ended, 'it ends')).end, 0)

  const embedded = "import { VERSION, startApp } from 'banyan'; console.log(VERSION, typeof startApp)"
  t.match(await run(process.execPath, ['--input-type=module', '-e', embedded], cwd), {
    stdout: `${version} function\n`,
  })
})

/** By npm where it can have the packages, else with those of this checkout. Says which. */
async function install(tarball: string, cwd: string): Promise<string> {
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=optional', '--fetch-retries=0']
  const { code } = await run('npm', ['install', ...flags, tarball], cwd, 45_000)
  if (code === 0) return 'installed by npm'
  const target = join(cwd, 'node_modules')
  mkdirSync(join(target, 'banyan'), { recursive: true })
  const unpacked = spawnSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(target, 'banyan')])
  if (unpacked.status !== 0) throw new Error(`cannot be unpacked: ${unpacked.stderr}`)
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    const isOurs = name === 'banyan' || name.startsWith('.') || existsSync(join(target, name))
    if (!isOurs) symlinkSync(join(ROOT, 'node_modules', name), join(target, name))
  }
  return 'unpacked, with the packages of the checkout: npm could not have them'
}

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[], cwd: string, timeoutMs?: number): Promise<Ran> {
  const limit = timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }
  const child = spawn('env', ['-u', 'NODE_OPTIONS', command, ...args], {
    cwd,
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...limit,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  return new Promise(resolve => {
    child.on('error', error => resolve({ code: null, stdout, stderr: String(error) }))
    child.on('close', code => resolve({ code, stdout, stderr }))
  })
}

/** Without what the npm that runs the test put in: an npm in an npm must not think that it is the same. */
function cleanEnv(): NodeJS.ProcessEnv {
  const ours = /^(INIT_CWD|npm_(package|lifecycle|command|execpath|node_execpath).*|npm_config_local_prefix)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
}
