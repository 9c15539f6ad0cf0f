// Why a request is not asked of the other side, as far as its head can tell. Pure. The first reason that applies counts.

import { actionInQuery } from '../inventory/signs.ts'
import type { DenyPattern, ShadowPolicy, UnaskedReason } from '../model/comparison.ts'
import { type HeaderList, headerOf } from '../model/exchange.ts'
import type { Side } from '../model/route.ts'
import { isSafe } from '../routing/decide.ts'
import type { Original } from './original.ts'
import { type Paths, queryOf } from './paths.ts'

export function otherSide(side: Side): Side {
  return side === 'legacy' ? 'new' : 'legacy'
}

/** null: nothing in its head speaks against it. */
export function whyNot(original: Original, policy: ShadowPolicy, paths: Paths): UnaskedReason | null {
  const { route, head, upgrades, binds, bodyBytes } = original
  // The relay's answer is compared there, outside these totals.
  if (!isSafe(head.method) && route.data === 'separate') return 'writes'
  if (!policy.methods.has(head.method)) return 'method'
  if (isSafe(head.method) && overridesMethod(head.headers)) return 'method'
  if (upgrades) return 'upgrade'
  if (binds) return 'bound_connection'
  if (bodyBytes !== null && bodyBytes > policy.maxRequestBytes) return 'request_too_large'
  const { path, acts } = paths.of(head.target)
  const query = queryOf(head.target)
  if (policy.deny.some(pattern => denies(pattern, path, query))) return 'denied'
  if (policy.denyActions && isSafe(head.method) && (acts || (query !== null && actionInQuery(query) !== null))) {
    return 'action'
  }
  return null
}

/**
 * The copy bears no conditions and no ranges (another side's validators mean nothing to it), so an answer that exists only
 * because of them has nothing to be compared with.
 */
export function isOfCondition(status: number): boolean {
  return status === 206 || status === 304 || status === 412 || status === 416
}

/** The asked side is one that the route lets be asked. */
export function isDirected({ direction }: ShadowPolicy, asked: Side): boolean {
  return direction === 'both' || direction === asked
}

/** A side that heeds it takes the request for another than it is. */
function overridesMethod(headers: HeaderList): boolean {
  return OVERRIDES.some(name => headerOf(headers, name) !== null)
}

const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const

function denies(pattern: DenyPattern, path: string, query: string | null): boolean {
  if (pattern.path !== null && !fits(pattern.path, path)) return false
  if (pattern.query === null) return true
  if (query === null) return false
  if (asks(pattern.query, query)) return true
  // A side may take `;` for a separator, too.
  return query.includes(';') && asks(pattern.query, query.replaceAll(';', '&'))
}

function asks({ name, value }: NonNullable<DenyPattern['query']>, query: string): boolean {
  for (const [found, given] of new URLSearchParams(query)) {
    if (found === name && (value === null || given === value)) return true
  }
  return false
}

/** A star stands for anything. In any case of letters: whoever names `/logout` means `/Logout`, too. */
function fits(pattern: string, path: string): boolean {
  const [first = '', ...rest] = pattern.toLowerCase().split('*')
  let text = path.toLowerCase()
  if (!text.startsWith(first)) return false
  text = text.slice(first.length)
  const last = rest.pop()
  if (last === undefined) return text === ''
  for (const middle of rest) {
    const at = text.indexOf(middle)
    if (at === -1) return false
    text = text.slice(at + middle.length)
  }
  return text.endsWith(last)
}
