// The URL behind `#`: what is written there is read the same, and whatever else stands there leads somewhere.
import fc from 'fast-check'
import t from 'tap'
import { placeText, readPlace, TABS } from '../../../src/admin/dashboard/place.ts'

t.test('a place is read as it was written', async t => {
  const places = fc.record({
    route: fc.option(fc.string({ minLength: 1 }), { nil: null }),
    tab: fc.constantFrom(...TABS),
    signature: fc.option(fc.stringMatching(/^[0-9a-f]{1,64}$/), { nil: null }),
    query: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ minLength: 1 })),
  })
  fc.assert(
    fc.property(places, ({ route, tab, signature, query }) => {
      const filters = new URLSearchParams(query)
      const read = readPlace(placeText({ route, tab, signature, filters }))
      t.equal(read.route, route)
      t.equal(String(read.filters), String(filters))
      if (route !== null) t.same([read.tab, read.signature], [tab, signature])
    }),
  )
})

t.test('anything at all is a place', async t => {
  fc.assert(fc.property(fc.string(), text => t.ok(readPlace(`#${text}`).tab)))
  t.equal(readPlace('').route, null)
  t.equal(readPlace('#/routes/a%ZZ').route, 'a%ZZ')
  t.equal(readPlace('#/routes/orders/nonsense').tab, 'evidence')
})
