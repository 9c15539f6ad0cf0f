// A fleet as its users run it: processes on a real PostgreSQL, each on a way to it that can be cut or slowed, and known to each
// other as peers.
import { mkdirSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { steadyPorts } from '../../steady-ports.ts'
import { type PostgresServer, startPostgres } from '../../store/postgres-server.ts'
import { type ApiAnswer, eventually, type HttpBackend, named, temporary } from '../harness.ts'
import { type Running, startProcess } from '../process.ts'

export const FLEET_SECRET = 'a-secret-of-all-instances-4711'

/** Between one replica and the store. */
export interface Way {
  readonly port: number
  /** Nothing comes through, as through a firewall that drops: connections stand, new ones are not answered. */
  cut(): void
  heal(): void
  /** Each piece takes so much longer. */
  delayMs: number
  /** Somewhere else from now on; connections that stand are reset. */
  lead(port: number): void
}

export interface Replica {
  readonly name: string
  readonly way: Way
  readonly directory: string
  readonly config: Record<string, unknown>
  /** null: it does not run. */
  running: Running | null
  /** Of another version; absent: this checkout's. */
  bin?: string
}

export interface FleetKit {
  readonly postgres: PostgresServer
  /** In the fleet's database, as the superuser. */
  sql<R extends object = Record<string, unknown>>(text: string): Promise<readonly R[]>
  readonly sides: { readonly legacy: HttpBackend; readonly new: HttpBackend }
  readonly replicas: readonly Replica[]
  start(replica: Replica, config?: Record<string, unknown>): Promise<Running>
  /** One more, as a pod that is scheduled anew: another name, an empty disk. */
  add(bin?: string): Promise<Replica>
  /** What a call of a replica that runs answers. */
  api(replica: Replica, method: string, path: string, body?: unknown): Promise<ApiAnswer>
  /** Who serves these users at this replica now. */
  sides4(replica: Replica, users: readonly string[]): Promise<readonly (string | null)[]>
  /** Every replica knows all others, and runs what the store holds. */
  settled(): Promise<void>
}

export interface FleetWish {
  readonly replicas: number
  readonly workers?: number
  readonly peers?: boolean
  readonly route?: Record<string, unknown>
  /** Beside the routes. */
  readonly config?: Record<string, unknown>
  readonly postgres?: PostgresServer
}

const USERS = Array.from({ length: 12 }, (_, i) => `user-${i}`)

export { USERS }

export async function startFleet(t: Test, wish: FleetWish): Promise<FleetKit> {
  const postgres = wish.postgres ?? (await startPostgres(t))
  const database = await postgres.database()
  const sides = { legacy: await named(t, 'legacy'), new: await named(t, 'new') }
  const home = temporary(t)
  // One more than there are, for one that joins.
  const ports = await steadyPorts(wish.replicas + 1)
  const peers = ports.map(port => `http://127.0.0.1:${port}`)
  const replicas: Replica[] = []

  async function make(index: number): Promise<Replica> {
    const name = `replica-${index + 1}`
    const way = await openWay(t, postgres.port)
    const directory = join(home, name)
    mkdirSync(directory, { recursive: true })
    const config = {
      proxy: { listen: '127.0.0.1:0', workers: wish.workers ?? 1, drain: { grace: '300ms', deadline: '5s' } },
      store: `$\{STORE}`,
      ...(wish.peers === false
        ? {}
        : { fleet: { peers, secret: `$\{FLEET_SECRET}`, listen: `127.0.0.1:${ports[index]}` } }),
      split: { firstStart: 'declared' },
      log: { access: 'off' },
      ...wish.config,
      backends: { legacy: { url: sides.legacy.url }, new: { url: sides.new.url } },
      routes: [
        {
          id: 'orders',
          match: { path: '/*' },
          legacy: 'legacy',
          new: 'new',
          data: 'shared',
          weight: 50,
          sticky: ['header:x-user-id'],
          ...wish.route,
        },
      ],
    }
    return { name, way, directory, config, running: null }
  }

  async function start(replica: Replica, config = replica.config): Promise<Running> {
    replica.running = await startProcess(t, config, {
      cwd: replica.directory,
      ...(replica.bin === undefined ? {} : { bin: replica.bin }),
      env: {
        FLEET_SECRET,
        BANYAN_INSTANCE: replica.name,
        STORE: database.replace(`:${postgres.port}/`, `:${replica.way.port}/`),
      },
    })
    return replica.running
  }

  for (let i = 0; i < wish.replicas; i++) replicas.push(await make(i))
  await Promise.all(replicas.map(replica => start(replica)))

  const kit: FleetKit = {
    postgres,
    sql: text => postgres.sql(text, database),
    sides,
    replicas,
    start,
    async add(bin) {
      const replica = await make(replicas.length)
      if (bin !== undefined) replica.bin = bin
      await start(replica)
      replicas.push(replica)
      return replica
    },
    api: ({ name, running }, method, path, body) => {
      if (running === null) throw new Error(`${name} does not run`)
      return running.api(method, path, body)
    },
    sides4: ({ running }, users) =>
      Promise.all(
        users.map(async user => {
          const answer = await fetch(`${running?.proxy}/orders/1`, {
            headers: { 'x-user-id': user, connection: 'close' },
          })
          await answer.arrayBuffer()
          return answer.headers.get('x-served-by')
        }),
      ),
    async settled() {
      const live = replicas.filter(({ running }) => running !== null)
      await eventually(async () => {
        const statuses = await Promise.all(live.map(one => kit.api(one, 'GET', '/status').catch(() => null)))
        // One that was killed is silent: it counts for answers, and not here.
        const seen = statuses.map(status => status?.json.replicas?.filter((one: { silent: boolean }) => !one.silent))
        const revisions = new Set(seen.flatMap(all => all?.map((one: { revision: number }) => one.revision) ?? [-1]))
        return (
          revisions.size === 1 &&
          !revisions.has(-1) &&
          statuses.every(
            (status, i) =>
              seen[i]?.length === live.length && status?.json.store.healthy && status.json.store.unsaved === 0,
          )
        )
      }, 'all replicas agree')
    },
  }
  await kit.settled()
  return kit
}

async function openWay(t: Pick<Test, 'teardown'>, to: number): Promise<Way> {
  let target = to
  let isCut = false
  let delayMs = 0
  const pairs = new Set<readonly [Socket, Socket]>()
  const server: Server = createServer({ allowHalfOpen: false }, near => {
    const far = connect({ port: target, host: '127.0.0.1' })
    const pair = [near, far] as const
    pairs.add(pair)
    if (isCut) for (const one of pair) one.pause()
    const pass = (from: Socket, into: Socket) => {
      from.on('error', () => into.destroy())
      from.on('close', () => {
        pairs.delete(pair)
        into.destroy()
      })
      from.on('data', piece => {
        if (delayMs === 0) into.write(piece)
        else setTimeout(() => into.write(piece), delayMs)
      })
    }
    pass(near, far)
    pass(far, near)
  })
  const port = await new Promise<number>(resolve => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  t.teardown(() => {
    for (const pair of pairs) for (const one of pair) one.destroy()
    server.close()
  })
  return {
    port,
    get delayMs() {
      return delayMs
    },
    set delayMs(ms: number) {
      delayMs = ms
    },
    cut() {
      isCut = true
      for (const pair of pairs) for (const one of pair) one.pause()
    },
    heal() {
      isCut = false
      for (const pair of pairs) for (const one of pair) one.resume()
    },
    lead(next) {
      target = next
      for (const pair of pairs) for (const one of pair) one.destroy()
    },
  }
}
