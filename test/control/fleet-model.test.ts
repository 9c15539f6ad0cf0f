// Whatever three instances are told while the network and the store come and go: what must never be is in fleet-world.ts.
import fc from 'fast-check'
import t from 'tap'
import { SEED } from '../upstream/kit.ts'
import { createWorld, NAMES, ROUTES, type World } from './fleet-world.ts'
import { command } from './make.ts'

const RUNS = Number(process.env.RUNS ?? 400)

type Step = (world: World, number: number) => void

const instance = fc.nat({ max: NAMES.length - 1 })
const route = fc.constantFrom(...ROUTES)
const some = fc.option(instance, { nil: null })

const said = <A>(arbitrary: fc.Arbitrary<A>, words: (value: A) => string, step: (value: A) => Step) =>
  arbitrary.map(value => ({ words: words(value), step: step(value) }))

const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: said(
      fc.tuple(instance, route, fc.nat({ max: 100 })),
      ([on, id, percent]) => `${NAMES[on]}: ${id} at ${percent} %`,
      ([on, id, percent]) =>
        (world, n) =>
          world.ask(on, { ...command({ type: 'set-weight', route: id, percent }), reason: `c${n}` }),
    ),
  },
  {
    weight: 2,
    arbitrary: said(
      fc.tuple(instance, route, fc.boolean()),
      ([on, id, freeze]) => `${NAMES[on]}: ${freeze ? 'freeze' : 'unfreeze'} ${id}`,
      ([on, id, freeze]) =>
        (world, n) =>
          world.ask(on, { ...command({ type: freeze ? 'freeze' : 'unfreeze', route: id }), reason: `c${n}` }),
    ),
  },
  {
    weight: 6,
    arbitrary: said(
      fc.tuple(instance, fc.option(route, { nil: null })),
      ([on, id]) => `${NAMES[on]}: roll back ${id ?? 'all'}`,
      ([on, id]) =>
        (world, n) =>
          world.ask(on, {
            ...command({ type: 'rollback', id: `rb-${n}`, route: id, trigger: 'operator' }),
            reason: `c${n}`,
          }),
    ),
  },
  {
    weight: 4,
    arbitrary: said(
      fc.tuple(instance, fc.option(route, { nil: null })),
      ([on, id]) => `${NAMES[on]}: restore ${id ?? 'all'}`,
      ([on, id]) =>
        (world, n) =>
          world.ask(on, {
            ...command({ type: 'restore', route: id, rollbacks: null, percent: null }),
            reason: `c${n}`,
          }),
    ),
  },
  {
    weight: 4,
    arbitrary: said(
      fc.tuple(instance, fc.option(route, { nil: null }), fc.nat()),
      ([on, id, which]) => `${NAMES[on]}: restore ${id ?? 'all'} of rollback ${which}`,
      ([on, id, which]) =>
        (world, n) => {
          const known = world.standing(on).map(one => one.id)
          const ids = known.length > 0 && which % 4 > 0 ? known : world.everIssued()
          const rollbacks = ids.length === 0 ? ['rb-none'] : [ids[which % ids.length] as string]
          world.ask(on, { ...command({ type: 'restore', route: id, rollbacks, percent: null }), reason: `c${n}` })
        },
    ),
  },
  {
    weight: 3,
    arbitrary: said(
      fc.tuple(instance, fc.boolean(), fc.nat({ max: 4_000 })),
      ([on, keeps, down]) => `${NAMES[on]}: crash${keeps ? '' : ', and its disk is lost'}, for ${down} ms`,
      ([on, keeps, down]) =>
        world =>
          world.crash(on, keeps, down),
    ),
  },
  {
    weight: 4,
    arbitrary: said(
      fc.tuple(some, fc.constantFrom('fail', 'hold', 'lose')),
      ([on, how]) => `store: ${how} for ${on === null ? 'all' : NAMES[on]}`,
      ([on, how]) =>
        world =>
          world.cutStore(on, how),
    ),
  },
  {
    weight: 4,
    arbitrary: said(
      some,
      on => `store: back for ${on === null ? 'all' : NAMES[on]}`,
      on => world => world.healStore(on),
    ),
  },
  {
    weight: 2,
    arbitrary: said(
      fc.tuple(instance, instance),
      ([from, to]) => `cut ${NAMES[from]} → ${NAMES[to]}`,
      ([from, to]) =>
        world =>
          world.cutLink(from, to),
    ),
  },
  {
    weight: 1,
    arbitrary: said(
      fc.constant(null),
      () => 'links heal',
      () => world => world.healLinks(),
    ),
  },
)

const pause = fc.oneof(fc.constant(0), fc.nat({ max: 30 }), fc.nat({ max: 300 }), fc.nat({ max: 3_000 }))
const story = fc.array(fc.tuple(steps, pause), { minLength: 1, maxLength: 30, size: 'max' })

t.test(`a fleet, whatever happens (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(story, fc.nat(), async (told, chance) => {
      const world = await createWorld(diceOf(chance))
      try {
        for (const [number, [{ step }, ms]] of told.entries()) {
          step(world, number)
          await world.time.pass(ms)
        }
        await world.settle()
      } catch (error) {
        const lines = told.map(([{ words }, ms], number) => `${number} ${words}; ${ms} ms`)
        throw new Error(`${(error as Error).message}\ntold:\n${lines.join('\n')}`, { cause: error })
      } finally {
        world.time.end()
      }
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

/** mulberry32 */
function diceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
