// Which route a request takes: a tree per host, walked segment by segment.
//
// Order, most specific first: host (exact, then the longer wildcard, then any) > path, segment by segment (literal >
// :param > *.do > *) > more header, query and cookie tests > named methods. What is left equal is a tie, which the configuration
// refuses (`findTies`). test/routing/match.test.ts holds this file against a slow and obvious matcher.
import { cookieOf, headerOf, type RequestHead } from '../model/exchange.ts'
import type { Route, RouteMatch, ValueTest } from '../model/route.ts'
import { queryOf, readTarget, type Target } from './target.ts'

export interface Match {
  readonly route: Route
  /** The pattern of the route that matched. */
  readonly pattern: string
  readonly target: Target
  /** False: the raw path would have taken another route; see `ambiguous`. */
  readonly agreed: boolean
}

export interface Matcher {
  /** null: nothing matches. */
  match(head: RequestHead): Match | null
}

interface Entry {
  readonly route: Route
  readonly pattern: string
  /** What the path ends with, for a trailing `*.do`; `''`: anything. */
  readonly suffix: string
  /** Compares entries of different trees; see `rankOf`. */
  readonly rank: string
}

interface Node {
  readonly literals: Map<string, Node>
  param: Node | null
  /** Routes that end here, best first. */
  ends: Entry[]
  /** Routes whose trailing `*` or `*.do` begins here, best first. */
  stars: Entry[]
}

/** One host's routes. Routes that ignore case live in a tree of lower-case literals. */
interface Tree {
  readonly exact: Node
  readonly ignoring: Node | null
}

export function createMatcher(routes: readonly Route[]): Matcher {
  const any = createTree(routes.filter(route => route.match.host === null))
  const exact = new Map<string, Tree>()
  const wildcards: { readonly suffix: string; readonly tree: Tree }[] = []
  for (const host of new Set(routes.map(route => route.match.host))) {
    if (host === null) continue
    const tree = createTree(routes.filter(route => route.match.host === host))
    if (tree === null) continue
    if (host.startsWith('*.')) wildcards.push({ suffix: host.slice(1), tree })
    else exact.set(host, tree)
  }
  wildcards.sort((a, b) => b.suffix.length - a.suffix.length)

  function find(path: string, head: RequestHead, query: string | null): Entry | null {
    const method = methodOf(head)
    const mine = exact.get(head.host)
    const found = mine === undefined ? null : findInTree(mine, path, method, head, query)
    if (found !== null) return found
    for (const { suffix, tree } of wildcards) {
      if (head.host.length <= suffix.length || !head.host.endsWith(suffix)) continue
      const entry = findInTree(tree, path, method, head, query)
      if (entry !== null) return entry
    }
    return any === null ? null : findInTree(any, path, method, head, query)
  }

  return {
    match(head) {
      const target = readTarget(head.target)
      const entry = find(target.path, head, target.query)
      if (target.rawPath === target.path) {
        return entry === null ? null : { route: entry.route, pattern: entry.pattern, target, agreed: true }
      }
      const raw = find(target.rawPath, head, target.query)
      const shown = entry ?? raw
      if (shown === null) return null
      return { route: shown.route, pattern: shown.pattern, target, agreed: entry?.route === raw?.route }
    },
  }
}

/** A CORS preflight is matched by the method that it asks for. */
function methodOf(head: RequestHead): string {
  return preflightMethod(head) ?? head.method
}

/** The method that a CORS preflight asks for; null: it is none. https://fetch.spec.whatwg.org/#cors-preflight-request */
export function preflightMethod({ method, headers }: RequestHead): string | null {
  if (method !== 'OPTIONS' || headerOf(headers, 'origin') === null) return null
  return headerOf(headers, 'access-control-request-method')
}

function createTree(routes: readonly Route[]): Tree | null {
  if (routes.length === 0) return null
  const exact = createNode()
  let ignoring: Node | null = null
  for (const route of routes) {
    for (const pattern of route.match.paths) {
      if (route.match.ignoreCase) ignoring ??= createNode()
      const root = route.match.ignoreCase ? (ignoring as Node) : exact
      const suffix = pattern.slice(pattern.lastIndexOf('/') + 2)
      const isStar = pattern.charAt(pattern.lastIndexOf('/') + 1) === '*'
      const ending = isStar ? (route.match.ignoreCase ? suffix.toLowerCase() : suffix) : ''
      insert(root, { route, pattern, suffix: ending, rank: rankOf(route.match, pattern) })
    }
  }
  return { exact, ignoring }
}

function createNode(): Node {
  return { literals: new Map(), param: null, ends: [], stars: [] }
}

function insert(root: Node, entry: Entry): void {
  let node = root
  for (const segment of segmentsOf(entry.pattern)) {
    if (segment.startsWith('*')) {
      node.stars.push(entry)
      node.stars.sort(better)
      return
    }
    if (segment.startsWith(':')) {
      node.param ??= createNode()
      node = node.param
    } else {
      const key = entry.route.match.ignoreCase ? segment.toLowerCase() : segment
      let child = node.literals.get(key)
      if (child === undefined) {
        child = createNode()
        node.literals.set(key, child)
      }
      node = child
    }
  }
  node.ends.push(entry)
  node.ends.sort(better)
}

function better(a: Entry, b: Entry): number {
  return a.rank === b.rank ? a.route.index - b.route.index : a.rank > b.rank ? -1 : 1
}

function findInTree(tree: Tree, path: string, method: string, head: RequestHead, query: string | null): Entry | null {
  const found = walk(tree.exact, path, 1, method, head, query)
  if (tree.ignoring === null) return found
  const ignoring = walk(tree.ignoring, path.toLowerCase(), 1, method, head, query)
  if (found === null || ignoring === null) return found ?? ignoring
  return ignoring.rank > found.rank ? ignoring : found
}

/** `from` is the start of the next segment; path.length + 1 when all segments are used. */
function walk(
  node: Node,
  path: string,
  from: number,
  method: string,
  head: RequestHead,
  query: string | null,
): Entry | null {
  if (from > path.length) {
    return admitted(node.ends, path, from, method, head, query) ?? admitted(node.stars, path, from, method, head, query)
  }
  let end = path.indexOf('/', from)
  if (end === -1) end = path.length
  const literal = node.literals.get(path.slice(from, end))
  if (literal !== undefined) {
    const found = walk(literal, path, end + 1, method, head, query)
    if (found !== null) return found
  }
  if (node.param !== null && end > from) {
    const found = walk(node.param, path, end + 1, method, head, query)
    if (found !== null) return found
  }
  return admitted(node.stars, path, from, method, head, query)
}

/** A star stands for what begins at `from`. */
function admitted(
  entries: readonly Entry[],
  path: string,
  from: number,
  method: string,
  head: RequestHead,
  query: string | null,
): Entry | null {
  for (const entry of entries) {
    if (entry.suffix !== '' && !endsWith(path, from, entry.suffix)) continue
    if (admits(entry.route.match, method, head, query)) return entry
  }
  return null
}

/** Parameters of the last segment (`cart.do;jsessionid=1`) are none of its name. */
function endsWith(path: string, from: number, suffix: string): boolean {
  const semicolon = path.indexOf(';', path.lastIndexOf('/') + 1)
  const end = semicolon === -1 ? path.length : semicolon
  return end - from > suffix.length && path.endsWith(suffix, end)
}

/** Everything but host and path. */
export function admits(match: RouteMatch, method: string, head: RequestHead, query: string | null): boolean {
  if (match.methods !== null && !match.methods.includes(method)) {
    if (method !== 'HEAD' || !match.methods.includes('GET')) return false
  }
  for (const test of match.headers) {
    if (!passes(test, headerOf(head.headers, test.name))) return false
  }
  for (const test of match.query) {
    if (!passes(test, queryOf(query, test.name))) return false
  }
  if (match.cookies.length > 0) {
    const cookies = headerOf(head.headers, 'cookie')
    for (const test of match.cookies) {
      if (!passes(test, cookieOf(cookies, test.name))) return false
    }
  }
  return true
}

export function passes(test: ValueTest, value: string | null): boolean {
  if (value === null) return false
  switch (test.kind) {
    case 'present':
      return true
    case 'exact':
      return value === test.value
    case 'prefix':
      return value.startsWith(test.value)
    case 'suffix':
      return value.endsWith(test.value)
  }
}

/** `/a/:b/*` → ['a', ':b', '*']; `/*.do` → ['*.do']; `/` → ['']. */
function segmentsOf(pattern: string): string[] {
  return pattern.slice(1).split('/')
}

/** Higher text = more specific, for entries that match the same path on the same host. */
function rankOf(match: RouteMatch, pattern: string): string {
  const segments = segmentsOf(pattern)
  const star = segments.at(-1)?.startsWith('*') ? (segments.pop() as string) : null
  const kinds = segments.map(segment => (segment.startsWith(':') ? '2' : '3')).join('')
  // Of two stars at one place, the longer ending says more.
  const path = star === null ? `${kinds}3` : `${kinds}1${String(star.length).padStart(4, '0')}`
  const tests = match.headers.length + match.query.length + match.cookies.length
  return `${path}|${String(tests).padStart(3, '0')}|${match.methods === null ? 0 : 1}|${match.ignoreCase ? 0 : 1}`
}

export interface Tie {
  readonly a: Route
  readonly b: Route
  readonly pattern: string
}

/** Enough to mend a file by; a text made of ties must not cost the square of its length. */
const MOST_TIES = 100
const MOST_RIVALS = 64

/** Pairs of routes that some request matches equally well, each route with its first rival only, at most 100. */
export function findTies(routes: readonly Route[]): readonly Tie[] {
  const ties: Tie[] = []
  const shapes = new Map<string, { readonly route: Route; readonly pattern: string }[]>()
  for (const route of routes) {
    const seen = new Set<string>()
    for (const pattern of route.match.paths) {
      const shape = `${route.match.host ?? '*'} ${shapeOf(route.match, pattern)} ${rankOf(route.match, pattern)}`
      if (seen.has(shape)) continue
      seen.add(shape)
      const rivals = shapes.get(shape) ?? []
      const rival = rivals.slice(0, MOST_RIVALS).find(one => overlap(one.route.match, route.match))
      if (rival !== undefined) ties.push({ a: rival.route, b: route, pattern })
      if (ties.length >= MOST_TIES) return ties
      rivals.push({ route, pattern })
      shapes.set(shape, rivals)
    }
  }
  return ties
}

function shapeOf(match: RouteMatch, pattern: string): string {
  const shape = pattern.replace(/\/:[^/]*/g, '/:')
  return match.ignoreCase ? shape.toLowerCase() : shape
}

function overlap(a: RouteMatch, b: RouteMatch): boolean {
  if (a.methods !== null && b.methods !== null && !a.methods.some(method => b.methods?.includes(method))) return false
  return !excludes(a.headers, b.headers) && !excludes(a.query, b.query) && !excludes(a.cookies, b.cookies)
}

/** True when no value can pass both lists. */
function excludes(a: readonly ValueTest[], b: readonly ValueTest[]): boolean {
  return a.some(one => b.some(other => one.name === other.name && disjoint(one, other)))
}

function disjoint(a: ValueTest, b: ValueTest): boolean {
  if (a.kind === 'exact') return !passes(b, a.value)
  if (b.kind === 'exact') return !passes(a, b.value)
  if (a.kind !== b.kind || a.kind === 'present') return false
  const [longer, shorter] = a.value.length >= b.value.length ? [a, b] : [b, a]
  return !passes(shorter, longer.value)
}
