// The data plane has no way to the listeners by which it is operated, whatever its configuration says: over real sockets, with
// a backend whose name leads there. The rules of the configuration are gone around here; `test/config` has those.
import { hostname } from 'node:os'
import type { Test } from 'tap'
import t from 'tap'
import { configured, eventually, named, rawClient, startBanyan, TOKEN } from './harness.ts'
import { type Answered, ask } from './operator.ts'

/** What the operator trusts, and anybody may send. */
const TRUST = {
  trustHeader: { user: 'X-Forwarded-User', groups: 'X-Forwarded-Groups', from: ['127.0.0.1', '::1'] },
  groups: { sre: ['admin'] },
}
const MALLORY = { 'x-forwarded-user': 'mallory', 'x-forwarded-groups': 'sre' }
const FORMS = ['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', '0.0.0.0', hostname()]

/** A proxy whose backend leads to the port that `which` of its listeners was given. */
async function leadingTo(t: Test, which: 'admin' | 'sides', more: Record<string, unknown> = {}) {
  const legacy = await named(t, 'legacy')
  // Every interface: the name of a machine need not lead to loopback.
  const listen = '0.0.0.0:0'
  const configOf = (url: string) => ({
    admin: { listen, auth: TRUST },
    sides: { listen },
    backends: { legacy: { url: legacy.url }, new: { url } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 100 }],
    ...more,
  })
  let url = legacy.url
  const banyan = await startBanyan(t, configOf(url), { reread: async () => configured(configOf(url)) })
  return {
    banyan,
    legacy,
    async leadBy(host: string) {
      url = `http://${host}:${new URL((which === 'admin' ? banyan.admin : banyan.sides) as string).port}`
      await banyan.app.reload('test')
    },
    get: (path: string, headers: Record<string, string> = MALLORY): Promise<Answered> =>
      ask(`http://127.0.0.1:${banyan.port}`, 'GET', path, { token: null, headers: { host: '127.0.0.1', ...headers } }),
  }
}

for (const [who, proxy] of [
  ['one process', {}],
  ['two workers', { workers: 2 }],
] as const) {
  t.test(`${who}: no form of the address makes a client an operator`, async t => {
    const { banyan, leadBy, get } = await leadingTo(t, 'admin', { proxy })
    t.equal((await get('/')).status, 200, 'as long as it leads elsewhere')
    for (const host of FORMS) {
      await leadBy(host)
      for (const headers of [MALLORY, { authorization: `Bearer ${TOKEN}` }]) {
        t.match(await get('/api/v1/status', headers), { status: 502, json: { code: 'backend_connect' } }, host)
      }
    }
    t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200, 'operators call it directly')
  })
}

t.test('it is said once a minute, with the listener and where it is', async t => {
  const { banyan, leadBy, get } = await leadingTo(t, 'admin', { proxy: { workers: 1 } })
  await leadBy('[::ffff:127.0.0.1]')
  await get('/api/v1/status')
  await get('/api/v1/status')
  const said = banyan.lines.filter(line => line.includes('our own listener'))
  t.equal(said.length, 1)
  t.match(said[0], new RegExp(`^error .*admin\\.listen.*127\\.0\\.0\\.1:${new URL(banyan.admin).port}`))
})

t.test('no tunnel leads there, and no way to the side doors', async t => {
  const { banyan, leadBy } = await leadingTo(t, 'sides')
  await leadBy('localhost')
  const client = rawClient(t, banyan.port)
  const head = ['GET /all/new/ HTTP/1.1', 'Host: 127.0.0.1', `X-Banyan-Token: ${TOKEN}`]
  client.socket.write(`${[...head, 'Connection: Upgrade', 'Upgrade: websocket'].join('\r\n')}\r\n\r\n`)
  await eventually(() => client.text().includes('\r\n'), 'it is answered')
  t.match(client.text(), /^HTTP\/1\.1 502 /)
})

t.test('nor does a side door lead there', async t => {
  const { banyan, leadBy } = await leadingTo(t, 'admin')
  await leadBy('[::ffff:127.0.0.1]')
  const headers = { 'x-banyan-token': TOKEN, host: '127.0.0.1', ...MALLORY }
  const through = await ask(banyan.sides as string, 'GET', '/all/new/api/v1/status', { token: null, headers })
  t.match(through, { status: 502, json: { code: 'backend_failed', detail: /BANYAN_OWN_LISTENER/ } })
})
