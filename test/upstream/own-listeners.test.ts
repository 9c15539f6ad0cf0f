// Connections that lead to a listener of ours: which do, and that no way to a backend goes past the question.
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { createConnect } from '../../src/upstream/connect.ts'
import { type Ends, refuseOwn } from '../../src/upstream/own-listeners.ts'
import { createSideDispatcher } from '../../src/upstream/side-door.ts'
import { backendWith, enter, handClock, isPlace, listen, servicesFor, take, until } from './kit.ts'

const CODE = 'BANYAN_OWN_LISTENER'

function refusing(host: string, port: number, log: (...said: unknown[]) => void = () => {}, clock = handClock()) {
  return refuseOwn({ own: () => [{ key: 'admin.listen', host, port }], clock, log })
}

t.test('which connections end at a listener of ours', async t => {
  const led = (listener: string, remoteAddress: string, localAddress = '10.0.0.9', remotePort = 9900) =>
    refusing(listener, 9900)({ remoteAddress, localAddress, remotePort }) !== null
  t.equal(led('127.0.0.1', '127.0.0.1'), true)
  t.equal(led('127.0.0.1', '::ffff:127.0.0.1'), true)
  t.equal(led('::ffff:127.0.0.1', '127.0.0.1'), true)
  t.equal(led('fe80::1', 'fe80::1%eth0'), true)
  t.equal(led('127.0.0.1', '127.0.0.1', '127.0.0.1', 9901), false, 'another port')
  t.equal(led('127.0.0.1', '10.0.0.5'), false, 'another service may have the port at another address')
  for (const everywhere of ['0.0.0.0', '::']) {
    t.equal(led(everywhere, '127.0.0.2'), true)
    t.equal(led(everywhere, '::1', '::1'), true)
    t.equal(led(everywhere, '198.51.100.7', '198.51.100.7'), true, 'it asks itself')
    t.equal(led(everywhere, '::ffff:198.51.100.7', '198.51.100.7'), true)
    t.equal(led(everywhere, '198.51.100.7'), false, 'another machine')
    for (const { address } of Object.values(networkInterfaces()).flatMap(list => list ?? []))
      t.equal(led(everywhere, address), true, `an address of ours: ${address}`)
  }
  t.equal(refusing('0.0.0.0', 9900)({} as Ends), null, 'one that is closed already')
})

t.test('listeners become known later, and it is said once a minute', async t => {
  const said: unknown[] = []
  const clock = handClock()
  const own: { key: string; host: string; port: number }[] = []
  const refuse = refuseOwn({ own: () => own, clock, log: (...line) => said.push(line) })
  const ends: Ends = { remoteAddress: '127.0.0.1', remotePort: 9900, localAddress: '127.0.0.1' }
  t.equal(refuse(ends), null)
  own.push({ key: 'admin.listen', host: '0.0.0.0', port: 9900 })
  for (const afterMs of [0, 59_999, 1]) {
    clock.turn(afterMs)
    t.match(refuse(ends), { code: CODE })
  }
  const line = ['error', /our own listener \(admin\.listen\)/, { address: '127.0.0.1:9900' }]
  t.match(said, [line, line])
  t.equal(said.length, 2)
})

t.test('no role, no probe and no side door gets a byte through; TLS ends before its handshake', async t => {
  let bytes = 0
  let opened = 0
  const { port } = await listen(t, socket => {
    opened++
    socket.on('data', chunk => {
      bytes += chunk.length
    })
  })
  const connect = createConnect(refusing('127.0.0.1', port))
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', 'leads.here']) {
    const services = servicesFor(t, { connect, lookup: async () => ['127.0.0.1'] })
    const backend = backendWith({ origins: [`http://${host}:${port}`] })
    for (const role of ['primary', 'shadow', 'relay'] as const) {
      const entered = await enter(services.of(backend, role))
      if (isPlace(entered)) await t.rejects(take(entered.pool), { code: CODE }, `${role} by ${host}`)
      else t.fail(entered.detail)
    }
    services.destroy()
  }
  const health = { path: '/ping', intervalMs: 5, timeoutMs: 1_000, healthyAfter: 1, unhealthyAfter: 1 }
  const probed = servicesFor(t, { connect })
  probed.of(backendWith({ origins: [`http://127.0.0.1:${port}`], health }), 'primary')
  await until(() => probed.states()[0]?.why === 'probes')

  // Each of a name's addresses is tried before it is used.
  const several = servicesFor(t, { connect, lookup: async () => ['127.0.0.1', '::1'] })
  const found = await enter(several.of(backendWith({ origins: [`http://leads.here:${port}`] }), 'primary'))
  t.equal(
    several.states().some(({ healthy }) => healthy),
    false,
  )
  if (isPlace(found)) await t.rejects(take(found.pool))

  const dispatcher = createSideDispatcher(
    () => backendWith({ origins: [`http://127.0.0.1:${port}`] }),
    refusing('127.0.0.1', port),
  )
  t.teardown(() => dispatcher.destroy())
  const error = await new Promise(resolve => dispatcher.request({ path: '/', method: 'GET' }, resolve))
  t.match(error, { code: CODE }, 'side doors')
  t.ok(opened >= 10, 'the system did open them')
  t.equal(bytes, 0)

  const secure = servicesFor(t, { connect })
  const entered = await enter(secure.of(backendWith({ origins: [`https://127.0.0.1:${port}`] }), 'primary'))
  if (isPlace(entered)) await t.rejects(take(entered.pool), { code: CODE }, 'before any handshake is awaited')
})
