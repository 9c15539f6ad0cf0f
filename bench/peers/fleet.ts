// A fleet: replicas of Banyan on a real PostgreSQL, known to each other as peers, all on this machine and none pinned.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Child, Children } from '../kit/children.ts'
import { childrenOf } from '../kit/cpu.ts'
import { freePort, listening } from '../kit/ports.ts'
import type { OriginPorts } from './origin.ts'

export interface Replica {
  readonly name: string
  readonly port: number
  /** Fails unless the answer is 200. */
  api(method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>>
  workerPids(): readonly number[]
}

export interface FleetOptions {
  readonly replicas: number
  readonly workers: number
  /** Of PostgreSQL. */
  readonly store: string
}

interface Status {
  readonly store: { readonly healthy: boolean; readonly unsaved: number }
  readonly replicas: readonly { readonly revision: number }[]
}

const START_MS = 60_000
const SETTLED_MS = 30_000

export async function startFleet(
  children: Children,
  directory: string,
  origin: OriginPorts,
  options: FleetOptions,
): Promise<readonly Replica[]> {
  const token = randomBytes(24).toString('hex')
  const secret = randomBytes(24).toString('hex')
  const peerPorts: number[] = []
  while (peerPorts.length < options.replicas) peerPorts.push(await freePort())
  const replicas: Replica[] = []
  for (const [i, peerPort] of peerPorts.entries()) {
    const name = `replica-${i + 1}`
    const place = join(directory, name)
    mkdirSync(place)
    const [port, adminPort, healthPort] = [await freePort(), await freePort(), await freePort()]
    const config = {
      proxy: { listen: `127.0.0.1:${port}`, workers: options.workers, drain: { grace: '0s', deadline: '2s' } },
      admin: { listen: `127.0.0.1:${adminPort}` },
      health: { listen: `127.0.0.1:${healthPort}` },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it has a password, so it comes from the environment
      store: '${STORE}',
      fleet: {
        peers: peerPorts.map(one => `http://127.0.0.1:${one}`),
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration reads it so
        secret: '${FLEET_SECRET}',
        listen: `127.0.0.1:${peerPort}`,
      },
      split: { firstStart: 'declared' },
      log: { access: 'off' },
      backends: {
        mono: { url: `http://127.0.0.1:${origin.legacy}` },
        next: { url: `http://127.0.0.1:${origin.new}` },
      },
      defaults: { weight: 50, sticky: ['header:x-user-id'], data: 'shared' },
      routes: [{ id: 'orders', match: { path: '/orders/*' }, legacy: 'mono', new: 'next' }],
    }
    const file = join(place, 'routes.yaml')
    writeFileSync(file, JSON.stringify(config))
    const banyan = fileURLToPath(new URL('../../bin/banyan.js', import.meta.url))
    const child = children.start(name, [process.execPath, banyan, 'start', '-c', file], {
      core: null,
      cwd: place,
      env: {
        BANYAN_ADMIN_TOKEN: token,
        FLEET_SECRET: secret,
        STORE: options.store,
        BANYAN_INSTANCE: name,
        NODE_ENV: 'production',
      },
      stdout: join(place, 'out.log'),
    })
    await listening(child, port, START_MS)
    replicas.push(replicaOf(child, port, adminPort, token))
  }
  await settled(replicas)
  return replicas
}

/** Until every replica knows all others, all run the same, and the store has it. */
export async function settled(replicas: readonly Replica[]): Promise<void> {
  const deadline = performance.now() + SETTLED_MS
  for (;;) {
    const all = (await Promise.all(replicas.map(one => one.api('GET', '/status')))) as unknown as readonly Status[]
    const revisions = new Set(all.flatMap(one => one.replicas.map(({ revision }) => revision)))
    const isWhole = (one: Status) =>
      one.replicas.length === replicas.length && one.store.healthy && one.store.unsaved === 0
    if (revisions.size === 1 && all.every(isWhole)) return
    if (performance.now() > deadline) throw new Error(`the replicas do not agree: ${JSON.stringify(all)}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function replicaOf(child: Child, port: number, adminPort: number, token: string): Replica {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 })
  return {
    name: child.name,
    port,
    workerPids: () => childrenOf(child.pid),
    async api(method, path, body) {
      child.mustRun()
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const asked = request({ host: '127.0.0.1', port: adminPort, agent, method, path: `/api/v1${path}`, headers })
      asked.end(body === undefined ? undefined : JSON.stringify(body))
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      const text = Buffer.concat(await answer.toArray()).toString()
      if (answer.statusCode !== 200) throw new Error(`${path} was answered ${answer.statusCode}: ${text}`)
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}
