// Who has a side keeps it: whatever the weight, the session's id and the time do, nobody moves inside a session; and every
// new session follows the weight.
import fc from 'fast-check'
import t from 'tap'
import type { Decision, OwnCookie, RequestHead } from '../../src/model/exchange.ts'
import type { PinPolicy, Route, RouteSplit } from '../../src/model/route.ts'
import { createBucketer } from '../../src/routing/bucket.ts'
import { type Draws, decide } from '../../src/routing/decide.ts'
import { createPins, PIN_COOKIE, type Pins, SESSION_COOKIE } from '../../src/routing/pins.ts'
import { createSeal } from '../../src/routing/seal.ts'
import { readTarget } from '../../src/routing/target.ts'
import { draws, head, matching, route, split } from './make.ts'

const SEED = Number(process.env.SEED ?? 41)
const MINUTE = 60_000
const POLICY: PinPolicy = { idleMs: 30 * MINUTE, admit: 'new-sessions', session: ['sid'] }

/** One browser before one pinned unit (and another one beside it), with the application's session cookie. */
class Browser {
  readonly jar = new Map<string, string>()
  readonly #world: World

  constructor(world: World, jar: Record<string, string> = {}) {
    this.#world = world
    for (const [name, value] of Object.entries(jar)) this.jar.set(name, value)
  }

  /** `setCookies` is what the application answers with. */
  ask(one: Route, setCookies: readonly string[] = [], by: RouteSplit = this.#world.split): Decision {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const request = head('/', cookie === '' ? {} : { headers: ['Cookie', cookie] })
    const decision = this.#world.decide(one, by, request)
    for (const text of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      if (/Max-Age=0/.test(text)) this.jar.delete(name)
      else this.jar.set(name, value)
    }
    for (const { name, value, seconds } of this.#world.pins.cookies(decision, request, setCookies)) {
      if (seconds === 0) this.jar.delete(name)
      else this.jar.set(name, value)
    }
    return decision
  }

  /** What only lives until the browser closes is gone. */
  restart(): void {
    this.jar.delete(SESSION_COOKIE)
  }
}

class World {
  at = 1_790_000_000_000
  split = split(50)
  readonly pinned: Route
  readonly other: Route
  readonly plain = route(2, matching('/*'), { sides: { legacy: route(0, matching('/')).sides.legacy, new: null } })
  readonly pins: Pins
  readonly #draws: Draws

  constructor(policy: PinPolicy = POLICY, seed = 'seed', random = Math.random) {
    const sticky = [{ kind: 'cookie' as const, name: 'sid' }]
    this.pinned = route(0, matching('/*'), { id: 'shop', pin: policy, sticky })
    this.other = route(1, matching('/*'), { id: 'cart', pin: policy, sticky })
    const units = new Map([
      ['shop', policy],
      ['cart', policy],
    ])
    this.pins = createPins(units, createSeal(seed, 'pin'), () => this.at)
    this.#draws = { ...draws(createBucketer(seed, 'shop'), random), pins: this.pins, now: () => this.at }
  }

  decide(one: Route, by: RouteSplit, request: RequestHead): Decision {
    const pattern = one.match.paths[0] as string
    const match = { route: one, pattern, target: readTarget(request.target), agreed: true }
    const decided = decide(match, by, request, this.#draws)
    if (decided === 'reject') throw new Error('rejected')
    return decided
  }
}

t.test(`nobody moves inside a session, whatever happens (seed ${SEED})`, async t => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant({ do: 'look' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'look-elsewhere' as const }) },
    { weight: 2, arbitrary: fc.constant({ do: 'new-id' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'new-id-elsewhere' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'logout' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('weight' as const), percent: fc.nat(100) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.nat(45) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('clock' as const), minutes: fc.integer({ min: -600, max: 600 }) }),
    },
  )
  let looked = 0
  const property = fc.property(fc.array(step, { maxLength: 40 }), fc.nat(99), (steps, first) => {
    const world = new World()
    world.split = split(first)
    const browser = new Browser(world)
    let ids = 0
    let side: string | null = null
    // Its id does not change by itself: however long somebody waits, the same id is the same session.
    for (const one of steps) {
      if (one.do === 'weight') world.split = split(one.percent)
      else if (one.do === 'wait' || one.do === 'clock') {
        // Only a session with an id can be told from a new one after `idle`.
        if (browser.jar.has('sid')) world.at += one.minutes * MINUTE
      } else {
        const elsewhere = one.do === 'look-elsewhere' || one.do === 'new-id-elsewhere'
        const isNewId = one.do === 'new-id' || one.do === 'new-id-elsewhere' || !browser.jar.has('sid')
        const sets = one.do === 'logout' ? ['sid=; Max-Age=0'] : isNewId ? [`sid=s${ids++}`] : []
        const decision = browser.ask(elsewhere ? world.plain : world.pinned, sets)
        if (!elsewhere) {
          looked++
          if (side !== null && decision.side !== side) return false
          side = decision.side
        }
        if (one.do === 'logout') side = null
      }
    }
    return true
  })
  fc.assert(property, { seed: SEED, numRuns: 3_000 })
  t.ok(looked > 5_000, `${looked} looks`)
})

t.test('new sessions follow the weight, also those that began on another route', async t => {
  const world = new World()
  for (const percent of [0, 100]) {
    world.split = split(percent)
    const side = percent === 0 ? 'legacy' : 'new'
    const fresh = new Browser(world)
    t.match(fresh.ask(world.pinned, ['sid=a']), { side, reason: 'weight' })
    t.match(fresh.ask(world.pinned), { side, reason: 'pin' })
    const elsewhere = new Browser(world)
    elsewhere.ask(world.plain, ['sid=b'])
    t.ok(elsewhere.jar.has(SESSION_COOKIE), 'the answer that began the session says so')
    t.match(elsewhere.ask(world.pinned), { side, reason: 'weight' })
    t.match(elsewhere.ask(world.pinned, ['sid=c']), { side, reason: 'pin' })
  }
})

t.test('a session that began before anybody pinned stays on legacy, unless anyone is admitted', async t => {
  const world = new World()
  world.split = split(100)
  const old = new Browser(world, { sid: 'from-before' })
  t.match(old.ask(world.pinned), { side: 'legacy', reason: 'pin' })
  t.match(old.ask(world.pinned, ['sid=after-login']), { side: 'legacy' })
  t.match(old.ask(world.pinned, ['sid=; Max-Age=0; Path=/']), { side: 'legacy' }, 'until it logs out')
  t.notOk(old.jar.has(`${PIN_COOKIE}shop`))
  t.match(old.ask(world.pinned, ['sid=next']), { side: 'new', reason: 'weight' })

  const anyone = new World({ ...POLICY, admit: 'anyone' })
  anyone.split = split(100)
  t.match(new Browser(anyone, { sid: 'x' }).ask(anyone.pinned), { side: 'new', reason: 'weight' })
})

t.test('idle: a pin without its session ends, one with it does not', async t => {
  const world = new World()
  world.split = split(100)
  const browser = new Browser(world)
  browser.ask(world.pinned, ['sid=a'])
  world.split = split(0)
  world.at += 31 * MINUTE
  t.match(browser.ask(world.pinned), { side: 'new', reason: 'pin' }, 'the same id: the same session')
  browser.jar.delete('sid')
  t.match(browser.ask(world.pinned), { side: 'new', reason: 'pin' }, 'renewed by that')
  world.at += 31 * MINUTE
  const late = browser.ask(world.pinned)
  t.match(late, { side: 'legacy', reason: 'weight', heard: [{ what: 'pin', result: 'expired' }] })

  const second = new Browser(world)
  world.split = split(100)
  second.ask(world.pinned, ['sid=b'])
  world.at += 31 * MINUTE
  second.jar.set('sid', 'another')
  world.split = split(0)
  t.match(second.ask(world.pinned), { side: 'legacy', reason: 'weight' }, 'another session, long after: drawn')
})

t.test('a pin is said again only when it has aged or the session has changed', async t => {
  const world = new World()
  const browser = new Browser(world)
  browser.ask(world.pinned, ['sid=a'])
  const pin = browser.jar.get(`${PIN_COOKIE}shop`)
  browser.ask(world.pinned)
  t.equal(browser.jar.get(`${PIN_COOKIE}shop`), pin)
  world.at += 5 * MINUTE
  browser.ask(world.pinned)
  t.not(browser.jar.get(`${PIN_COOKIE}shop`), pin)
})

t.test('a rollback moves everybody, and its end moves nobody back in the middle', async t => {
  const world = new World()
  world.split = split(100)
  const browser = new Browser(world)
  browser.ask(world.pinned, ['sid=a'])
  t.match(browser.ask(world.pinned), { side: 'new' })
  t.match(browser.ask(world.pinned, [], split(100, { rolledBack: true, threshold: 0 })), {
    side: 'legacy',
    reason: 'rollback',
  })
  t.match(browser.ask(world.pinned), { side: 'legacy', reason: 'pin' })
  t.match(new Browser(world).ask(world.pinned), { side: 'new' }, 'new sessions are new')
})

t.test('a new id on one unit reaches the pins of all others', async t => {
  const world = new World()
  world.split = split(100)
  const browser = new Browser(world)
  browser.ask(world.pinned, ['sid=a'])
  browser.ask(world.other)
  world.at += 20 * MINUTE
  browser.ask(world.other, ['sid=b'])
  world.split = split(0)
  world.at += 31 * MINUTE
  t.match(browser.ask(world.pinned), { side: 'new', reason: 'pin' }, 'it knows the new id')
  browser.ask(world.other, ['sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'x=1'])
  t.notOk(browser.jar.has(`${PIN_COOKIE}shop`), 'and the end of the session')
})

t.test('forged, foreign, too large and malformed pins count for nothing, and say why', async t => {
  const world = new World({ ...POLICY, admit: 'anyone' })
  world.split = split(100)
  const good = new Browser(world)
  good.ask(world.pinned, ['sid=a'])
  const token = good.jar.get(`${PIN_COOKIE}shop`) as string
  const theirs = new World(POLICY, 'another seed')
  const there = new Browser(theirs)
  there.ask(theirs.pinned, ['sid=a'])
  const cases: Record<string, string> = {
    forged: token.replace('.n.', '.l.'),
    other_deployment: there.jar.get(`${PIN_COOKIE}shop`) as string,
    too_large: token.padEnd(5_000, 'x'),
    malformed: 'new',
  }
  for (const [result, value] of Object.entries(cases)) {
    const browser = new Browser(world, { [`${PIN_COOKIE}shop`]: value })
    t.match(browser.ask(world.pinned), { side: 'new', reason: 'weight', heard: [{ what: 'pin', result }] }, result)
    t.not(browser.jar.get(`${PIN_COOKIE}shop`), value, 'it is replaced')
  }
  const swapped = new Browser(world, { [`${PIN_COOKIE}cart`]: token })
  t.match(swapped.ask(world.other), { heard: [{ what: 'pin', result: 'forged' }] }, 'a pin of another unit')
  const both = new Browser(world, { [`${PIN_COOKIE}shop`]: `junk; ${PIN_COOKIE}shop=${token}` })
  world.split = split(0)
  t.match(both.ask(world.pinned), { side: 'new', reason: 'pin' }, 'a foreign one in front does not hide ours')
})

t.test('a head full of forged pins costs a few looks and no more', async t => {
  const world = new World({ ...POLICY, admit: 'anyone' })
  const token = createSeal('seed', 'pin').sign('shop', ['n', 'zz', ''])
  const forged = token.replace('.n.', '.l.')
  const jar = { x: `1; ${Array.from({ length: 4 }, () => `${PIN_COOKIE}shop=${forged}`).join('; ')}` }
  t.match(new Browser(world, jar).ask(world.pinned), { heard: [{ what: 'pin', result: 'forged' }] })
  const behind = {
    x: `${jar.x}; ${PIN_COOKIE}shop=${createSeal('seed', 'pin').sign('shop', ['n', (world.at / 1000).toString(36), ''])}`,
  }
  t.match(new Browser(world, behind).ask(world.pinned), { heard: [{ result: 'forged' }] }, 'a fifth is not looked at')
})

t.test('Set-Cookie texts that change a session, and those that do not', async t => {
  const world = new World()
  const begun = new Browser(world)
  const cookiesFor = (...texts: string[]): readonly OwnCookie[] => {
    const request = head('/', { headers: ['Cookie', [...begun.jar].map(([n, v]) => `${n}=${v}`).join('; ')] })
    return world.pins.cookies(world.decide(world.pinned, split(100), request), request, texts)
  }
  begun.ask(world.pinned, ['sid=a'])
  t.same(cookiesFor('other=1', 'nonsense', '=x', 'sid'), [])
  t.match(cookiesFor('sid=b; Path=/; HttpOnly'), [{ name: `${PIN_COOKIE}shop` }])
  for (const over of ['sid=; max-age=0', 'sid=x; Max-Age=-5', 'sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'sid=']) {
    t.match(cookiesFor(over), [{ name: `${PIN_COOKIE}shop`, seconds: 0 }], over)
  }
  t.match(cookiesFor('sid=x; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT'), [{ value: /./ }], 'Max-Age wins')
  t.match(cookiesFor('sid=; Max-Age=0', 'sid=new'), [{ value: /./ }], 'deleted and set: set')
})
