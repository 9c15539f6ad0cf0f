// A replica whose primary hangs: its workers go on serving by what they know, so whoever rolls back elsewhere is told that it
// is not in force there, however long that lasts; and it is, as soon as it wakes up.
import t from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { startFleet, USERS } from './fleet.ts'

t.test('a primary that hangs', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 2, workers: 2, route: { weight: 100 } })
  const [a, b] = kit.replicas as [never, never]
  const hung = kit.replicas[1]?.running
  const status = async () => (await kit.api(a, 'GET', '/status')).json
  const silent = async () =>
    (await status()).warnings.filter(({ code }: { readonly code: string }) => code === 'replica_silent')
  hung?.signal('SIGSTOP')
  t.teardown(() => hung?.signal('SIGCONT'))
  await eventually(async () => (await status()).replicas[1].silent, 'it is silent')
  t.match(await silent(), [{ message: /^replica-2 has not been seen/ }])
  t.same(new Set(await kit.sides4(b, USERS)), new Set(['new']), 'its workers serve')

  const { json } = await kit.api(a, 'POST', '/routes/orders/rollback', { reason: 'test' })
  t.equal(json.durable, true)
  t.same(json.pending, [
    { instance: 'replica-2', worker: 1 },
    { instance: 'replica-2', worker: 2 },
  ])
  t.same(new Set(await kit.sides4(a, USERS)), new Set(['legacy']))

  hung?.signal('SIGCONT')
  await eventually(async () => !(await kit.sides4(b, USERS)).includes('new'), 'in force there, too')
  await kit.settled()
  t.same(await silent(), [])
  t.same((await kit.api(a, 'POST', '/routes/orders/restore', {})).json.pending, [])
})
