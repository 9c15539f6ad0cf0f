// What a target looks like: the template that it shares with others, and whether it looks like a write although it is a GET. Pure.
import { actionOf } from '../../inventory/signs.ts'
import { templateOf as templateOfPath } from '../../inventory/template.ts'

/** Here a request is asked again and again: on top of the inventory's signs, what ends a session, moves money or sends something. */
const ALSO = new Set(
  'logout signout checkout purchase pay charge refund transfer accept decline impersonate invite follow unfollow sync restore run'.split(
    ' ',
  ),
)
const ENDS_SESSION = /(?:sign|log)[-_.]?(?:out|off)(?![a-z])/i
const MOST_NAMES = 12

/** Path with ids as `:id`; the query counts by the names of its parameters only. */
export function templateOf(target: string): string {
  if (target === '*') return target
  const [path, query] = split(target)
  const names = new Set((query ?? '').split('&', 64).map(pair => pair.split('=', 1)[0] ?? ''))
  const sorted = [...names].filter(name => name !== '').toSorted()
  return `${templateOfPath(path)}${sorted.length === 0 ? '' : `?${sorted.slice(0, MOST_NAMES).join('&')}`}`
}

/** Why it looks like a write; null: it does not. */
export function suspicionOf(target: string): string | null {
  const [path, query] = split(target)
  const segments = path.split('/')
  const sign = actionOf(segments, query ?? null)
  if (sign !== null) return sign
  const also = segments.find(segment => ALSO.has(segment.toLowerCase())) ?? ENDS_SESSION.exec(target)?.[0]
  return also === undefined ? null : `"${also.toLowerCase()}"`
}

function split(target: string): readonly [string, string | undefined] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, undefined] : [target.slice(0, mark), target.slice(mark + 1)]
}
