// Runs a page as it stands, block by block and in its order, in one directory, against the demo's two services and a real Banyan.
//
// `sh` is run by bash and must succeed; `sh start` is one `banyan start` that goes on, in place of the one before it; `yaml NAME` is
// written to that file. What a block marked as not run would have done, the test does by itself (`instead`).
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { type NewService, startNew } from '../../examples/orders/new.ts'
import { temporary } from '../e2e/harness.ts'
import { blocksOf, ROOT } from './blocks.ts'

export interface Services {
  /** Another version of the new service at the same address, with the same data. */
  deployNew(options: { readonly mended: boolean }): Promise<void>
  /** Of all rows of all tables of both. */
  data(): readonly string[]
}

export interface WalkOptions {
  /** Blocks that are marked as not run, by how their command begins, and what is done instead. */
  readonly instead?: Readonly<Record<string, (services: Services) => Promise<void>>>
  /** Variables that the page's first block sets by hand. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Walked {
  /** Blocks that were run, started or written. */
  readonly ran: number
  /** What the `sh` blocks printed. */
  readonly said: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

const BANYAN = join(ROOT, 'bin/banyan.js')
/** For a page whose `until …` never comes: it shall say which. */
const LONGEST_BLOCK_MS = 150_000

export async function walk(t: Test, page: string, { instead = {}, env: more = {} }: WalkOptions = {}): Promise<Walked> {
  const directory = temporary(t)
  const { services, legacy, fresh } = await startServices(t)
  const before = services.data()
  // The page's own ports may be taken here; where operators listen it leaves to the defaults.
  const [proxy, sides, admin, health] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const listeners = `admin: { listen: 127.0.0.1:${admin} }\nhealth: { listen: 127.0.0.1:${health} }\n`
  writeFileSync(join(directory, 'listeners.yaml'), listeners)
  const here = (text: string) =>
    text
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${proxy}`)
      .replaceAll('127.0.0.1:8090', `127.0.0.1:${sides}`)
      .replaceAll('127.0.0.1:9900', `127.0.0.1:${admin}`)
      .replaceAll('127.0.0.1:9901', `127.0.0.1:${health}`)
      .replaceAll('banyan start --legacy', 'banyan start -c listeners.yaml --legacy')
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    LEGACY: legacy,
    NEW: fresh,
    PROXY: `http://127.0.0.1:${proxy}`,
    BANYAN_ADMIN: `http://127.0.0.1:${admin}`,
    HEALTH: `http://127.0.0.1:${health}`,
    ...more,
  }
  const running = runner(directory, env)
  t.teardown(running.stop)

  let ran = 0
  let said = ''
  for (const { kind, text, notRun, line } of blocksOf(page)) {
    const begins = `${page}:${line} ${text.trim().slice(0, 60)}`
    if (notRun !== null) {
      const [, act] = Object.entries(instead).find(([start]) => text.split('\n')[1]?.startsWith(start)) ?? []
      await act?.(services)
      continue
    }
    if (kind === 'sh start') await running.start(here(text).replaceAll('"$LEGACY"', legacy))
    else if (kind === 'sh') {
      const { code, out } = await running.run(here(text))
      t.equal(code, 0, begins)
      said += out
      if (code === 0) ran++
      else {
        // What follows needs what this one did.
        t.comment(out)
        break
      }
      continue
    } else if (kind.startsWith('yaml ')) {
      writeFileSync(join(directory, kind.slice('yaml '.length)), here(text) + listeners)
    } else continue
    ran++
  }
  await running.stop()
  return { ran, said, before, after: services.data() }
}

async function startServices(t: Test): Promise<{ services: Services; legacy: string; fresh: string }> {
  const directory = temporary(t)
  const legacy = await startLegacy({ port: 0, directory, slow: { percent: 0, ms: 0 } })
  t.teardown(() => legacy.close())
  let fresh: NewService = await startNew({ port: 0, directory })
  t.teardown(() => fresh.close())
  const { port, url } = fresh
  const services: Services = {
    async deployNew({ mended }) {
      await fresh.close()
      fresh = await startNew({ port, directory, mended })
    },
    data: () => ['legacy.db', 'new.db'].map(name => dataOf(join(directory, name))),
  }
  return { services, legacy: legacy.url, fresh: url }
}

interface Runner {
  start(script: string): Promise<void>
  run(script: string): Promise<{ readonly code: number | null; readonly out: string }>
  stop(): Promise<void>
}

function runner(directory: string, env: NodeJS.ProcessEnv): Runner {
  const banyan = `banyan() { "${process.execPath}" "${BANYAN}" "$@"; }\nset -euo pipefail\n`
  let running: ChildProcess | null = null

  async function stop(): Promise<void> {
    const child = running
    if (child === null) return
    running = null
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  return {
    stop,
    async start(script) {
      await stop()
      const args = script
        .trim()
        .replace(/^banyan /, '')
        .split(' ')
      const child = spawn(process.execPath, [BANYAN, ...args], { cwd: directory, env })
      running = child
      await new Promise<void>((resolve, reject) => {
        let heard = ''
        const hear = (piece: Buffer) => {
          heard += piece
          if (heard.includes('listening on')) resolve()
        }
        child.stdout.on('data', hear)
        child.stderr.on('data', hear)
        child.once('exit', code => reject(new Error(`banyan start ended with ${code}: ${heard}`)))
      })
    },
    run: script =>
      new Promise(resolve => {
        const child = spawn('bash', ['-c', banyan + script], { cwd: directory, env, detached: true })
        let out = ''
        const hear = (piece: Buffer) => {
          out += piece
        }
        child.stdout.on('data', hear)
        child.stderr.on('data', hear)
        const limit = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), LONGEST_BLOCK_MS)
        child.once('close', code => {
          clearTimeout(limit)
          resolve({ code, out })
        })
      }),
  }
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function dataOf(file: string): string {
  const db = new DatabaseSync(file, { readOnly: true })
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  const rows = tables.map(({ name }) => [name, db.prepare(`SELECT * FROM "${name}"`).all()])
  db.close()
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex')
}
