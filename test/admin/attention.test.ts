// How much a route needs somebody: from what on something is said, what comes first, and that the numbers are in the sentence.
import t from 'tap'
import { type Attended, attentionOf, nextOf } from '../../src/admin/attention.ts'
import type { BackendHealth } from '../../src/admin/views.ts'
import { splitOf } from '../../src/config/compile.ts'
import { byNeed, phaseOf } from '../../src/model/attention.ts'
import type { ControlState, Rollback, UnitState } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { SideTraffic } from '../../src/traffic.ts'
import { EMPTY, PLAN } from '../control/make.ts'

const DAY = 86_400_000
const said = { by: 'ann', at: 5, reason: null }
const rollback: Rollback = { id: 'rb-1', units: ['orders'], restored: [], trigger: 'operator', ...said, reason: '5xx' }
const unit = (more: Partial<UnitState>): ControlState['units'] => ({
  orders: { weight: null, frozen: null, held: false, ...more },
})
const at = (percent: number) => unit({ weight: { ...said, percent } })
const HEALTHY: BackendHealth = { addresses: [], circuit: null, gate: null }
const out = (healthy: boolean, why: 'probes' | 'untried' | null = 'probes'): BackendHealth => ({
  ...HEALTHY,
  addresses: [
    { address: 'a:1', healthy, why, inFlight: 0, connections: 0, share: 1, lastFailure: null },
    { address: 'b:1', healthy: false, why: 'probes', inFlight: 0, connections: 0, share: 1, lastFailure: null },
  ],
})

function side(requests: number, errors: number, p95Ms = 10): SideTraffic {
  const recent = { requests, errors, movable: requests }
  const errorRatio = requests === 0 ? null : errors / requests
  return { requests, errors, recent, errorRatio, perSecond: requests / 60, p50Ms: 5, p95Ms, lastError: null }
}

interface Case extends Partial<Omit<Attended, 'split' | 'traffic' | 'health'>> {
  readonly state?: Partial<ControlState>
  readonly legacy?: SideTraffic
  readonly fresh?: SideTraffic
  readonly health?: Partial<Attended['health']>
}

function attended({ state = {}, legacy = side(0, 0), fresh = side(0, 0), health = {}, ...more }: Case): Attended {
  const route = more.route ?? (PLAN.byId.get('orders') as Route)
  const split = splitOf(PLAN, route, { ...EMPTY, ...state }, 0)
  const hasLegacy = route.sides.legacy !== null
  const hasNew = route.sides.new !== null
  return {
    route,
    split,
    phase: phaseOf({ hasLegacy, hasNew, effective: split.effective, isShadowed: more.match != null }),
    traffic: {
      reasons: {},
      sides: { legacy, new: fresh },
      tunnels: { legacy: 0, new: 0 },
      observed: null,
      observedRequests: 0,
    },
    health: { legacy: HEALTHY, new: HEALTHY, ...health },
    match: null,
    rollbacks: state.rollbacks ?? [],
    warnings: [],
    movedAt: null,
    now: 10 * DAY,
    ...more,
  }
}

const share = (compared: number, divergent: number, worst: 'low' | 'high' | null = null) => ({
  compared,
  rate: compared === 0 ? null : 1,
  interval: null,
  divergent,
  worst,
})

t.test('the level, and the sentence', async t => {
  const rows: readonly (readonly [name: string, of: Case, level: string, why: RegExp | null])[] = [
    ['quiet', {}, 'none', null],
    ['rolled back', { state: { rollbacks: [rollback] } }, 'wrong', /^rolled back by ann: 5xx$/],
    [
      'by break glass',
      { state: { rollbacks: [{ ...rollback, trigger: 'break_glass', reason: null }] } },
      'wrong',
      /^rolled back by break glass$/,
    ],
    [
      'new fails more',
      { legacy: side(20_000, 20), fresh: side(1000, 82) },
      'wrong',
      /^new fails 8\.2 %, legacy 0\.1 % \(last minute: 82 of 1,000, 20 of 20,000\)$/,
    ],
    ['too little to say', { legacy: side(20_000, 20), fresh: side(15, 3) }, 'none', null],
    ['one failure', { legacy: side(1000, 0), fresh: side(1000, 1) }, 'none', null],
    ['as much as legacy', { legacy: side(10_000, 100), fresh: side(10_000, 110) }, 'none', null],
    ['both fail', { legacy: side(1000, 300), fresh: side(1000, 310) }, 'look', /^new fails 31 % \(310 of 1,000/],
    ['legacy fails', { legacy: side(1000, 300), fresh: side(0, 0) }, 'look', /^legacy fails 30 %/],
    [
      'nothing to compare with',
      { state: { units: at(100) }, fresh: side(1000, 300) },
      'wrong',
      /^new fails 30 % .* legacy serves too few to compare$/,
    ],
    ['legacy is out', { health: { legacy: out(false) } }, 'wrong', /^all addresses of legacy are out of use$/],
    ['new is out', { health: { new: out(false) } }, 'wrong', /^all addresses of new are out of use$/],
    ['one of two', { health: { new: out(true, null) } }, 'none', null],
    ['one was not tried', { health: { new: out(false, 'untried') } }, 'none', null],
    [
      'new is out, and serves nobody',
      { state: { units: at(0) }, health: { new: out(false) } },
      'look',
      /it serves nobody yet$/,
    ],
    ['its circuit', { health: { new: { ...HEALTHY, circuit: 'open' } } }, 'wrong', /^the circuit of new is open/],
    ['held', { state: { units: unit({ held: true }) } }, 'look', /^held at 0 % .* declares 5 %$/],
    [
      'severe divergences',
      { match: share(50, 2, 'high') },
      'look',
      /^users on new get other answers: 2 divergences, of high severity at worst$/,
    ],
    ['slight ones', { match: share(50, 2, 'low') }, 'none', null],
    [
      'slower',
      { legacy: side(1000, 0, 100), fresh: side(1000, 0, 840) },
      'look',
      /^new's P95 is 840 ms, legacy's 100 ms$/,
    ],
    ['slower by nothing', { legacy: side(1000, 0, 1), fresh: side(1000, 0, 3) }, 'none', null],
    ['slower, of few', { legacy: side(1000, 0, 100), fresh: side(50, 0, 840) }, 'none', null],
    ['a warning', { warnings: [{ code: 'shadow_silent', message: 'it is silent' }] }, 'look', /^it is silent$/],
    ['one that is said anyway', { warnings: [{ code: 'circuit_open', message: 'x' }] }, 'none', null],
    [
      'what hurts comes first',
      { state: { rollbacks: [rollback] }, health: { new: out(false) }, match: share(1, 1, 'high') },
      'wrong',
      /^rolled back/,
    ],
    ['one side only', { route: PLAN.byId.get('old') as Route, legacy: side(1000, 1) }, 'none', null],
  ]
  for (const [name, of, level, why] of rows) {
    const found = attentionOf(attended(of))
    t.equal(found.level, level, `${name}: ${found.why}`)
    if (why === null) t.equal(found.why, null, name)
    else t.match(found.why, why, name)
  }
})

t.test('more failures of new never need it less', async t => {
  const levels = ['none', 'look', 'wrong']
  for (const [legacy, fresh] of [
    [side(1000, 10), 1000],
    [side(50_000, 5), 200],
    [side(30, 0), 3000],
  ] as const) {
    let before = 0
    for (let errors = 0; errors <= fresh; errors += Math.ceil(fresh / 40)) {
      const level = levels.indexOf(attentionOf(attended({ legacy, fresh: side(fresh, errors) })).level)
      t.ok(level >= before, `${errors} of ${fresh}`)
      before = level
    }
    t.equal(before, 2)
  }
})

t.test('what moves next', async t => {
  const rows: readonly (readonly [next: string, of: Case])[] = [
    ['nothing is compared yet: set shadow.percent', { state: { units: at(0) } }],
    [
      'nothing is compared yet: waits for requests that may be asked twice',
      { state: { units: at(0) }, match: share(0, 0) },
    ],
    ['412 of 1,000 compared before the match rate says much', { match: share(412, 0) }],
    ['3 divergences to look at', { match: share(412, 3) }],
    ['1 divergence to look at', { match: share(5000, 1) }],
    ['set a first weight', { state: { units: at(0) }, match: share(1000, 0) }],
    ['raise the weight', { match: share(1000, 0) }],
    ['raise the weight', {}],
    ['unfreeze: no raise until then', { state: { units: unit({ frozen: said }) } }],
    ['restore, once the cause is mended', { state: { rollbacks: [rollback] } }],
    ['set a weight: held at first start', { state: { units: unit({ held: true }) } }],
    ['roll back, or mend it', { legacy: side(20_000, 20), fresh: side(1000, 82) }],
    ['retire legacy: 100 % for 3 days', { state: { units: at(100) }, movedAt: 7 * DAY - 1 }],
    ['retire legacy, after some days at 100 %', { state: { units: at(100) }, movedAt: 10 * DAY - 5 }],
    ['retire legacy, after some days at 100 %', { state: { units: at(100) } }],
    [
      'retire legacy: it still gets 0.5 requests a second',
      { state: { units: at(100) }, legacy: side(30, 0), movedAt: 1 },
    ],
    ['give it a new side in the configuration', { route: PLAN.byId.get('old') as Route }],
    ['nothing: it has no legacy side any more', { route: PLAN.byId.get('gone') as Route }],
  ]
  for (const [next, of] of rows) {
    const one = attended(of)
    t.equal(nextOf(one, attentionOf(one)), next)
  }
})

t.test('phases by the weight in force; the order is by need', async t => {
  const phase = (effective: number, isShadowed = false) =>
    phaseOf({ hasLegacy: true, hasNew: true, effective, isShadowed })
  t.same(
    [0, 0.01, 10, 10.01, 99.99, 100].map(weight => phase(weight)),
    ['legacy', 'canary', 'canary', 'growth', 'growth', 'full'],
  )
  t.equal(phase(0, true), 'shadow')
  const needy = (id: string, phase: 'canary' | 'full' | 'retired', level: 'none' | 'look' | 'wrong') => ({
    id,
    phase,
    attention: { level },
  })
  const all = [
    needy('b', 'retired', 'none'),
    needy('a', 'full', 'none'),
    needy('d', 'canary', 'look'),
    needy('c', 'retired', 'wrong'),
    needy('f', 'canary', 'none'),
    needy('e', 'canary', 'none'),
  ]
  t.same(
    all.toSorted(byNeed).map(({ id }) => id),
    ['c', 'd', 'e', 'f', 'a', 'b'],
  )
})
