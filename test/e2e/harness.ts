// A whole Banyan in this process on free ports, scripted backends, and raw sockets to talk to it.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Bounds } from '../../src/admin/bounds.ts'
import { type App, startApp } from '../../src/app.ts'
import { configSchema } from '../../src/config/schema.ts'
import { shown } from '../../src/config/shown.ts'
import { type Configured, configure } from '../../src/configured.ts'
import type { Log } from '../../src/log.ts'
import type { Clock } from '../../src/model/units.ts'

export const TOKEN = 'test-token-0123456789abcdef0123456789'

export interface Banyan {
  readonly app: App
  readonly port: number
  readonly admin: string
  readonly health: string
  readonly sides: string | null
  readonly lines: string[]
  /** Calls the admin API; the answer's JSON with its status. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>
  stop(): Promise<void>
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly json: any
}

export interface BanyanOptions {
  /** Where a SQLite store lives; absent: memory. */
  readonly directory?: string
  readonly adminToken?: string | null
  readonly reread?: () => Promise<Configured>
  /** What `config/check` does with a text. */
  readonly check?: (text: string) => Promise<Configured>
  /** Instead of the system's. */
  readonly clock?: Clock
  /** Instead of one that keeps its lines. */
  readonly log?: Log
  /** Of callers of the admin and health listeners. */
  readonly bounds?: Bounds
  /** Between two looks at the files of the certificate. */
  readonly certificateLookMs?: number
  /** Instead of `config`: one that was read from a file, say. */
  readonly configured?: Configured
}

/** The same tests over several processes: BANYAN_TEST_WORKERS=2. */
const WORKERS =
  process.env.BANYAN_TEST_WORKERS === undefined ? {} : { workers: Number(process.env.BANYAN_TEST_WORKERS) }

export function configured(config: Record<string, unknown>): Configured {
  const free = { listen: '127.0.0.1:0' }
  const text = {
    admin: free,
    health: free,
    store: 'memory:',
    split: { seed: 'test-seed', firstStart: 'declared' },
    ...config,
    proxy: { ...free, ...WORKERS, drain: { grace: '0s', deadline: '2s' }, ...(config.proxy as object | undefined) },
  }
  const place = () => ({ file: 'test.yaml', line: 1, column: 1 })
  const value = configSchema.parse(text)
  return configure({ config: value, mistakes: [], place }, shown, null, Date.now())
}

export async function startBanyan(
  t: Test,
  config: Record<string, unknown>,
  options: BanyanOptions = {},
): Promise<Banyan> {
  const clock: Clock = options.clock ?? { now: () => Date.now(), monotonic: () => performance.now() }
  const lines: string[] = []
  const log: Log = {
    line: (level, message, details) => lines.push(`${level} ${message} ${JSON.stringify(details ?? {})}`),
    access: null,
    flush() {},
  }
  const app = await startApp({
    configured: options.configured ?? configured(config),
    reread: options.reread ?? null,
    check: options.check ?? refuseToCheck,
    log: options.log ?? log,
    clock,
    chance: { random: Math.random, randomId: () => randomBytes(12).toString('base64url'), now: () => clock.now() },
    adminToken: options.adminToken === undefined ? TOKEN : options.adminToken,
    instance: 'test',
    ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    ...(options.certificateLookMs === undefined ? {} : { certificateLookMs: options.certificateLookMs }),
    cwd: options.directory ?? temporary(t),
    tokenMade() {},
  })
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await app.stop({ drain: false })
  }
  t.teardown(stop)
  return {
    app,
    port: Number(new URL(app.addresses.proxy).port),
    admin: app.addresses.admin,
    health: app.addresses.health,
    sides: app.addresses.sides,
    lines,
    api: (method, path, body, headers) => call(app.addresses.admin, method, path, body, headers),
    stop,
  }
}

async function refuseToCheck(): Promise<never> {
  throw new Error('this test gave no `check`')
}

export async function call(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === '' ? null : JSON.parse(text) }
}

export function temporary(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface HttpBackend {
  readonly url: string
  readonly port: number
  /** Every request that arrived, in order. */
  readonly seen: IncomingMessage[]
}

/** A backend by node:http. */
export async function httpBackend(
  t: Test,
  handle: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<HttpBackend> {
  const seen: IncomingMessage[] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    seen.push(req)
    handle(req, res)
  })
  const port = await listening(server)
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${port}`, port, seen }
}

/** A backend that says its name. */
export function named(t: Test, name: string): Promise<HttpBackend> {
  return httpBackend(t, (req, res) => {
    req.resume()
    req.on('end', () => {
      res.setHeader('x-served-by', name)
      res.end(name)
    })
  })
}

export interface RawBackend {
  readonly url: string
  readonly port: number
  readonly sockets: Socket[]
}

/** A backend that speaks bytes. */
export async function rawBackend(t: Test, serve: (socket: Socket) => void): Promise<RawBackend> {
  const sockets: Socket[] = []
  const server = createNetServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  const port = await listening(server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${port}`, port, sockets }
}

function listening(server: Server): Promise<number> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** A client that speaks bytes, and collects what comes back as latin1 text. */
export interface RawClient {
  readonly socket: Socket
  text(): string
  send(bytes: string): void
  /** Resolves when what came so far passes the test, or the connection ended. */
  until(test: (text: string) => boolean): Promise<string>
  closed: Promise<string>
}

export function rawClient(t: Test, port: number): RawClient {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  const waiting = new Set<() => void>()
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
    for (const check of waiting) check()
  })
  socket.on('error', () => {})
  const closed = new Promise<string>(resolve => socket.on('close', () => resolve(text)))
  t.teardown(() => socket.destroy())
  return {
    socket,
    text: () => text,
    send: bytes => socket.write(bytes, 'latin1'),
    until(test) {
      return new Promise(resolve => {
        const check = () => {
          if (!test(text)) return
          waiting.delete(check)
          resolve(text)
        }
        waiting.add(check)
        closed.then(() => resolve(text))
        check()
      })
    },
    closed,
  }
}

/** Waits until something holds; for states that have no event of their own. Gives up after a generous while. */
export async function eventually(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const begun = performance.now()
  while (!(await test())) {
    const waited = performance.now() - begun
    if (waited > 10_000) throw new Error(`never happened: ${what}`)
    // Who asks without a pause takes the time of the one who is asked.
    await new Promise(resolve => setTimeout(resolve, Math.min(50, 5 + waited / 10)))
  }
}
