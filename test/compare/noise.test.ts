// What is learned of noise: verdicts and their sentences, what is never learned away, forgetting, and how often it is wrong.
import t from 'tap'
import { seeded } from '../../bench/kit/many-routes.ts'
import { MOST_PLACES, MOST_TEMPLATES, NoiseBook } from '../../src/compare/noise.ts'
import type { NoiseEntry } from '../../src/compare/noise-place.ts'
import { EXPIRES_AFTER_MS, FEWEST_REPEATS } from '../../src/compare/noise-verdict.ts'
import type { FoundPlace } from '../../src/model/comparison.ts'
import type { NoiseView } from '../../src/shadow/view.ts'

const TEMPLATE = '/orders/:id'
const TOTAL: FoundPlace = { kind: 'value', path: '/total', severity: 'medium', prior: null }
const SERVED: FoundPlace = { kind: 'value', path: '/served_at', severity: 'medium', prior: 'timestamp' }
const GONE: FoundPlace = { kind: 'missing', path: '/lines', severity: 'high', prior: null }
const SEED = 20_260

interface Seen {
  readonly onlyNew?: number
  readonly onlySelf?: number
  readonly both?: number
  readonly none?: number
  readonly at?: number
}

/** As a place would be found whose repeats are spread evenly. */
function learn(
  book: NoiseBook,
  place: FoundPlace,
  { onlyNew = 0, onlySelf = 0, both = 0, none = 0, at = 0 }: Seen,
): void {
  const left = { onlyNew, onlySelf, both, none }
  const all = onlyNew + onlySelf + both + none
  const whole = { ...left }
  for (let i = 1; i <= all; i++) {
    // Of what lags behind its share most.
    const kinds = Object.keys(left) as (keyof typeof left)[]
    const lag = (kind: keyof typeof left) => (whole[kind] * i) / all - (whole[kind] - left[kind])
    const next = kinds.filter(kind => left[kind] > 0).reduce((one, other) => (lag(other) > lag(one) ? other : one))
    left[next]--
    book.pair(
      TEMPLATE,
      next === 'onlyNew' || next === 'both' ? [place] : [],
      next === 'onlySelf' || next === 'both' ? [place] : [],
      at,
    )
  }
}

function bookOf(place: FoundPlace, seen: Seen): NoiseBook {
  const book = new NoiseBook()
  learn(book, place, seen)
  return book
}

function stateOf(place: FoundPlace, seen: Seen, at = 0) {
  return bookOf(place, seen).state(TEMPLATE, place, at, true)
}

t.test('a value: undecided, noise, divergent', async t => {
  t.same(stateOf(TOTAL, { onlyNew: 3, none: 4 }), {
    state: 'undecided',
    why: `7 of the ${FEWEST_REPEATS} repeats that are needed to learn here`,
  })
  t.same(stateOf(TOTAL, { onlyNew: 4, none: 36 }), {
    state: 'undecided',
    why: 'legacy never differed from itself here in 40 repeats, only new in 4: 6 more such would prove it',
  })
  t.same(stateOf(TOTAL, { both: 10, onlySelf: 4, onlyNew: 3, none: 3 }), {
    state: 'noise',
    why: 'legacy differs from itself here in 14 of 20 repeats, and new not clearly more often',
  })
  t.same(stateOf(TOTAL, { onlyNew: 12, none: 28 }), {
    state: 'divergent',
    why: 'only new differed in 12 of 40 repeats, legacy never differed from itself: evidence 6.7 over 5.3',
  })
  t.same(stateOf(TOTAL, { onlyNew: 9, onlySelf: 1, none: 90 }), {
    state: 'undecided',
    why: 'legacy differs from itself here in 1 of 100 repeats, but only new did in 9: evidence 2.3 of the needed 5.3',
  })
  t.match(stateOf(TOTAL, { onlyNew: 30, onlySelf: 2, none: 68 }), {
    state: 'divergent',
    why: /^only new differed in 30 of 100 repeats, only legacy in 2: evidence /,
  })
})

t.test('what is proven needs no fewest number of repeats', async t => {
  t.equal(stateOf(TOTAL, { onlyNew: 9 }).state, 'undecided')
  t.equal(stateOf(TOTAL, { onlyNew: 10 }).state, 'divergent')
})

t.test('a prior is noise from the start, until it is proven wrong', async t => {
  t.same(new NoiseBook().state(TEMPLATE, SERVED, 0, true), {
    state: 'noise',
    why: 'looks like the time of the answer (prior); not yet proven otherwise',
  })
  t.equal(stateOf(SERVED, { onlyNew: 9, none: 91 }).state, 'noise')
  t.equal(stateOf(SERVED, { onlyNew: 10, none: 90 }).state, 'divergent')
  t.equal(stateOf(SERVED, { both: 1000 }).state, 'noise')
})

t.test('without repeats nothing is learned', async t => {
  const book = bookOf(TOTAL, { both: 100 })
  t.match(book.state(TEMPLATE, TOTAL, 0, false), { state: 'divergent', why: /nothing is learned/ })
  t.match(book.state(TEMPLATE, SERVED, 0, false), { state: 'noise', why: /prior.*nothing is learned/ })
})

t.test('structure is divergent at once, and noise only above a floor of what legacy does itself', async t => {
  for (const kind of ['missing', 'extra', 'type', 'status', 'body'] as const) {
    const place = { ...GONE, kind }
    const state = (seen: Seen) => stateOf(place, seen).state
    t.equal(new NoiseBook().state(TEMPLATE, place, 0, true).state, 'divergent', `${kind} at once`)
    t.equal(state({ both: 10 }), 'divergent', 'too few repeats')
    t.equal(state({ onlySelf: 2, both: 2, none: 46 }), 'divergent', 'four times')
    t.equal(state({ onlySelf: 3, both: 2, none: 45 }), 'noise', 'five times')
    t.equal(state({ onlySelf: 3, both: 2, none: 246 }), 'divergent', 'under 2 %')
    t.equal(state({ onlySelf: 5, onlyNew: 40, none: 5 }), 'divergent', 'new does it more often')
  }
  t.match(stateOf(GONE, { onlySelf: 3, both: 1, none: 46 }), {
    why: 'structure differs; legacy differs from itself here in 4 of 50 repeats, and noise of structure begins at 5 times and 2 %',
  })
})

t.test("rows of Diffy's table: raw and noise counts, here as pairs", async t => {
  // Relative 14 %, absolute 10 %: Diffy hides it. Half of what legacy does is done by new, too.
  t.equal(stateOf(TOTAL, { both: 150, onlyNew: 250, onlySelf: 150, none: 450 }).state, 'divergent', '400, 300, 1000')
  t.equal(
    stateOf(TOTAL, { both: 120, onlyNew: 280, onlySelf: 180, none: 420 }).state,
    'divergent',
    '400, 300, 1000, independent',
  )
  t.equal(stateOf(TOTAL, { both: 50, onlyNew: 100, onlySelf: 50, none: 800 }).state, 'divergent', '150, 100, 1000')
  t.equal(stateOf(TOTAL, { both: 40, onlyNew: 59, onlySelf: 60, none: 841 }).state, 'noise', '99, 100, 1000')
  t.equal(stateOf(TOTAL, { onlyNew: 3, onlySelf: 2, none: 95 }).state, 'noise', '3, 2, 100')
  // Diffy reports after one.
  t.equal(stateOf(TOTAL, { onlyNew: 1 }).state, 'undecided', '1, 0, 1')
  t.equal(stateOf(TOTAL, { onlyNew: 4, none: 9996 }).state, 'undecided', '4, 0, 10000')
})

t.test('what legacy does no longer expires', async t => {
  const learned = { onlySelf: 10, both: 10, onlyNew: 10, none: 20, at: 1000 }
  t.equal(stateOf(TOTAL, learned, 1000 + EXPIRES_AFTER_MS).state, 'noise')
  t.match(stateOf(TOTAL, learned, 1001 + EXPIRES_AFTER_MS), { state: 'undecided', why: /not in the last 7 days/ })
  t.equal(stateOf(GONE, learned, 1001 + EXPIRES_AFTER_MS).state, 'divergent')
  const book = bookOf(TOTAL, learned)
  t.equal(book.list(2000)[0]?.expiresAt, 1000 + EXPIRES_AFTER_MS)
  book.pair(TEMPLATE, [], [TOTAL], 1001 + EXPIRES_AFTER_MS)
  t.equal(book.state(TEMPLATE, TOTAL, 1001 + EXPIRES_AFTER_MS, true).state, 'noise', 'seen again')
})

t.test('the list is the shape that people see; a revoked place begins anew', async t => {
  const book = bookOf(TOTAL, { onlySelf: 5, both: 10, onlyNew: 5, none: 30 })
  book.pair(TEMPLATE, [SERVED], [SERVED], 0)
  const views: readonly NoiseView[] = book.list(0)
  t.match(views, [
    { path: '/total', state: 'noise', repeats: 51, onlyNew: 5, onlySelf: 5, both: 10, prior: null },
    { path: '/served_at', state: 'noise', prior: 'timestamp', both: 1, expiresAt: null },
  ])
  const { id, evidenceNats, thresholdNats } = views[0] as NoiseEntry
  t.ok(evidenceNats < 0 && Math.abs(thresholdNats - Math.log(200)) < 1e-9)
  t.notOk(book.revoke('000000000000'))
  t.ok(book.revoke(id))
  t.match(book.list(0)[0], { id, state: 'undecided', repeats: 0, onlyNew: 0, onlySelf: 0, both: 0 })
  learn(book, TOTAL, { onlyNew: 10 })
  t.match(book.state(TEMPLATE, TOTAL, 0, true), {
    state: 'divergent',
    why: /^only new differed in 10 of 10 repeats, legacy never/,
  })
})

t.test('each template learns for itself, each place counts once in a pair', async t => {
  const book = new NoiseBook()
  for (let i = 0; i < 20; i++) book.pair('/a', [TOTAL, TOTAL, GONE], [TOTAL], 0)
  t.match(book.list(0), [
    { path: '/total', both: 20, onlyNew: 0 },
    { path: '/lines', onlyNew: 20 },
  ])
  t.equal(book.state('/a', TOTAL, 0, true).state, 'noise')
  t.equal(book.state('/b', TOTAL, 0, true).state, 'undecided')
})

t.test('it is stored and read again', async t => {
  const random = seeded(SEED)
  const book = new NoiseBook()
  const places = [TOTAL, SERVED, GONE]
  const some = () => places.filter(() => random() < 0.4)
  for (let i = 0; i < 1500; i++) book.pair(`/t${i % 3}`, some(), some(), i)
  const text = JSON.stringify(book)
  const again = NoiseBook.from(JSON.parse(text))
  t.equal(JSON.stringify(again), text)
  t.same(again.list(2000), book.list(2000))
  for (const one of [book, again]) one.pair('/t0', [TOTAL], [], 3000)
  t.equal(JSON.stringify(again), JSON.stringify(book), 'and goes on alike')
  t.same(NoiseBook.from(undefined).list(0), [])
  t.same(NoiseBook.from({ format: 99, templates: 'of another version' }).list(0), [])
})

t.test('it is bounded: what is proven stays, what was not seen for the longest time goes', async t => {
  const book = new NoiseBook()
  for (let i = 0; i < 10; i++) book.pair('/proven', [TOTAL], [], i)
  for (let i = 0; i < 3 * MOST_PLACES; i++) {
    book.pair('/many', [{ ...TOTAL, path: `/field${i}` }], [], 100 + i)
  }
  const kept = book.list(0)
  t.ok(kept.length <= MOST_PLACES && kept.length >= 0.9 * MOST_PLACES, `${kept.length} places`)
  t.ok(kept.some(({ template, state }) => template === '/proven' && state === 'divergent'))
  t.ok(kept.some(({ path }) => path === `/field${3 * MOST_PLACES - 1}`))
  book.pair('/many', [{ ...TOTAL, path: '/field0' }], [], 9999)
  const begunAgain = book.list(0).find(({ path }) => path === '/field0')
  t.ok((begunAgain?.repeats ?? 0) < 200, 'it does not claim repeats of which it has forgotten what they showed')
  for (let i = 0; i < 2 * MOST_TEMPLATES; i++) book.pair(`/template${i}`, [], [], 10_000 + i)
  t.ok(JSON.parse(JSON.stringify(book)).templates.length <= MOST_TEMPLATES)
  t.ok(book.list(0).some(({ template }) => template === '/proven'))
})

t.test('fields that only drift are hardly ever divergent; five points more are found', async t => {
  const random = seeded(SEED)
  t.comment(`seed ${SEED}`)
  /** Whether a field was ever divergent, of many that all drift in `drift` of repeats and differ in new that much more often. */
  const found = (fields: number, pairs: number, drift: number, more: number) => {
    const book = new NoiseBook()
    const places = Array.from({ length: fields }, (_, i): FoundPlace => ({ ...TOTAL, path: `/field${i}` }))
    const ever = new Set<string>()
    for (let i = 1; i <= pairs; i++) {
      const a = places.filter(() => random() < drift + more)
      book.pair(
        '/',
        a,
        places.filter(() => random() < drift),
        0,
      )
      // A crossing stands for 200 pairs at least.
      if (i % 200 === 0) for (const { state, path } of book.list(0)) if (state === 'divergent') ever.add(path)
    }
    return ever.size
  }
  for (const drift of [0.01, 0.3, 0.95]) {
    const wrong = found(200, 400, drift, 0)
    t.ok(wrong <= 4, `drift ${drift}: ${wrong} of 200 wrong`)
  }
  const right = found(50, 2000, 0.1, 0.05)
  t.ok(right >= 40, `drift 0.1: ${right} of 50 found`)
})
