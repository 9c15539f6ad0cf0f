// Which requests legacy may be asked again after new failed. Reads may; a write may have happened on new already.
import { isSafe } from '../routing/decide.ts'
import { type Data, list, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'

/** `data` is what the route says, or inherits; anything but a known word is somebody else's mistake. */
export function* checkFallback(fallback: Data, data: unknown, path: Path): Generator<Finding> {
  if (list(fallback.on).length === 0) {
    if (list(fallback.methods).length > 0 && fallback.on === undefined) {
      yield {
        path: [...path, 'on'],
        message: 'on is missing: nothing says which failures legacy answers',
        allowed: 'a list of connect, timeout and statuses',
        hint: 'for example on: [connect, 502, 503, 504]',
      }
    }
    return
  }
  for (const [index, method] of list(fallback.methods).entries()) {
    if (!isUnsafe(method)) continue
    const place = [...path, 'methods', index]
    if (data === 'separate') {
      yield {
        path: place,
        message: `${method} is never asked of the other side: each side has its own data`,
        allowed: 'GET, HEAD, OPTIONS, QUERY, TRACE',
        hint: 'writes.mode alone says who takes writes',
      }
    } else if (list(fallback.on).some(one => one !== 'connect')) {
      yield {
        path: place,
        message: `${method} may have acted on new before it failed`,
        allowed: 'GET, HEAD, OPTIONS, QUERY, TRACE; with on: [connect] any method',
        hint: 'only a connection that never opened is sure to have changed nothing',
      }
    }
  }
}

/** The inherited one was checked where it stands, but for this route's own `data`. */
export function* checkInheritedFallback(fallback: Data, data: unknown, path: Path): Generator<Finding> {
  const unsafe = list(fallback.methods).find(isUnsafe)
  if (data !== 'separate' || unsafe === undefined || list(fallback.on).length === 0) return
  yield {
    path,
    message: `defaults.fallback asks legacy for a failed ${unsafe} too, and the data of this route is separate`,
    allowed: 'a fallback of safe methods',
    hint: 'give the route its own fallback',
  }
}

/** In lower case it is no method, which is said elsewhere. */
function isUnsafe(method: unknown): boolean {
  return typeof method === 'string' && method === method.toUpperCase() && !isSafe(method)
}
