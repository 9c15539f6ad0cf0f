// What operators did last about each route: heard as it happens, read from the log, of the group and of everything.
import t from 'tap'
import { createDecisions } from '../src/decisions.ts'
import type { AuditEntry } from '../src/model/control.ts'
import type { Route } from '../src/model/route.ts'
import { PLAN } from './control/make.ts'

const route = (id: string) => PLAN.byId.get(id) as Route

function entry(seq: number, action: AuditEntry['action'], subject: string, more: Partial<AuditEntry> = {}): AuditEntry {
  const actor = { name: 'ann', tokenId: null, address: null }
  const rest = { reason: null, before: null, after: null, previous: '', hash: '' }
  return { seq, at: seq * 10, action, subject, actor, revision: seq, ...rest, ...more }
}

function setUp(entries: readonly AuditEntry[]) {
  const log = [...entries].reverse()
  let stored = entries.length
  let pages = 0
  const lines: string[] = []
  const decisions = createDecisions({
    store: {
      async audit({ limit, before }) {
        pages++
        return log.filter(({ seq }) => before === null || seq < before).slice(0, limit)
      },
    },
    stored: () => stored,
    plan: () => PLAN,
    log: (_, message) => lines.push(message),
  })
  return {
    decisions,
    lines,
    pages: () => pages,
    add(one: AuditEntry) {
      log.unshift(one)
      stored = one.revision
    },
  }
}

t.test('from the log: the last of the route, its group, or everything', async t => {
  const { decisions } = setUp([
    entry(1, 'set-weight', 'orders', { before: { weight: null }, after: { weight: 25 }, reason: 'go' }),
    entry(2, 'pin', 'orders'),
    entry(3, 'set-weight', 'pay', { before: { weight: 5 }, after: { weight: 9 } }),
    entry(4, 'freeze', 'orders'),
  ])
  t.same(decisions.read()(route('orders')), { last: null, movedAt: null }, 'nobody waits for the store')
  decisions.look()
  await decisions.settled()
  const read = decisions.read()
  t.match(read(route('orders')), { last: { action: 'freeze', by: 'ann', at: 40 }, movedAt: 10 })
  t.match(read(route('cart')), { last: { action: 'set-weight', from: 5, to: 9 }, movedAt: 30 }, 'of its group')
  t.same(read(route('old')), { last: null, movedAt: null })
})

t.test('heard as it happens; a later one of everything counts for all', async t => {
  const { decisions } = setUp([entry(1, 'set-weight', 'orders', { after: { weight: 25 } })])
  const told = { by: 'bob', reason: '5xx', at: 99, from: null, to: null }
  decisions.heard({ ...told, action: 'rollback', subject: '*', revision: 2 })
  decisions.look()
  await decisions.settled()
  const read = decisions.read()
  for (const id of ['orders', 'cart'])
    t.match(read(route(id)), { last: { action: 'rollback', by: 'bob' }, movedAt: 99 })
  decisions.heard({ ...told, action: 'add-rule', subject: 'orders', revision: 3 })
  t.equal(decisions.read()(route('orders')).last?.action, 'rollback', 'no decision about who serves')
})

t.test('the log is read as far as it is new, and a store that is away costs nothing but that', async t => {
  const { decisions, add, pages } = setUp(Array.from({ length: 500 }, (_, i) => entry(i + 1, 'freeze', 'orders')))
  decisions.look()
  await decisions.settled()
  t.equal(pages(), 3)
  decisions.look()
  await decisions.settled()
  t.equal(pages(), 3, 'nothing new')
  add(entry(501, 'unfreeze', 'orders'))
  decisions.look()
  await decisions.settled()
  t.equal(pages(), 4)
  t.equal(decisions.read()(route('orders')).last?.action, 'unfreeze')
  add(entry(502, 'freeze', 'orders'))
  decisions.look()
  const told = { by: 'ann', reason: null, at: 5020, from: null, to: null }
  decisions.heard({ ...told, action: 'freeze', subject: 'orders', revision: 502 })
  await decisions.settled()
  t.equal(pages(), 4, 'what was done here is not read again')

  const lines: string[] = []
  const away = createDecisions({
    store: { audit: async () => Promise.reject(new Error('away')) },
    stored: () => 1,
    plan: () => PLAN,
    log: (_, message) => lines.push(message),
  })
  away.look()
  await away.settled()
  t.equal(lines.length, 1)
})
