// People behind an SSO proxy, over real connections: who is believed, what they may, and what their browser must show.
import t from 'tap'
import { TOKEN } from './harness.ts'
import { ask, hold, operatorOf, startHouse } from './operator.ts'

const PROXY = '127.0.0.9'

/** Clients are told apart by their own address in 127.0.0.0/8. */
async function start(t: Parameters<typeof startHouse>[0], trust: Record<string, unknown> = {}) {
  const auth = {
    trustHeader: { user: 'X-Forwarded-User', groups: 'X-Forwarded-Groups', from: [PROXY], ...trust },
    groups: { sre: ['admin'], devs: ['read'], oncall: { scopes: ['rollback'], routes: ['orders'] } },
  }
  const house = await startHouse(t, { admin: { listen: '127.0.0.1:0', hosts: ['ops.example.com'], auth } })
  const { banyan } = house
  const own = { origin: banyan.admin, 'x-banyan-csrf': '1' }
  async function as(
    user: string,
    groups: string,
    method: string,
    path: string,
    more: Record<string, string> = own,
    from = PROXY,
  ) {
    const headers = { 'x-forwarded-user': user, 'x-forwarded-groups': groups, ...more }
    const body = method === 'GET' ? undefined : {}
    const answer = await ask(banyan.admin, method, `/api/v1${path}`, { token: null, headers, from, body })
    hold(t, method, path, answer)
    return answer
  }
  return { ...house, as, own }
}

t.test('who is logged in at the proxy may what the groups may, and is the actor', async t => {
  const { api, as } = await start(t)
  t.equal((await as('ann', 'devs', 'GET', '/status')).status, 200)
  t.match(await as('ann', 'devs', 'POST', '/rollback'), {
    status: 403,
    json: { code: 'forbidden', hint: 'sso:ann has read' },
  })
  t.equal((await as('bob', 'oncall', 'POST', '/routes/orders/rollback')).status, 200)
  t.equal((await as('bob', 'oncall', 'POST', '/routes/cart/rollback')).status, 403)
  t.equal((await as('bob', 'oncall', 'POST', '/rollback')).status, 403)
  t.same(
    (await as('bob', 'oncall', 'GET', '/routes')).json.routes.map((one: { id: string }) => one.id),
    ['orders'],
  )
  t.match(await as('zoe', 'guests', 'GET', '/status'), { status: 403, json: { hint: /grants nothing/ } })
  t.equal((await as('cid', 'sre', 'POST', '/routes/orders/restore')).status, 200)
  const { entries } = (await api('GET', '/audit?limit=2')).json
  t.match(entries[0], { action: 'restore', actor: { name: 'sso:cid', tokenId: null, address: PROXY } })
  t.match(entries[1], { action: 'rollback', actor: { name: 'sso:bob', tokenId: null } })
  t.equal((await api('POST', '/tokens', { name: 'sso:cid', scopes: ['read'] })).status, 400, 'no token has such a name')
})

t.test('from anywhere else the header is ignored, and a warning counts it', async t => {
  const { banyan, api, as, own } = await start(t)
  const spoofed = { ...own, 'x-forwarded-for': PROXY, 'x-real-ip': PROXY, forwarded: `for=${PROXY}` }
  for (let i = 0; i < 3; i++) {
    t.match(await as('ann', 'sre', 'POST', '/rollback', spoofed, '127.0.0.1'), {
      status: 401,
      json: { code: 'unauthorized' },
    })
  }
  t.same(banyan.app.control.state().rollbacks, [])
  const { warnings } = (await api('GET', '/status')).json
  t.match(
    warnings.find(({ code }: { code: string }) => code === 'login_header_ignored'),
    { message: /came 3 times from 127\.0\.0\.1/ },
  )
})

t.test('what the proxy must not pass on is refused like any wrong login', async t => {
  const { banyan, api } = await start(t)
  const plain = await ask(banyan.admin, 'GET', '/api/v1/status', { token: null, from: PROXY })
  const twice = await ask(banyan.admin, 'GET', '/api/v1/status', {
    token: null,
    from: PROXY,
    headers: { 'x-forwarded-user': ['mallory', 'ann'], 'x-forwarded-groups': 'sre' },
  })
  t.same([twice.status, twice.text], [401, plain.text], 'not a byte differs')
  const { warnings } = (await api('GET', '/status')).json
  t.match(
    warnings.find(({ code }: { code: string }) => code === 'login_header_refused'),
    { message: /more than one x-forwarded-user/ },
  )
})

t.test('a token works there too, and wins, also when it is wrong; the proxy’s own Basic is none', async t => {
  const { banyan, api, as, own } = await start(t)
  const both = await as('ann', 'devs', 'POST', '/routes/orders/freeze', { authorization: `Bearer ${TOKEN}` })
  t.equal(both.status, 200, 'what is done by a token needs no page')
  t.match((await api('GET', '/audit?limit=1')).json.entries, [{ actor: { name: 'environment', tokenId: 'env' } }])
  t.equal((await as('ann', 'sre', 'GET', '/status', { ...own, authorization: 'Bearer bny_wrong' })).status, 401)
  t.equal((await as('ann', 'sre', 'GET', '/status', { ...own, authorization: 'Bearer ' })).status, 401)
  const basic = `Basic ${Buffer.from('ann:').toString('base64')}`
  t.equal((await as('ann', 'sre', 'GET', '/status', { ...own, authorization: basic })).status, 200)
  t.equal((await operatorOf(t, banyan)('GET', '/status')).status, 200)
  const twice = await as('ann', 'sre', 'GET', '/status', {
    ...own,
    authorization: [basic, 'Bearer bny_wrong'] as never,
  })
  t.match(twice, { status: 400, json: { code: 'invalid', detail: 'more than one Authorization' } })
})

t.test('CSRF: a change needs our header and an Origin of its own; reading does not', async t => {
  const { banyan, as, own } = await start(t)
  const at = { host: 'ops.example.com', origin: 'https://ops.example.com' }
  const refused: Record<string, string>[] = [
    {},
    { origin: own.origin },
    { 'x-banyan-csrf': '1' },
    { ...own, 'x-banyan-csrf': '' },
    { ...own, 'sec-fetch-site': 'same-site' },
    { ...own, 'sec-fetch-site': 'none' },
    { ...own, origin: 'null' },
    { ...own, origin: 'https://evil.example' },
    { ...at, 'x-banyan-csrf': '1', 'sec-fetch-site': 'cross-site' },
    { ...at, origin: 'https://shop.example.com', 'x-banyan-csrf': '1', 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of refused) {
    const { status, json } = await as('ann', 'sre', 'POST', '/rollback', headers)
    t.ok(status === 403 && /^(csrf|forbidden_origin)$/.test(json.code), `${json.code}: ${JSON.stringify(headers)}`)
    t.equal((await as('ann', 'sre', 'DELETE', '/routes/orders/weight', headers)).status, 403)
  }
  const form = { ...own, 'content-type': 'text/plain' }
  t.equal((await as('ann', 'sre', 'POST', '/rollback', form)).status, 415, 'and what a form can send is no JSON')
  t.same(banyan.app.control.state().rollbacks, [])
  t.equal((await as('ann', 'sre', 'GET', '/status', {})).status, 200)
  t.equal((await as('ann', 'sre', 'POST', '/rollback', { ...own, 'sec-fetch-site': 'same-origin' })).status, 200)
  t.equal((await as('ann', 'sre', 'POST', '/restore', { ...at, 'x-banyan-csrf': '1' })).status, 200)
})

t.test('a secret of the proxy, and side doors that know tokens only', async t => {
  const { as, own } = await start(t, { secret: 'swordfish' })
  t.equal((await as('ann', 'sre', 'GET', '/status')).status, 401)
  const proven = { ...own, 'x-banyan-proxy-secret': 'swordfish' }
  const shown = await as('ann', 'sre', 'GET', '/config', proven)
  t.equal(shown.json.config.admin.auth.trustHeader.secret, '***')
  t.notOk(shown.text.includes('swordfish'))
})
