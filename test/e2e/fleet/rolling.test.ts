// Replicas that are restarted in turn under load, with another configuration, or scheduled anew: no request fails, users stay
// where they are, and who has which file is shown.
import { renameSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { configText, metrics } from '../process.ts'
import { type FleetKit, type Replica, startFleet, USERS } from './fleet.ts'

interface Load {
  readonly failed: string[]
  served(): number
  stop(): Promise<void>
}

/** As a balancer does it: whoever is ready gets new requests, on connections that are kept. */
function startLoad(t: Test, kit: FleetKit): Load {
  const failed: string[] = []
  let going = true
  let served = 0
  let ready: readonly Replica[] = kit.replicas
  const agents = new Map<string, Agent>()
  const agentOf = ({ running }: Replica) => {
    const key = running?.proxy ?? ''
    const agent = agents.get(key) ?? new Agent({ keepAlive: true })
    agents.set(key, agent)
    return agent
  }
  const looking = (async () => {
    while (going) {
      const seen = await Promise.all(
        kit.replicas.map(async replica => {
          if (replica.running === null) return false
          const answer = await fetch(`${replica.running.health}/readyz`).catch(() => null)
          await answer?.arrayBuffer()
          return answer?.status === 200
        }),
      )
      ready = kit.replicas.filter((_, i) => seen[i])
      await new Promise(resolve => setTimeout(resolve, 30))
    }
  })()
  const clients = Array.from({ length: 6 }, async (_, i) => {
    for (let n = 0; going; n++) {
      const replica = ready[(i + n) % Math.max(1, ready.length)]
      if (replica?.running == null) {
        await new Promise(resolve => setTimeout(resolve, 5))
        continue
      }
      const outcome = await ask(`${replica.running.proxy}/orders/${n}`, agentOf(replica), `user-${n % 20}`)
      if (outcome === null) served++
      else failed.push(`${replica.name}: ${outcome}`)
      await new Promise(resolve => setTimeout(resolve, 3))
    }
  })
  const stop = async () => {
    going = false
    await Promise.all([looking, ...clients])
    for (const agent of agents.values()) agent.destroy()
  }
  t.teardown(stop)
  return { failed, served: () => served, stop }
}

/** null: 200. A kept connection that was closed before any byte came back is asked again, as every client does. */
function ask(url: string, agent: Agent, user: string, again = true): Promise<string | null> {
  return new Promise(resolve => {
    const asked = request(url, { agent, headers: { 'x-user-id': user } }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`))
      response.on('error', error => resolve(String(error)))
    })
    asked.on('error', error => {
      if (again && asked.reusedSocket) resolve(ask(url, agent, user, false))
      else resolve(String((error as { code?: string }).code ?? error))
    })
    asked.end()
  })
}

/** As its supervisor does it. */
async function restart(kit: FleetKit, replica: Replica): Promise<void> {
  const { running } = replica
  running?.signal('SIGTERM')
  const ended = await running?.ended
  if (ended?.end !== 0) throw new Error(`${replica.name} ended with ${ended?.end}`)
  await kit.start(replica)
}

t.test('restarted in turn under load: no request fails', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 2, workers: 2 })
  const [a, b] = kit.replicas as [Replica, Replica]
  const before = await kit.sides4(a, USERS)
  const load = startLoad(t, kit)
  await eventually(() => load.served() > 50, 'there is load')
  await restart(kit, a)
  await kit.settled()
  t.equal((await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 70 })).json.pending.length, 0)
  await restart(kit, b)
  await kit.settled()
  await load.stop()
  t.same(load.failed, [])
  t.ok(load.served() > 200, `${load.served()} requests`)
  const after = await kit.sides4(b, USERS)
  t.same(after, await kit.sides4(a, USERS))
  for (const [i, side] of before.entries())
    if (side === 'new') t.equal(after[i], 'new', 'a rising weight moves nobody back')
})

t.test('a configuration that arrives at one after the other', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 2, config: { watch: true } })
  const [a, b] = kit.replicas as [Replica, Replica]
  const codes = async (replica: Replica) =>
    (await kit.api(replica, 'GET', '/status')).json.warnings.map(({ code }: { code: string }) => code)
  const ready = async (replica: Replica) => (await (await fetch(`${replica.running?.health}/readyz`)).json()) as object
  t.notOk((await codes(a)).includes('config_differs'))
  // As Kubernetes swaps a ConfigMap: the name leads to another file at once.
  const swap = (replica: Replica) => {
    const [route] = replica.config.routes as [Record<string, unknown>]
    const next = configText({ ...replica.config, routes: [{ ...route, owner: 'team-next' }] })
    writeFileSync(join(replica.directory, 'next.yaml'), next)
    renameSync(join(replica.directory, 'next.yaml'), join(replica.directory, 'routes.yaml'))
  }
  swap(a)
  for (const one of [a, b]) {
    await eventually(async () => (await codes(one)).includes('config_differs'), `${one.name} shows it`)
  }
  t.match(await ready(b), { status: 'ready', warnings: [{ code: 'config_differs' }] })
  t.match(await metrics(b.running as never), /^banyan_config_differs 1$/m)
  t.equal((await kit.api(a, 'GET', '/routes/orders')).json.owner, 'team-next')
  t.not((await kit.api(b, 'GET', '/routes/orders')).json.owner, 'team-next', 'nothing is merged')
  swap(b)
  for (const one of [a, b]) {
    await eventually(async () => !(await codes(one)).includes('config_differs'), `${one.name} agrees again`)
  }
  t.notOk('warnings' in (await ready(a)))
})

t.test('a pod that is scheduled anew serves users where they were', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 1 })
  const [only] = kit.replicas as [Replica]
  await kit.api(only, 'PUT', '/routes/orders/weight', { percent: 30 })
  const before = await kit.sides4(only, USERS)
  await only.running?.kill()
  only.running = null
  const fresh = await kit.add()
  await kit.settled()
  t.same(await kit.sides4(fresh, USERS), before)
  t.equal((await kit.api(fresh, 'GET', '/routes/orders')).json.weight.effective, 30)
})
