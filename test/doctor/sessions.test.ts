// From finished exchanges to a verdict about session locks: which cookie it is, slices of sessions, and the bounds.
import t from 'tap'
import { createSessions } from '../../src/doctor/sessions.ts'
import { createVisits } from '../../src/doctor/visits.ts'
import type { Route } from '../../src/model/route.ts'
import { decided, exchange } from '../exchanges.ts'
import { head, matching, route } from '../routing/make.ts'
import { sample, type TestClock, testClock } from './make.ts'

const orders = route(0, matching('/orders/*'), { id: 'orders' })

interface Told {
  readonly session: string
  readonly start: number
  readonly end: number
}

/** Of one process, that tells at once. */
function makeSessions({ clock, salt }: { readonly clock: TestClock; readonly salt: number }) {
  const visits = createVisits({ clock, salt })
  const sessions = createSessions({ clock })
  return {
    ...sessions,
    watch(...seen: Parameters<typeof visits.watch>) {
      visits.watch(...seen)
      sessions.add(visits.take())
    },
  }
}

/** In the order in which they end, as the proxy tells them. */
function tell(
  sessions: ReturnType<typeof makeSessions>,
  clock: TestClock,
  told: readonly Told[],
  of: Route = orders,
  cookie = 'PHPSESSID',
): void {
  const begin = clock.mono
  for (const { session, start, end } of [...told].sort((a, b) => a.end - b.end)) {
    clock.pass(begin + end - clock.mono)
    const words = { totalMs: end - start, backendMs: end - start, overheadMs: 0 }
    sessions.watch(
      exchange(decided(of, 'legacy'), words),
      head('/orders/1', { headers: ['Cookie', `a=1; ${cookie}=${session}`] }),
    )
  }
}

/** Pages of three requests, 10 ms apart, that take 100 ms each. */
function pages(count: number, locked: boolean, sessionOf: (page: number) => string = page => `s${page % 9}`): Told[] {
  return Array.from({ length: count }, (_, page) => page).flatMap(page => {
    const at = page * 500
    return [0, 1, 2].map(i => {
      const start = at + i * 10
      return { session: sessionOf(page), start, end: locked ? at + (i + 1) * 100 : start + 100 + (page % 7) }
    })
  })
}

t.test('a lock is told with its backend; without one there is no sign', async t => {
  const clock = testClock()
  const sessions = makeSessions({ clock, salt: 1 })
  tell(sessions, clock, pages(80, true))
  clock.pass(60_000)
  const [found] = sessions.findings([orders])
  t.match(found, { code: 'session_locking', level: 'warn', route: null, evidence: { backend: 'legacy' } })
  t.match(found?.message, /one after another/)
  t.notMatch(JSON.stringify(found), /"s\d"/)
  const free = testClock()
  const calm = makeSessions({ clock: free, salt: 1 })
  tell(calm, free, pages(80, false))
  free.pass(60_000)
  t.notMatch(calm.findings([orders]), [{ code: 'session_locking' }])
  t.same(sessions.findings([]), [], 'of a backend that is gone')
})

t.test('which cookie is a session', async t => {
  for (const [cookie, of, known] of [
    ['ASP.NET_SessionId', orders, true],
    ['JSESSIONID', orders, true],
    ['connect.sid', orders, true],
    ['theme', orders, false],
    ['theme', { ...orders, sticky: [{ kind: 'cookie', name: 'theme' }] }, true],
  ] as const) {
    const clock = testClock()
    const sessions = makeSessions({ clock, salt: 1 })
    tell(sessions, clock, pages(80, true), of as Route, cookie)
    clock.pass(60_000)
    t.equal(sessions.findings([orders]).length > 0, known, `${cookie} ${known}`)
  }
})

t.test('the share of requests that bear a session cookie', async t => {
  const sessions = makeSessions({ clock: testClock(), salt: 1 })
  for (let i = 0; i < 100; i++) {
    sessions.sample(sample(orders, i % 4 === 0 ? {} : { headers: ['cookie', `lang=de; PHPSESSID=${i}`] }))
  }
  t.match(sessions.findings([]), [
    { code: 'session_cookie', level: 'note', evidence: { name: 'PHPSESSID', share: 0.75 } },
  ])
})

t.test('with very many sessions a slice of them is still looked at whole', async t => {
  const clock = testClock()
  const sessions = makeSessions({ clock, salt: 99 })
  // 300 pages beside each other in each ten seconds, every one of another session.
  for (let round = 0; round < 8; round++) {
    const told = Array.from({ length: 700 }, (_, i) =>
      pages(1, true, () => `r${round}-${i}`).map(one => ({ ...one, start: one.start + i * 10, end: one.end + i * 10 })),
    ).flat()
    tell(sessions, clock, told)
    clock.pass(10_000)
  }
  t.match(sessions.findings([orders]), [{ code: 'session_locking' }])
})

t.test('hostile cookies take no time', async t => {
  const clock = testClock()
  const sessions = makeSessions({ clock, salt: 1 })
  const began = performance.now()
  for (const value of [
    'sess'.repeat(16_000),
    ';'.repeat(64_000),
    `${'a=b;'.repeat(16_000)}`,
    '='.repeat(64_000),
    `sid=${'x'.repeat(60_000)}`,
  ]) {
    for (let i = 0; i < 200; i++) {
      sessions.watch(exchange(decided(orders, 'legacy')), head('/', { headers: ['cookie', value] }))
      sessions.sample(sample(orders, { headers: ['cookie', value] }))
    }
  }
  t.ok(performance.now() - began < 5_000)
  t.same(
    sessions.findings([orders]).filter(({ level }) => level !== 'note'),
    [],
  )
})

t.test('sessions that two processes serve are looked at as one', async t => {
  const clock = testClock()
  const salt = 3
  const processes = [createVisits({ clock, salt }), createVisits({ clock, salt })]
  const sessions = createSessions({ clock })
  let turn = 0
  const watch = (...seen: Parameters<(typeof processes)[0]['watch']>) => processes[turn++ % 2]?.watch(...seen)
  const both = { ...sessions, watch }
  const told = pages(80, true)
  for (let from = 0; from < told.length; from += 30) {
    tell(
      both,
      clock,
      told
        .slice(from, from + 30)
        .map(one => ({ ...one, start: one.start - (from / 3) * 500, end: one.end - (from / 3) * 500 })),
    )
    for (const one of processes) sessions.add(one.take())
  }
  clock.pass(60_000)
  t.match(sessions.findings([orders]), [{ code: 'session_locking', evidence: { backend: 'legacy' } }])
})

t.test('where one process looks at fewer sessions, those alone count', async t => {
  const clock = testClock()
  const sessions = createSessions({ clock })
  const visit = { session: 900, backend: 'legacy', kind: 'orders', start: 0, end: 100 }
  const visits = Array.from({ length: 200 }, (_, i) => ({ ...visit, start: i * 90, end: i * 90 + 100 }))
  sessions.add({ line: 1_000, visits })
  sessions.add({ line: 10, visits: [] })
  clock.pass(60_000)
  t.same(sessions.findings([orders]), [])
})
