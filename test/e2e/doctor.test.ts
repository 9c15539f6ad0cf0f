// The doctor of a real proxy: what it saw of unnamed forwarders, quirks, cookies, keys, session locks, clocks and certificates.
// Clocks are handed in: nothing here depends on how fast this machine is.
import type { ServerResponse } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import { parse } from 'yaml'
import type { Diagnosis } from '../../src/admin/api.ts'
import { loadText } from '../../src/config/load.ts'
import { type Banyan, eventually, httpBackend, rawBackend, startBanyan } from './harness.ts'
import { operatorOf } from './operator.ts'
import { noPem, one, secureBackend } from './secure.ts'

const AREAS = 'traffic forwarders wire cookies keys sessions leaks caches limits tls clock store'.split(' ')

interface TurnedClock {
  now(): number
  monotonic(): number
  turn(ms: number): void
}

function turnedClock(): TurnedClock {
  const begun = Date.now()
  let mono = 1_000_000
  return {
    now: () => begun + mono - 1_000_000,
    monotonic: () => mono,
    turn(ms) {
      mono += ms
    },
  }
}

async function diagnose(t: Test, banyan: Banyan, token?: string): Promise<Diagnosis> {
  const api = token === undefined ? operatorOf(t, banyan) : operatorOf(t, banyan, token)
  const { status, json } = await api('GET', '/doctor')
  t.equal(status, 200)
  t.same([...new Set(json.checks.map(({ area }: { area: string }) => area))], AREAS, 'every area, in order')
  return json
}

function codes({ checks }: Diagnosis, area: string): string[] {
  return checks.filter(check => check.area === area).map(({ code }) => code)
}

function found({ checks }: Diagnosis, code: string) {
  return checks.find(check => check.code === code)
}

function ask(banyan: Banyan, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${banyan.port}${path}`, { headers })
}

async function checked(text: string | null): Promise<readonly string[]> {
  const document = JSON.stringify(parse(text ?? ''))
  const { mistakes } = await loadText({ text: document, file: 'routes.yaml', interpolate: false })
  return mistakes.map(({ path, message }) => `${path} ${message}`)
}

t.test('nothing was seen yet: every area says so', async t => {
  const legacy = await httpBackend(t, (_req, res) => res.end('ok'))
  const banyan = await startBanyan(t, { backends: { legacy: { url: legacy.url } } })
  const diagnosis = await diagnose(t, banyan)
  t.match(diagnosis, { paste: null, seen: 0, sampled: 0 })
  t.notOk(diagnosis.checks.some(({ level }) => level === 'bad' || level === 'warn'))
})

t.test('the first hour: a forwarder, a quirk, a clock, a session', async t => {
  const clock = turnedClock()
  const legacy = await rawBackend(t, socket => {
    socket.on('data', chunk => {
      const isQuirky = chunk.includes('GET /quirky')
      const date = new Date(clock.now() - 3_600_000).toUTCString()
      socket.write(
        isQuirky
          ? 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'
          : `HTTP/1.1 200 OK\r\nDate: ${date}\r\nSet-Cookie: PHPSESSID=1; Path=/app\r\nContent-Length: 2\r\n\r\nok`,
      )
    })
  })
  const banyan = await startBanyan(
    t,
    {
      backends: { legacy: { url: legacy.url } },
      routes: [{ id: 'shop', match: { path: '/shop/*' }, legacy: 'legacy' }],
    },
    { clock },
  )
  for (let i = 0; i < 240; i++) {
    clock.turn(20)
    const headers = { 'x-forwarded-for': `198.51.100.${i % 40}`, cookie: `PHPSESSID=s${i}` }
    await (await ask(banyan, '/shop/1', headers)).text()
  }
  t.equal((await ask(banyan, '/quirky')).status, 502)
  await eventually(async () => (await diagnose(t, banyan)).seen === 241, 'all are told')
  const diagnosis = await diagnose(t, banyan)
  t.match(found(diagnosis, 'unnamed_forwarder'), { level: 'warn', evidence: { address: '127.0.0.1', clients: 16 } })
  t.match(found(diagnosis, 'quirk_refused'), {
    level: 'bad',
    evidence: { backend: 'legacy', quirk: 'bare-lf', count: 1 },
  })
  const skew = found(diagnosis, 'clock_skew')
  t.match(skew, { level: 'bad', evidence: { backend: 'legacy' } })
  t.ok(Math.abs((skew?.evidence.skewMs as number) + 3_600_000) < 2_000)
  t.match(found(diagnosis, 'session_cookie'), { evidence: { name: 'PHPSESSID' } })
  t.match(found(diagnosis, 'cookie_path'), { route: 'shop', level: 'warn' })
  t.same(codes(diagnosis, 'store'), ['store_memory'])
  t.match(parse(diagnosis.paste ?? ''), {
    proxy: { clientIp: { from: ['127.0.0.1'] } },
    backends: { legacy: { wire: { accept: /bare-lf/ } } },
  })
  t.same(await checked(diagnosis.paste), [])
})

t.test(
  'two sides: one key with most of the traffic, a cookie of both, a certificate of days',
  { skip: noPem },
  async t => {
    const clock = turnedClock()
    const sets = (res: ServerResponse) => res.setHeader('set-cookie', 'sid=1; Path=/; HttpOnly').end('ok')
    const legacy = await httpBackend(t, (_req, res) => sets(res))
    const fresh = await secureBackend(t, one, (_req, res) => sets(res))
    const banyan = await startBanyan(
      t,
      {
        backends: { legacy: { url: legacy.url }, fresh: { url: fresh.url, tls: { verify: false } } },
        routes: [
          {
            id: 'orders',
            match: { path: '/orders/*' },
            legacy: 'legacy',
            new: 'fresh',
            data: 'shared',
            weight: 50,
            sticky: ['header:x-user-id'],
          },
          { id: 'other', match: { path: '/other' }, legacy: 'legacy' },
        ],
      },
      { clock },
    )
    for (let i = 0; i < 300; i++) {
      clock.turn(20)
      const user = i % 3 === 0 ? `u${i}` : 'everybody'
      await (await ask(banyan, '/orders/1', { 'x-user-id': user })).text()
    }
    await eventually(async () => (await diagnose(t, banyan)).seen === 300, 'all are told')
    const diagnosis = await diagnose(t, banyan)
    t.match(found(diagnosis, 'one_key'), { level: 'warn', route: 'orders', evidence: { from: 'header:x-user-id' } })
    t.match(found(diagnosis, 'cookie_clash'), { level: 'warn', route: 'orders', evidence: { name: 'sid' } })
    t.match(found(diagnosis, 'certificate_soon'), {
      level: 'warn',
      evidence: { backend: 'fresh', days: 29, protocol: 'TLSv1.3' },
    })
    const pasted = parse(diagnosis.paste ?? '')
    t.match(pasted.routes, [{ id: 'orders', new: { backend: 'fresh', cookies: { prefix: 'n_' } } }])

    const { json: status } = await banyan.api('GET', '/status')
    t.match(
      status.warnings.find(({ code }: { code: string }) => code === 'one_key'),
      { route: 'orders' },
    )
    t.notMatch(JSON.stringify([diagnosis, status]), /everybody/, 'no key in the clear')

    const words = { name: 'other', scopes: ['read'], routes: ['other'] }
    const { json: made } = await banyan.api('POST', '/tokens', words)
    const limited = await diagnose(t, banyan, made.secret)
    t.equal(limited.paste, null)
    t.same([...new Set(limited.checks.map(({ route }) => route))], [null])
    t.notMatch(JSON.stringify(limited), /orders|certificate|fresh/, 'nothing of what it does not reach')
  },
)

t.test('a backend that serves a session one request after another', async t => {
  const clock = turnedClock()
  const waiting: (() => void)[] = []
  const legacy = await httpBackend(t, (_req, res) => waiting.push(() => res.end('ok')))
  const banyan = await startBanyan(t, { backends: { legacy: { url: legacy.url } } }, { clock })
  const said = async (asked: Promise<Response>) => (await asked).text()
  let seen = 0
  const begin = async (session: number) => {
    const asked = ask(banyan, '/page', { cookie: `PHPSESSID=s${session}` })
    seen++
    await eventually(() => legacy.seen.length === seen, 'the backend was asked')
    return asked
  }
  for (let page = 0; page < 40; page++) {
    // B begins 20 ms after A; A takes 100 ms, and only then B is served, in 100 ms.
    const a = begin(page % 5)
    await eventually(() => waiting.length === 1, 'A is asked')
    clock.turn(20)
    const b = begin(page % 5)
    await eventually(() => waiting.length === 2, 'B is asked')
    clock.turn(80)
    waiting.shift()?.()
    await said(a)
    const told = page * 2 + 1
    await eventually(async () => (await diagnose(t, banyan)).seen === told, 'A is told')
    clock.turn(100)
    waiting.shift()?.()
    await said(b)
    await eventually(async () => (await diagnose(t, banyan)).seen === told + 1, 'B is told')
    clock.turn(500)
  }
  clock.turn(20_000)
  const diagnosis = await diagnose(t, banyan)
  t.match(found(diagnosis, 'session_locking'), { level: 'warn', evidence: { backend: 'legacy', waitedMs: 80 } })
  t.notMatch(JSON.stringify(diagnosis), /"s\d/, 'no session in the clear')
})
