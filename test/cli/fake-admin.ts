// A scripted admin API on loopback, and a command line whose streams are kept as text.
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { type CliInput, type CliIo, type CliParts, runCli } from '../../src/cli/main.ts'
import { differences } from '../../src/config/diff.ts'
import { writeYaml } from '../../src/config/write-yaml.ts'

export interface Seen {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

const NOT_IN_SCRIPT = { type: 'urn:banyan:unknown_path', title: 'not found', status: 404, detail: 'not in the script' }

/** A JSON value to answer with 200, or a function that answers by itself. */
export type Scripted = object | ((response: ServerResponse, seen: Seen) => void)

export interface FakeAdmin {
  readonly url: string
  readonly seen: readonly Seen[]
  /** The next request that comes in. */
  next(): Promise<Seen>
  close(): Promise<void>
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly tty?: boolean
  readonly columns?: number
  readonly rows?: number
  readonly stdin?: string | ReadableStream<string>
  readonly cwd?: string
  readonly parts?: Partial<CliParts>
  readonly signal?: AbortSignal
  readonly interrupts?: () => AbortSignal
  readonly atEnd?: (run: () => void) => void
  /** Called with every write, before it is kept. */
  readonly onWrite?: (text: string) => void
}

/** Keys are `METHOD /path`, the path below `/api/v1` and without its query. What is not in the script answers 404. */
export async function fakeAdmin(script: Readonly<Record<string, Scripted>>): Promise<FakeAdmin> {
  const seen: Seen[] = []
  const waiting: ((seen: Seen) => void)[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const path = (request.url ?? '').replace(/^\/api\/v1/, '')
    const one: Seen = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    seen.push(one)
    waiting.shift()?.(one)
    const answer = script[`${one.method} ${path.split('?')[0]}`]
    if (answer === undefined) reply(response, 404, NOT_IN_SCRIPT)
    else if (typeof answer === 'function') answer(response, one)
    else reply(response, 200, answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    next: () => new Promise(resolve => waiting.push(resolve)),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A directory with these files, gone after the test. */
export async function directory(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'banyan-cli-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  return root
}

export function reply(response: ServerResponse, status: number, body: unknown): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
}

/** `admin` null: no BANYAN_ADMIN in the environment. */
export async function run(
  admin: { readonly url: string } | null,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const tty = { isTTY: options.tty ?? false, columns: options.columns, rows: options.rows }
  const write = (keep: (text: string) => void) => (text: string) => {
    options.onWrite?.(text)
    keep(text)
  }
  const given = typeof options.stdin === 'string' ? [options.stdin] : (options.stdin ?? [])
  const stdin: CliInput = Object.assign(Readable.from(given), { isTTY: options.tty ?? false })
  const io: CliIo = {
    stdout: {
      ...tty,
      write: write(text => {
        out += text
      }),
    },
    stderr: {
      ...tty,
      write: write(text => {
        err += text
      }),
    },
    stdin,
    // A working directory without a token file.
    cwd: options.cwd ?? import.meta.dirname,
    env: {
      ...(admin === null ? {} : { BANYAN_ADMIN: admin.url, BANYAN_TOKEN: 'bny_test' }),
      ...options.env,
    },
    parts: {
      version: '0.1.0',
      start: async () => 0,
      demo: async () => 0,
      check: async () => ({ ok: true, lines: '', mistakes: [] }),
      schema: () => ({}),
      differences,
      yaml: writeYaml,
      unsavedRollbacks: async () => 0,
      ...options.parts,
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.interrupts === undefined ? {} : { interrupts: options.interrupts }),
    ...(options.atEnd === undefined ? {} : { atEnd: options.atEnd }),
  }
  const code = await runCli(argv, io)
  return { code, out, err }
}
