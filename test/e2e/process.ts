// A Banyan as its user runs it: bin/banyan.js as a child process, known by its streams, ports, files and exit code only.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { constants, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { cannotRun } from '../store/child.ts'
import { type ApiAnswer, call, eventually, TOKEN } from './harness.ts'

export const ROOT = join(import.meta.dirname, '../..')
export const BIN = join(ROOT, 'bin/banyan.js')
/** What the operating system answers where nobody listens. */
export const NOBODY = 'http://127.0.0.1:1'

/** The system ends it with its parent: a test that is killed, at its timeout say, cannot tidy up. */
const LEASH = cannotRun('setpriv', '--pdeathsig', 'KILL', 'true') === false ? ['setpriv', '--pdeathsig', 'KILL'] : []

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [key: string]: unknown
}

export interface Ended {
  /** Exit code, or the signal's name. */
  readonly end: number | string
  readonly stdout: string
  readonly stderr: string
}

export interface Process {
  readonly pid: number
  stdout(): string
  stderr(): string
  /** What it has logged, as far as lines are complete. */
  lines(): readonly LogLine[]
  /** The first line whose message matches, also one that is still to come. Rejects when it ends without. */
  line(message: RegExp): Promise<LogLine>
  signal(name: NodeJS.Signals): void
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>
  readonly ended: Promise<Ended>
}

export interface ProcessOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** The Node that runs it; absent: the one that runs the test. */
  readonly node?: string
  /** Absent: this checkout's. */
  readonly bin?: string
  /** A command that it is run under, with its arguments; it must become the process, not stay its parent. */
  readonly under?: readonly string[]
}

export function spawnBanyan(t: Pick<Test, 'teardown'>, args: readonly string[], options: ProcessOptions): Process {
  // The test runner puts its own loaders into every Node that is spawned; `env` becomes the Node without them.
  const plain = ['env', '-u', 'NODE_OPTIONS', options.node ?? process.execPath, options.bin ?? BIN]
  const [command, ...rest] = [...LEASH, ...(options.under ?? []), ...LEASH, ...plain, ...args]
  const child = spawn(command!, rest, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, HOME: options.cwd, NODE_COMPILE_CACHE: compileCache(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', chunk => {
      texts[stream] += chunk
      for (const look of waiting) look()
    })
  }
  const ended = endOf(child, texts)
  const lines = () => parseLines(texts.stdout)

  function line(message: RegExp): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = lines().find(one => message.test(one.msg))
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      ended.then(({ end, stderr }) => {
        look()
        reject(new Error(`ended (${end}) without a line ${message}: ${stderr}`))
      }, reject)
      look()
    })
  }

  async function kill(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended.catch(() => {})
  }

  t.teardown(kill)
  return {
    pid: child.pid ?? 0,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    lines,
    line,
    signal: name => child.kill(name),
    kill,
    ended,
  }
}

export interface Running extends Process {
  /** Of the data listener. */
  readonly port: number
  readonly proxy: string
  readonly admin: string
  readonly health: string
  readonly sides: string | null
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>
}

export interface StartOptions extends Omit<ProcessOptions, 'cwd'> {
  /** Where `routes.yaml` is written, and the state kept. */
  readonly cwd: string
  readonly args?: readonly string[]
}

/** Writes the configuration, starts, and resolves when it listens. The token of `api` is given by the environment. */
export async function startProcess(
  t: Pick<Test, 'teardown'>,
  config: Readonly<Record<string, unknown>>,
  options: StartOptions,
): Promise<Running> {
  writeConfig(options.cwd, config)
  const env = { BANYAN_ADMIN_TOKEN: TOKEN, ...options.env }
  return listening(spawnBanyan(t, ['start', ...(options.args ?? [])], { ...options, env }))
}

export async function listening(child: Process): Promise<Running> {
  const line = await child.line(/^listening on /)
  const proxy = String(line.url)
  const admin = String(line.admin)
  return {
    ...child,
    port: Number(new URL(proxy).port),
    proxy,
    admin,
    health: String(line.health),
    sides: line.sides === null ? null : String(line.sides),
    api: (method, path, body, headers) => call(admin, method, path, body, headers),
  }
}

/** As `routes.yaml`, every listener on a free port unless the configuration says otherwise. JSON is YAML too. */
export function writeConfig(directory: string, config: Readonly<Record<string, unknown>>): void {
  writeFileSync(join(directory, 'routes.yaml'), configText(config))
}

export function configText(config: Readonly<Record<string, unknown>>): string {
  const free = { listen: '127.0.0.1:0' }
  const drain = { grace: '0s', deadline: '5s' }
  const whole = {
    admin: free,
    health: free,
    ...config,
    proxy: { ...free, drain, ...(config.proxy as object | undefined) },
  }
  return JSON.stringify(whole, null, 2)
}

/** One two-sided route for everything, users by header. */
export function splitConfig(
  legacy: string,
  fresh: string,
  route: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const match = { path: '/*' }
  const sticky = ['header:x-user-id']
  return {
    backends: { legacy: { url: legacy }, new: { url: fresh } },
    routes: [{ id: 'all', match, legacy: 'legacy', new: 'new', data: 'shared', weight: 0, sticky, ...route }],
  }
}

/** Who serves each user now, by what `named` backends say of themselves. */
export function sidesOf(
  running: Pick<Running, 'proxy'>,
  users: readonly string[],
): Promise<readonly (string | null)[]> {
  return Promise.all(
    users.map(async user => {
      const answer = await fetch(`${running.proxy}/orders/1`, { headers: { 'x-user-id': user } })
      await answer.arrayBuffer()
      return answer.headers.get('x-served-by')
    }),
  )
}

export function manyUsers(count: number): readonly string[] {
  return Array.from({ length: count }, (_, user) => `user-${user}`)
}

export async function metrics(running: Pick<Running, 'health'>): Promise<string> {
  return (await fetch(`${running.health}/metrics`)).text()
}

/** Opens a pipe for writing as soon as somebody reads it; before, the system refuses. */
export async function readerOf(pipe: string): Promise<number> {
  let opened = -1
  await eventually(() => {
    try {
      opened = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    }
    return opened !== -1
  }, 'it is being read')
  return opened
}

/** The promise's value, unless it takes so long that it will never come: then an error that says what for. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let settled = false
  const mark = () => {
    settled = true
  }
  promise.then(mark, mark)
  await eventually(() => settled, what)
  return promise
}

/** Sends the signal until it is gone: for a second one, which is told from the same key press by its moment. */
export async function insist(child: Process, name: NodeJS.Signals): Promise<Ended> {
  let gone = false
  child.ended.then(() => {
    gone = true
  })
  await eventually(() => {
    if (!gone) child.signal(name)
    return gone
  }, `${name} ends it`)
  return child.ended
}

/** Why `slowDisk` cannot be had here; false where it can. */
export const noTrace = cannotRun('strace', '-o', '/dev/null', 'true')

/** From now on every fsync of the process takes 300 ms longer; false where that cannot be done. */
export async function slowDisk(t: Test, { pid }: Process): Promise<boolean> {
  const inject = 'inject=fsync,fdatasync:delay_enter=300000'
  const args = ['-f', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject, '-p', String(pid)]
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => tracer.kill('SIGKILL'))
  const [said] = await once(tracer.stderr, 'data')
  const isAttached = String(said).includes('attached')
  if (!isAttached) t.comment(`not tried: strace may not attach here: ${said}`)
  return isAttached
}

/** Halves the time of a start. Who is killed writes nothing there, so one that ends by itself comes first. */
function compileCache(): string {
  const directory = join(ROOT, '.tap/compile-cache')
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: directory }
  const filled = join(directory, 'filled')
  if (!existsSync(filled)) {
    spawnSync('env', ['-u', 'NODE_OPTIONS', process.execPath, BIN, 'version'], { env })
    writeFileSync(filled, '')
  }
  return directory
}

function endOf(child: ChildProcess, texts: { readonly stdout: string; readonly stderr: string }): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ end: code ?? signal ?? 'unknown', ...texts }))
  })
}

function parseLines(text: string): readonly LogLine[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as LogLine)
}
