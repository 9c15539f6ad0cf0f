// Tokens: what each scope may and may not, routes, expiry, revoking, the first token, and that no secret is kept anywhere.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Operation, operations } from '../../src/admin/api.ts'
import { type Banyan, named, startBanyan, TOKEN, temporary } from './harness.ts'
import { ask, houseOf, operatorOf, startHouse } from './operator.ts'

const SCOPES = ['read', 'bodies', 'operate', 'rollback', 'admin'] as const
/** What a scope includes, as the model says. */
const MAY: Readonly<Record<(typeof SCOPES)[number], readonly string[]>> = {
  read: ['read'],
  bodies: ['bodies', 'read'],
  rollback: ['rollback', 'read'],
  operate: ['operate', 'rollback', 'read'],
  admin: ['admin', 'operate', 'rollback', 'bodies', 'read'],
}

async function make(banyan: Banyan, name: string, more: Record<string, unknown>) {
  const { status, json } = await banyan.api('POST', '/tokens', { name, scopes: ['read'], ...more })
  if (status !== 200) throw new Error(JSON.stringify(json))
  return { id: json.token.id as string, secret: json.secret as string }
}

t.test('each scope may what it says, and nothing else', async t => {
  const { banyan } = await startHouse(t)
  for (const scope of SCOPES) {
    const { secret } = await make(banyan, scope, { scopes: [scope] })
    for (const [name, operation] of Object.entries<Operation>(operations)) {
      // A stream has no end to wait for; its scope is that of status.
      if (operation.scope === null || name === 'events') continue
      // What is not there is refused later than what is not allowed.
      const path = operation.path.replace(':id', name === 'revokeToken' ? 'tok-none' : 'nowhere')
      const body = operation.body === undefined ? undefined : { nonsense: true }
      const { status, json } = await ask(banyan.admin, operation.method, `/api/v1${path}`, { token: secret, body })
      const needed = [operation.scope, ...(operation.andScope === undefined ? [] : [operation.andScope])]
      const allowed = needed.every(one => MAY[scope].includes(one))
      const label = `${scope}: ${operation.method} ${path} → ${status}`
      if (allowed) t.not(status, 403, label)
      else
        t.same(
          [status, json.code, /scope/.test(json.detail), json.hint],
          [403, 'forbidden', true, `the token has ${scope}`],
          label,
        )
    }
  }
  t.same(banyan.app.control.state().rollbacks, [])
})

t.test('several scopes add up', async t => {
  const { banyan } = await startHouse(t)
  const api = operatorOf(t, banyan, (await make(banyan, 'both', { scopes: ['bodies', 'rollback'] })).secret)
  t.equal((await api('POST', '/routes/orders/rollback', {})).status, 200)
  t.equal((await api('POST', '/routes/orders/restore', {})).status, 403)
})

t.test('a token of some routes: lists are shorter, the rest is not there for it', async t => {
  const { banyan, api } = await startHouse(t)
  const only = operatorOf(
    t,
    banyan,
    (await make(banyan, 'only', { scopes: ['admin'], routes: ['orders', 'old'] })).secret,
  )
  const ids = (answer: { json: { routes: { id: string }[] } }) => answer.json.routes.map(route => route.id)
  t.same(ids(await only('GET', '/routes')), ['orders', 'old'])
  t.same(ids(await only('GET', '/status')), ['orders', 'old'])
  t.equal((await only('PUT', '/routes/orders/weight', { percent: 7 })).status, 200)
  t.equal((await only('POST', '/routes/orders/rollback', {})).status, 200)
  t.equal((await only('POST', '/explain', { url: '/orders/1' })).status, 200)
  const refused = [
    ['GET', '/routes/cart'],
    ['GET', '/routes/cart/history'],
    ['GET', '/burndown?route=cart'],
    ['GET', '/burndown?route=_default'],
    ['PUT', '/routes/cart/weight', { percent: 7 }],
    ['POST', '/routes/cart/rollback', {}],
    ['POST', '/explain', { url: '/cart/1' }],
    ['POST', '/rollback', {}],
    ['POST', '/restore', {}],
    ['POST', '/seed/rotate', {}],
    ['GET', '/audit'],
    ['GET', '/config'],
    ['POST', '/config/reload', {}],
    ['GET', '/tokens'],
    ['POST', '/tokens', { name: 'more', scopes: ['admin'] }],
    ['GET', '/events'],
  ] as const
  for (const [method, path, body] of refused) t.equal((await only(method, path, body)).status, 403, `${method} ${path}`)
  t.equal((await api('GET', '/tokens')).json.tokens.length, 1, 'it could not make itself a wider one')
})

t.test('a status of some routes says nothing of the others', async t => {
  const { banyan, api } = await startHouse(t, { split: { firstStart: 'hold' } })
  await api('POST', '/routes/cart/rollback', { reason: 'their affair' })
  const only = operatorOf(t, banyan, (await make(banyan, 'only', { routes: ['orders'] })).secret)
  const { text } = await only('GET', '/status')
  for (const foreign of ['checkout', 'cart', 'pay', 'their affair']) t.notOk(text.includes(foreign), foreign)
})

t.test('expiry: to the millisecond of the clock', async t => {
  const moved = { ms: 0 }
  const begun = Date.now()
  const clock = { now: () => begun + moved.ms, monotonic: () => performance.now() }
  const { banyan } = await startHouse(t, {}, { clock })
  const api = operatorOf(t, banyan, (await make(banyan, 'short', { expiresInSeconds: 60 })).secret)
  moved.ms = 59_999
  t.equal((await api('GET', '/status')).status, 200)
  moved.ms = 60_000
  t.equal((await api('GET', '/status')).status, 401)
  t.match(
    (await banyan.api('GET', '/tokens')).json.tokens,
    [{ name: 'short', expiresAt: begun + 60_000 }],
    'listed until revoked',
  )
  const endless = await banyan.api('POST', '/tokens', {
    name: 'x',
    scopes: ['read'],
    expiresInSeconds: Number.MAX_SAFE_INTEGER,
  })
  t.match(
    endless.json,
    { status: 400, errors: [{ pointer: '/expiresInSeconds' }] },
    'a date that no clock will reach is a mistake',
  )
})

t.test('revoking takes effect at once, and once', async t => {
  const { banyan, api } = await startHouse(t)
  const { id, secret } = await make(banyan, 'gone', { scopes: ['admin'] })
  const gone = operatorOf(t, banyan, secret)
  t.equal((await gone('GET', '/status')).status, 200)
  t.equal((await gone('DELETE', `/tokens/${id}?reason=leaked`)).status, 200, 'a token may end itself')
  t.equal((await gone('GET', '/status')).status, 401)
  t.match(await api('DELETE', `/tokens/${id}`), { status: 404, json: { code: 'unknown_token' } })
  t.match((await api('POST', '/tokens', { name: 'gone', scopes: ['read'] })).status, 200, 'its name is free again')
  t.match((await api('POST', '/tokens', { name: 'gone', scopes: ['read'] })).json, {
    status: 409,
    code: 'token_exists',
  })
})

t.test('nobody can call himself what the audit log calls others', async t => {
  const { api } = await startHouse(t)
  for (const name of ['break_glass', 'system', 'environment', 'file']) {
    t.equal((await api('POST', '/tokens', { name, scopes: ['read'] })).status, 409, name)
  }
})

t.test('a secret is shown once and kept nowhere', async t => {
  const directory = temporary(t)
  const store = `sqlite:${join(directory, 'state.db')}`
  const { banyan, api } = await startHouse(t, { store }, { directory })
  const answer = await api('POST', '/tokens', { name: 'once', scopes: ['read'], reason: 'ci' })
  const { secret, token } = answer.json
  t.match(secret, /^bny_[A-Za-z0-9_-]{43}$/, '256 bits, and a prefix that scanners know')
  t.notOk(JSON.stringify(token).includes(secret.slice(4, 20)))
  const hash = createHash('sha256').update(secret).digest('hex')
  const places: Record<string, string> = { log: banyan.lines.join('\n') }
  for (const path of ['/tokens', '/audit', '/status', '/config', '/routes'])
    places[path] = (await api('GET', path)).text
  places.metrics = await (await fetch(`${banyan.health}/metrics`)).text()
  for (const [place, text] of Object.entries(places)) {
    t.notOk(text.includes(secret) || text.includes(hash), place)
    t.notOk(text.includes(TOKEN), `${place}: nor BANYAN_ADMIN_TOKEN`)
  }
  await banyan.stop()
  const files = readdirSync(directory)
  t.ok(files.includes('state.db'))
  const bytes = files.map(file => readFileSync(join(directory, file), 'latin1')).join('')
  t.ok(bytes.includes(hash), 'the store keeps its hash')
  for (const part of [secret, secret.slice(4), secret.slice(0, 24), TOKEN])
    t.notOk(bytes.includes(part), 'no file has it')
})

t.test('the first token: made, readable for this user only, kept as a hash, and not made again', async t => {
  const directory = temporary(t)
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const config = { ...houseOf(legacy, fresh), store: `sqlite:${join(directory, 'state.db')}` }
  const begin = () => startBanyan(t, config, { directory, adminToken: null })
  const file = join(directory, 'admin.token')
  const first = await begin()
  const secret = readFileSync(file, 'utf8').trim()
  t.equal(statSync(file).mode & 0o777, 0o600)
  const admin = operatorOf(t, first, secret)
  t.equal((await admin('PUT', '/routes/orders/weight', { percent: 1 })).status, 200)
  t.match((await admin('GET', '/audit')).json.entries.at(-2), { action: 'create-token', actor: { name: 'system' } })
  t.notOk(first.lines.join('').includes(secret))
  await first.stop()
  const kept = readdirSync(directory).filter(name => name !== 'admin.token')
  t.notOk(kept.some(name => readFileSync(join(directory, name), 'latin1').includes(secret)))

  const second = await begin()
  t.equal(readFileSync(file, 'utf8').trim(), secret, 'it survives a restart')
  t.equal((await operatorOf(t, second, secret)('GET', '/status')).status, 200)
  await second.stop()

  rmSync(file)
  const third = await begin()
  const renewed = readFileSync(file, 'utf8').trim()
  t.not(renewed, secret)
  t.equal((await operatorOf(t, third, secret)('GET', '/status')).status, 401, 'a lost one counts no more')
  const ops = (await operatorOf(t, third, renewed)('POST', '/tokens', { name: 'ops', scopes: ['admin'] })).json
  const api = operatorOf(t, third, ops.secret)
  t.equal((await api('DELETE', '/tokens/tok-first')).status, 200)
  await third.stop()

  const fourth = await begin()
  const { tokens } = (await operatorOf(t, fourth, ops.secret)('GET', '/tokens')).json
  t.same(
    tokens.map((token: { name: string }) => token.name),
    ['ops'],
    'with an admin token in the store none is made',
  )
  t.equal((await operatorOf(t, fourth, renewed)('GET', '/status')).status, 401)
})
