// What may be asked of the other side, too: reads. A write would happen twice, and what `writes` governs is never shadowed.
import { isSafe } from '../routing/decide.ts'
import { checkTwice, type Data, list, mapping, methodsOf, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'
import { method } from './patterns.ts'
import { SHADOWED } from './shadow-schema.ts'
import { percent } from './values.ts'

const PERCENT = percent()
const METHOD = method()
const SAFE = 'GET, HEAD, OPTIONS, QUERY, TRACE'

/** What is no percent is told by the schema. */
export function isShadowed(shadow: Data): boolean {
  return (PERCENT.safeParse(shadow.percent).data ?? 0) > 0
}

/** `data` is what the route says, or inherits. */
export function* checkShadow(shadow: Data, data: unknown, path: Path): Generator<Finding> {
  yield* checkMethods(shadow, data, path)
  yield* checkTwice(mapping(mapping(mapping(shadow.send).headers).set), [...path, 'send', 'headers', 'set'])
  const warning = { level: 'warning' } as const
  if (shadow.when === 'beside' && shadow.direction === 'legacy') {
    yield {
      path: [...path, 'when'],
      ...warning,
      message: 'legacy is always asked after the client has its answer',
      hint: 'leave it out',
    }
  }
  if (shadow.direction === 'new' && mapping(shadow.stopAbove).p95 !== undefined) {
    yield {
      path: [...path, 'stopAbove'],
      at: 'key',
      ...warning,
      message: 'it watches legacy, and legacy is never asked here',
      hint: 'leave it out, or say direction: both',
    }
  }
  if (!isShadowed(shadow)) return
  if (mapping(shadow.send).cookies === 'all' && shadow.direction !== 'new') {
    yield {
      path: [...path, 'send', 'cookies'],
      ...warning,
      message: 'what is asked of legacy bears the sessions of its users: looking may change them',
      allowed: 'none, or the names of cookies that are no session; all with direction: new',
      hint: 'sessions are kept alive, locked or written to by each request that bears them',
    }
  }
}

/** The inherited one was checked where it stands, but for this route's own `data`. */
export function* checkInheritedShadow(shadow: Data, data: unknown, path: Path): Generator<Finding> {
  const unsafe = list(shadow.methods).find(isUnsafe)
  if (data !== 'separate' || unsafe === undefined || !isShadowed(shadow)) return
  yield {
    path,
    message: `defaults.shadow asks the other side ${unsafe}, too, and the data of this route is separate`,
    allowed: 'shadow with safe methods',
    hint: 'give the route its own shadow',
  }
}

/** Of a route that says by itself what is shadowed. */
export function* checkShadowedMatch(route: Data, path: Path): Generator<Finding> {
  const shadow = mapping(route.shadow)
  const admitted = methodsOf(route)
  if (admitted === null || !isShadowed(shadow)) return
  const asked = shadow.methods === undefined ? SHADOWED : list(shadow.methods)
  const matches = (one: unknown) => admitted.some(other => other === one || (other === 'GET' && one === 'HEAD'))
  if (asked.some(matches)) return
  yield {
    path: [...path, 'shadow'],
    at: 'key',
    level: 'warning',
    message: `nothing is shadowed: the route admits only ${admitted.join(', ')}`,
    hint: `shadow.methods are ${asked.map(String).join(', ')}`,
  }
}

function* checkMethods(shadow: Data, data: unknown, path: Path): Generator<Finding> {
  const { iKnowThisWrites } = shadow
  const unsafe = [...list(shadow.methods).entries()].filter(([, one]) => isUnsafe(one))
  for (const [index, one] of unsafe) {
    const place = [...path, 'methods', index]
    if (data === 'separate') {
      yield {
        path: place,
        message: `${String(one)} is governed by writes, never shadowed: each side has its own data`,
        allowed: SAFE,
        hint: 'writes.mode alone says who takes writes',
      }
    } else if (iKnowThisWrites !== true) {
      yield {
        path: place,
        message: `${String(one)} would happen twice, once on each side`,
        allowed: `${SAFE}; any with iKnowThisWrites: true`,
        hint: 'leave it out, or add iKnowThisWrites: true if twice does no harm',
      }
    }
  }
  if (iKnowThisWrites === true && unsafe.length === 0) {
    yield {
      path: [...path, 'iKnowThisWrites'],
      at: 'key',
      level: 'warning',
      message: 'no method of the list writes',
      hint: 'name it under methods, or leave this out',
    }
  }
}

/** In lower case it is no method, which is said elsewhere. */
function isUnsafe(one: unknown): one is string {
  return typeof one === 'string' && METHOD.safeParse(one).success && !isSafe(one)
}
