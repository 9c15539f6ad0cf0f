// Pages of the audit log by route: put together they are what filtering the whole log gives, however it is paged.
import fc from 'fast-check'
import t from 'tap'
import { aboutRoute, readAudit } from '../../src/admin/audit.ts'
import type { AuditEntry } from '../../src/model/control.ts'
import { PLAN } from '../control/make.ts'

function logOf(entries: readonly Pick<AuditEntry, 'subject' | 'action'>[]) {
  const log = entries.map((one, i) => ({ ...one, seq: i + 1 }) as AuditEntry).reverse()
  const page = async ({ limit, before }: { readonly limit: number; readonly before: number | null }) =>
    log.filter(({ seq }) => before === null || seq < before).slice(0, limit)
  return { log, page }
}

const entry = fc.record({
  subject: fc.constantFrom('orders', 'cart', 'pay', 'checkout', '*', 'tok-1', 'old'),
  action: fc.constantFrom('set-weight', 'rollback', 'add-rule', 'reload', 'pin') as fc.Arbitrary<AuditEntry['action']>,
})

t.test('pages of a route are the log, filtered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 60 }),
      fc.constantFrom('orders', 'cart', 'checkout-of-yore'),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      async (entries, route, limit, limited) => {
        const { log, page } = logOf(entries)
        const concerns = aboutRoute(route, PLAN, limited)
        const found: AuditEntry[] = []
        let before: number | null = null
        do {
          const answer: { readonly entries: AuditEntry[]; readonly next: number | null } = await readAudit(page, {
            limit,
            before,
            concerns,
          })
          if (answer.entries.length > limit) return false
          found.push(...answer.entries)
          before = answer.next
        } while (before !== null)
        const expected = log.filter(concerns)
        return JSON.stringify(found) === JSON.stringify(expected)
      },
    ),
    { numRuns: 300 },
  )
})

t.test('one call looks at so many entries and no more, and says where to go on', async t => {
  const others = Array.from({ length: 12_000 }, () => ({ subject: 'cart', action: 'set-weight' as const }))
  const { page } = logOf([{ subject: 'orders', action: 'set-weight' }, ...others])
  let asked = 0
  const counted: typeof page = query => {
    asked += query.limit
    return page(query)
  }
  const concerns = aboutRoute('orders', PLAN, false)
  const first = await readAudit(counted, { limit: 10, before: null, concerns })
  t.same([first.entries.length, first.next, asked], [0, 7002, 5000])
  const second = await readAudit(counted, { limit: 10, before: first.next, concerns })
  const third = await readAudit(counted, { limit: 10, before: second.next, concerns })
  t.equal(third.entries[0]?.seq, 1)
  t.equal(third.next, null)
})

t.test(
  'what concerns a route: itself, its group, everything; of everything a limited caller sees rollbacks only',
  async t => {
    const is = (route: string, limited = false) => {
      const concerns = aboutRoute(route, PLAN, limited)
      return (subject: string, action: AuditEntry['action'] = 'set-weight') =>
        concerns({ subject, action } as AuditEntry)
    }
    const cart = is('cart')
    t.ok(cart('cart') && cart('pay') && cart('checkout') && cart('*', 'reload') && cart('cart', 'add-rule'))
    t.notOk(cart('orders') || cart('pay', 'add-rule') || cart('tok-1', 'create-token'))
    const limited = is('cart', true)
    t.ok(limited('*', 'rollback') && limited('*', 'restore') && limited('pay'))
    t.notOk(limited('*', 'reload') || limited('*', 'rotate-seed'))
    const gone = is('of-yore')
    t.ok(gone('of-yore') && gone('*', 'rollback'))
    t.notOk(gone('orders'))
  },
)
