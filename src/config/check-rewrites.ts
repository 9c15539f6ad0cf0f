// What a side rewrites: its path must be the route's own path with another beginning, and its cookies must stay apart.
import { OWN_PREFIX } from '../routing/own-cookies.ts'
import { checkTwice, type Data, list, mapping, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'
import { pathPattern } from './patterns.ts'

export function* checkRewrites(side: Data, patterns: readonly string[], path: Path): Generator<Finding> {
  yield* checkTwice(mapping(mapping(side.headers).set), [...path, 'headers', 'set'])
  const cookies = mapping(side.cookies)
  if (list(cookies.shared).length > 0 && cookies.prefix === undefined) {
    yield {
      path: [...path, 'cookies', 'shared'],
      at: 'key',
      message: 'without a prefix every cookie is shared',
      allowed: 'shared beside prefix',
      hint: 'add prefix: n_',
    }
  }
  const { prefix } = cookies
  const isOurs = (text: string) => text !== '' && (OWN_PREFIX.startsWith(text) || text.startsWith(OWN_PREFIX))
  if (typeof prefix === 'string' && isOurs(prefix)) {
    yield {
      path: [...path, 'cookies', 'prefix'],
      message: `our own cookies begin with ${OWN_PREFIX}`,
      allowed: 'a prefix that no other cookie begins with',
      hint: 'for example n_',
    }
  }
  if (side.path === undefined) return
  const theirs = PATTERN.safeParse(side.path).data
  if (theirs !== undefined) yield* checkPath(theirs, patterns, [...path, 'path'])
}

const PATTERN = pathPattern()

function* checkPath(theirs: string, patterns: readonly string[], path: Path): Generator<Finding> {
  const own = patterns[0]
  if (own === undefined) return
  if (patterns.length > 1) {
    yield {
      path,
      message: `the route has ${patterns.length} paths: which of them is rewritten?`,
      allowed: 'path on a side of a route with one path',
      hint: 'make one route of each path; group: keeps them together',
    }
    return
  }
  const both = [
    ['the route’s path', own],
    ['it', theirs],
  ] as const
  for (const [whose, pattern] of both) {
    if (!pattern.includes('/:')) continue
    yield {
      path,
      message: `${whose} has parameters, and only the beginning of a path is rewritten`,
      allowed: 'a literal path, or one with a trailing *',
      hint: `write ${pattern.slice(0, pattern.indexOf('/:'))}/* for both`,
    }
    return
  }
  const [ownStar, theirStar] = [own, theirs].map(pattern => /\/\*[^/]*$/.exec(pattern)?.[0] ?? '')
  if (ownStar !== theirStar) {
    const [ends, other] = ownStar === '' ? ['does not end', theirStar] : ['ends', ownStar]
    yield {
      path,
      message: `the route’s path ${own} ${ends} in ${other}, and this ${ownStar === '' ? 'does' : 'does not'}`,
      allowed: `a path that ends like ${own}`,
      hint: `write ${theirs.slice(0, theirs.length - (theirStar ?? '').length).replace(/\/+$/, '')}${ownStar}`,
    }
    return
  }
  for (const [whose, pattern] of both) {
    if (!pattern.endsWith('/')) continue
    yield {
      path,
      message: `${whose} ends in /`,
      allowed: 'literal paths without a / at the end, or both with a trailing *',
      hint: pattern === '/' ? 'write /* for both' : `write ${pattern.replace(/\/+$/, '')}`,
    }
    return
  }
}

/** Each side is told apart by how its cookies begin. */
export function* checkCookies(legacy: Data, next: Data, path: Path): Generator<Finding> {
  const [one, other] = [legacy, next].map(side => mapping(side.cookies).prefix)
  if (typeof one !== 'string' || typeof other !== 'string' || one === '' || other === '') return
  if (!one.startsWith(other) && !other.startsWith(one)) return
  yield {
    path: [...path, 'cookies', 'prefix'],
    message: `a cookie could belong to both sides: the prefix of legacy is ${one}`,
    allowed: 'prefixes of which none begins with the other',
    hint: 'for example l_ and n_',
  }
}
