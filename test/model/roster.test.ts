// A roster is a set: in whatever order members come and go, those are there that came and have not gone.
import fc from 'fast-check'
import t from 'tap'
import { type Member, NOWHERE, Roster } from '../../src/model/roster.ts'
import { SEED } from '../wire/seed.ts'

t.test(`it holds what a Set would hold (seed ${SEED})`, async () => {
  const step = fc.tuple(fc.boolean(), fc.nat(9))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const members = Array.from({ length: 10 }, (): Member => ({ place: NOWHERE }))
      const roster = new Roster<Member>()
      const model = new Set<Member>()
      for (const [comes, which] of steps) {
        const member = members[which] as Member
        if (comes) roster.add(member)
        else roster.delete(member)
        if (comes) model.add(member)
        else model.delete(member)
        const all = roster.all()
        if (all.length !== model.size || all.some(one => !model.has(one))) return false
        if (members.some(one => (one.place === NOWHERE) === model.has(one))) return false
      }
      return true
    }),
    { seed: SEED, numRuns: 1000 },
  )
})

t.test('members may leave while all of them are told something', async t => {
  const roster = new Roster<Member>()
  for (let i = 0; i < 5; i++) roster.add({ place: NOWHERE })
  for (const member of roster.all()) roster.delete(member)
  t.same(roster.all(), [])
})
