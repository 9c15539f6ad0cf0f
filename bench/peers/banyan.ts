// Banyan itself, started as its users start it: `banyan start -c routes.yaml`, in a directory of its own.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { type Child, type Children, PROXY_CORE } from '../kit/children.ts'
import { freePort, listening } from '../kit/ports.ts'
import type { OriginPorts } from './origin.ts'

export interface Banyan {
  readonly child: Child
  readonly port: number
  readonly adminPort: number
  readonly healthPort: number
  readonly token: string
  /** From the start of the process until it took connections. */
  readonly startMs: number
}

/** What differs between the questions. */
export interface BanyanOptions {
  /** Of its directory, and of the process in messages. */
  readonly name: string
  readonly access: 'on' | 'off'
  readonly store: string
  /** Path pattern of each route; every route has both sides, weight 50 and a sticky header. */
  readonly paths: readonly string[]
  /** Directory for a CPU profile, written when it ends; null: none. */
  readonly profile: string | null
  /** To each backend, at most; absent: what Banyan has by default. */
  readonly connections?: number
  /** More of what all routes have. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Absent: one. */
  readonly workers?: number
  /** For Node. */
  readonly flags?: readonly string[]
}

/** Thousands of routes take a while to check. */
const START_MS = 120_000

export async function startBanyan(
  children: Children,
  directory: string,
  origin: OriginPorts,
  options: BanyanOptions,
): Promise<Banyan> {
  const place = join(directory, options.name.replace(/[^a-z0-9]+/gi, '-'))
  mkdirSync(place)
  const [port, adminPort, healthPort] = [await freePort(), await freePort(), await freePort()]
  const token = randomBytes(24).toString('hex')
  const limit = options.connections === undefined ? {} : { connections: options.connections }
  // A fixed seed: the same users are on the new side in every run. The configuration takes it from the environment only.
  const config = {
    proxy: { listen: `127.0.0.1:${port}`, workers: options.workers ?? 1, drain: { grace: '0s', deadline: '2s' } },
    admin: { listen: `127.0.0.1:${adminPort}` },
    health: { listen: `127.0.0.1:${healthPort}` },
    store: options.store,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration reads it so
    split: { seed: '${BANYAN_SEED}', firstStart: 'declared' },
    log: { access: options.access },
    backends: {
      mono: { url: `http://127.0.0.1:${origin.legacy}`, ...limit },
      next: { url: `http://127.0.0.1:${origin.new}`, ...limit },
    },
    defaults: { weight: 50, sticky: ['header:x-user-id'], data: 'shared', ...options.defaults },
    routes: options.paths.map((path, i) => ({ id: `route-${i}`, match: { path }, legacy: 'mono', new: 'next' })),
  }
  const file = join(place, 'routes.yaml')
  writeFileSync(file, stringify(config, { version: '1.1' }))
  const banyan = fileURLToPath(new URL('../../bin/banyan.js', import.meta.url))
  const profiling = options.profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]
  const flags = [...profiling, ...(options.flags ?? [])]
  const startedAt = performance.now()
  const child = children.start(options.name, [process.execPath, ...flags, banyan, 'start', '-c', file], {
    core: PROXY_CORE,
    cwd: place,
    env: { BANYAN_ADMIN_TOKEN: token, BANYAN_SEED: 'bench', NODE_ENV: 'production' },
    stdout: join(place, 'out.log'),
  })
  await listening(child, port, START_MS)
  return { child, port, adminPort, healthPort, token, startMs: performance.now() - startedAt }
}
