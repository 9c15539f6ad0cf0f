// The health listener: three paths, no token, nothing else; and readiness that goes before the listener does.
import t from 'tap'
import { eventually, named, rawClient, startBanyan } from './harness.ts'
import { ask, houseOf, startHouse } from './operator.ts'

t.test('healthz, readyz and metrics without a token, and nothing else', async t => {
  const { banyan } = await startHouse(t)
  const get = (path: string, method = 'GET') => ask(banyan.health, method, path, { token: null })
  t.match(await get('/healthz'), { status: 200, json: { status: 'alive' } })
  t.match(await get('/readyz'), { status: 200, json: { status: 'ready', why: 'ready' } })
  const metrics = await get('/metrics')
  t.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(metrics.text, /^# HELP /)
  for (const path of ['/healthz?full=1', '/readyz?x', '/metrics?name[]=up'])
    t.equal((await get(path)).status, 200, path)
  t.same([(await get('/readyz', 'HEAD')).status, (await get('/readyz', 'HEAD')).text], [200, ''])
  const others = [
    '/',
    '/api/v1/status',
    '/api/v1/rollback',
    '/status',
    '/debug',
    '/metrics/x',
    '/orders/1',
    '/healthz/../api/v1/status',
  ]
  for (const path of others) t.equal((await get(path)).status, 404, path)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/v1/rollback']) {
      t.ok([404, 405].includes((await get(path, method)).status), `${method} ${path}`)
    }
  }
  t.equal((await ask(banyan.health, 'GET', '/api/v1/status')).status, 404, 'not even with a token')
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    t.equal((await ask(banyan.admin, 'GET', path)).status, 404, `${path} is not on the admin listener`)
    t.notMatch(
      (await ask(`http://127.0.0.1:${banyan.port}`, 'GET', path)).text,
      /alive|"ready"|# HELP/,
      `${path}, nor on the traffic’s`,
    )
  }
})

t.test('neither dead backends nor a rollback make it unready', async t => {
  const nobody = { url: 'http://127.0.0.1:1' }
  const banyan = await startBanyan(t, houseOf(nobody, nobody))
  t.equal((await fetch(`http://127.0.0.1:${banyan.port}/orders/1`)).status, 502)
  await banyan.api('POST', '/rollback', {})
  t.equal((await fetch(`${banyan.health}/readyz`)).status, 200)
})

t.test('draining: unready first, while the listener still takes requests', async t => {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), proxy: { drain: { grace: '1s', deadline: '1s' } } })
  const stopped = banyan.app.stop({ drain: true })
  const answer = await ask(banyan.health, 'GET', '/readyz', { token: null })
  t.match(answer, { status: 503, json: { status: 'not ready', why: 'draining' } })
  t.equal((await ask(banyan.health, 'GET', '/healthz', { token: null })).status, 200, 'but alive')
  const served = await fetch(`http://127.0.0.1:${banyan.port}/old/1`)
  t.same([served.status, served.headers.get('connection')], [200, 'close'])
  t.equal((await banyan.api('GET', '/status')).json.state, 'draining')
  t.equal((await banyan.api('POST', '/rollback', {})).status, 200, 'rollback works to the end')
  await stopped
  await eventually(
    () =>
      fetch(`${banyan.health}/healthz`).then(
        () => false,
        () => true,
      ),
    'all is closed',
  )
})

t.test('bytes that are no HTTP do not bring it down', async t => {
  const { banyan } = await startHouse(t)
  const client = rawClient(t, Number(new URL(banyan.health).port))
  client.send('\x00\x01\x02nonsense\r\n\r\n')
  t.match(await client.closed, /^HTTP\/1\.1 400 /)
  t.equal((await ask(banyan.health, 'GET', '/readyz', { token: null })).status, 200)
})
