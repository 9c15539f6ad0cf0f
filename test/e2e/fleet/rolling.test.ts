// Replicas that are restarted in turn under load, with another configuration, or scheduled anew: no request fails, users stay
// where they are, and who has which file is shown.
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { configText, metrics } from '../process.ts'
import { type Replica, startFleet, USERS } from './fleet.ts'
import { restart, startLoad } from './load.ts'

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
