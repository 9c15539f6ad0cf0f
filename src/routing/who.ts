// Where a user is on each route, and why, by one of their keys alone: what the support desk asks. A request says more (its
// address, its cookies); what only a request can say is told as such.
import type { Reason } from '../model/exchange.ts'
import type { Route, RouteSplit, Side } from '../model/route.ts'
import type { Whereabouts } from '../model/snapshot.ts'
import { BUCKETS } from './bucket.ts'
import { hashOfKey } from './cohorts.ts'
import type { Draws } from './decide.ts'
import { keyAsSent } from './sticky.ts'

export function whereIs(route: Route, split: RouteSplit, key: string, draws: Draws): Whereabouts {
  const said = (side: Side | null, reason: Reason, why: string): Whereabouts => ({
    side,
    reason,
    why,
    percentile: null,
  })
  if (route.sides.new === null) return said('legacy', 'only', 'the route has only a legacy side')
  if (route.sides.legacy === null) return said('new', 'only', 'the route has only a new side')
  if (split.rolledBack) return said('legacy', 'rollback', 'the route is rolled back')
  if (route.sticky.length === 0) {
    return said(null, 'weight', `the route has no sticky keys: each request is drawn, ${split.effective} % of them new`)
  }
  const pin = split.supportPins?.get(hashOfKey(key))
  if (pin !== undefined && pin.until > draws.now()) {
    const until = new Date(pin.until).toISOString()
    return said(pin.side, 'pin', `the support desk gave this user ${pin.side}, until ${until}`)
  }
  const byKey = route.cohorts.find(cohort => cohort.keys?.has(key) === true)
  if (byKey !== undefined) {
    const { networks, headers, cookies, claims } = byKey
    const more = networks !== null || headers.length + cookies.length + claims.length > 0
    const why = `the key is in the list of a cohort that is on ${byKey.side}`
    return more ? said(null, 'cohort', `${why}, if the request fits the rest of it`) : said(byKey.side, 'cohort', why)
  }
  const bucket = draws.bucket(keyAsSent(route.sticky, key))
  const side = bucket < split.threshold ? 'new' : 'legacy'
  const percentile = (bucket / BUCKETS) * 100
  const drawn = `the key falls at ${percentile.toFixed(4)}, the weight is ${split.effective} %`
  const unless = [
    ...(route.pin === null ? [] : ['a session that has a side keeps it']),
    ...(route.cohorts.length === 0 ? [] : ['a cohort that the request fits wins']),
    ...(route.override === null ? [] : ['an override wins']),
  ]
  const why = unless.length === 0 ? drawn : `${drawn}; ${unless.join(', ')}`
  return { side, reason: split.frozen ? 'frozen' : 'weight', why, percentile }
}
