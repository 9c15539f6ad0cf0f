// All templates as a tree of segments with a bound on its memory, whatever paths come.
//
// Segments whose text says that they are values are params at once (segment.ts). What looks like a word is kept by its text,
// until there are too many of them beside each other: then the ones that were asked for often stay, the others become a param,
// or `*.do` where they have an extension. Pages that people use survive a scanner that way, and names of things do not.
// Where the tree is full, what was seen least is let go; `forgotten` counts it.
import { extensionOf, isAsset, type Kind } from './segment.ts'
import { Tally } from './tally.ts'
import type { ReadPath } from './template.ts'

/** Tallies in all: with 2 KiB each, 4 MiB at most. */
export const MOST_TALLIES = 2_000
const MOST_METHODS = 8
const MOST_SUFFIXES = 8
/** Words beside each other, at the top and below. */
const MOST_WORDS = { top: 128, below: 32 }
/** Of a crowd, so many may stay: with this share of what came by since the last crowd, and at least so many requests. */
const STAYS = { top: { most: 64, share: 0.005, least: 2 }, below: { most: 8, share: 0.05, least: 3 } }
/** Crowds that a word outlives which has stayed once, unasked for. */
const LIVES = 4

type ParamName = Extract<Kind, { kind: 'param' }>['name']

interface Node {
  readonly words: Map<string, Node>
  readonly param: { name: ParamName; node: Node | null }
  /** By extension. */
  readonly suffixes: Map<string, Node>
  /** Of a path that is too deep, what is below. */
  rest: Node | null
  /** Static files in this directory. */
  assets: Node | null
  readonly tallies: Map<string, Tally>
  /** Requests since the last crowd beside it, its own and those below it. */
  recent: number
  /** Above 0: it has outlived a crowd. */
  lives: number
  /** It had a crowd below it: words that have no lives are shown as what they will become. */
  isCrowded: boolean
}

export interface Placed {
  readonly kinds: readonly Kind[]
  readonly method: string
  readonly tally: Tally
  /** It holds static files only. */
  readonly isAssets: boolean
}

/** What a request proves: that its path exists; that its method does, where the path is known; or nothing. */
export type Made = 'path' | 'method' | 'nothing'

export class Tree {
  readonly #root = createNode()
  #tallies = 0
  /** Requests whose templates had to give way. */
  forgotten = 0

  /** Hands the tally of this path and method to `record`; false: it is not known, and nothing may be made of it. */
  take(path: ReadPath, method: string, made: Made, weight: number, record: (tally: Tally) => void): boolean {
    const makes = made === 'path'
    const walked = this.#walk(path, isRead(method) && isAsset(path.file), makes)
    const place = walked?.at(-1)
    if (walked === null || place === undefined) return false
    const tally = this.#tallyOf(place, method, makes || (made === 'method' && place.tallies.size > 0))
    if (tally === null) return false
    for (const node of walked) node.recent += weight
    record(tally)
    if (made !== 'nothing') this.#settle(path.kinds)
    return true
  }

  /** Every template as it is to be shown; several may have the same text, and belong together. */
  all(): Generator<Placed> {
    return placed(this.#root, [])
  }

  get size(): number {
    return this.#tallies
  }

  /** A file at the top is a word like others: no directory holds it. */
  #walk({ kinds }: ReadPath, asset: boolean, makes: boolean): Node[] | null {
    const walked: Node[] = []
    let node = this.#root
    for (const [i, kind] of kinds.entries()) {
      const isFile = asset && i > 0 && i === kinds.length - 1
      const next = isFile ? assetsOf(node, makes) : childOf(node, kind, makes)
      if (next === null) return null
      walked.push(next)
      node = next
    }
    return walked
  }

  #tallyOf({ tallies }: Node, asked: string, makes: boolean): Tally | null {
    const method = tallies.has(asked) || tallies.size < MOST_METHODS ? asked : 'OTHER'
    const known = tallies.get(method)
    if (known !== undefined || !makes) return known ?? null
    const tally = new Tally()
    tallies.set(method, tally)
    this.#tallies++
    return tally
  }

  /** Thins out crowds along the way, and the whole tree where it is full. */
  #settle(kinds: readonly Kind[]): void {
    let node: Node | null = this.#root
    for (let i = 0; node !== null; i++) {
      if (node.words.size > (i === 0 ? MOST_WORDS.top : MOST_WORDS.below)) this.#thin(node, i === 0)
      const kind: Kind | undefined = kinds[i]
      node = kind === undefined ? null : childOf(node, kind, false)
    }
    if (this.#tallies > MOST_TALLIES) this.#prune()
  }

  #thin(node: Node, isTop: boolean): void {
    const { most, share, least } = isTop ? STAYS.top : STAYS.below
    const words = [...node.words].sort(([, a], [, b]) => b.recent - a.recent)
    const total = words.reduce((sum, [, { recent }]) => sum + recent, 0)
    const often = Math.max(least, total * share)
    node.isCrowded = true
    let kept = 0
    for (const [word, one] of words) {
      one.lives = one.recent >= often || (one.lives > 0 && one.recent > 0) ? LIVES : Math.max(0, one.lives - 1)
      one.recent = 0
      if (one.lives > 0 && kept++ < most) continue
      node.words.delete(word)
      this.#absorb(childOf(node, collectiveOf(node, word, one), true) as Node, one)
    }
  }

  /** Everything of `from`, and below it, goes into `into`. */
  #absorb(into: Node, from: Node): void {
    into.isCrowded ||= from.isCrowded
    for (const [method, tally] of from.tallies) {
      this.#tallyOf(into, method, true)?.merge(tally)
      this.#tallies--
    }
    for (const { kind, node } of below(from)) this.#absorb(childOf(into, kind, true) as Node, node)
    if (from.assets !== null) this.#absorb(assetsOf(into, true) as Node, from.assets)
    if (into.words.size > MOST_WORDS.below) this.#thin(into, false)
  }

  /** Half of them goes: those with the fewest requests. */
  #prune(): void {
    const counts = [...placed(this.#root, [])].map(({ tally }) => tally.requests).sort((a, b) => a - b)
    let mayGo = counts.length >> 1
    const line = counts[mayGo] as number
    const isEmptied = (node: Node): boolean => {
      for (const [method, tally] of node.tallies) {
        if (mayGo === 0 || tally.requests > line) continue
        mayGo--
        this.forgotten += tally.requests
        this.#tallies--
        node.tallies.delete(method)
      }
      for (const [word, one] of node.words) if (isEmptied(one)) node.words.delete(word)
      for (const [extension, one] of node.suffixes) if (isEmptied(one)) node.suffixes.delete(extension)
      if (node.param.node !== null && isEmptied(node.param.node)) node.param.node = null
      if (node.rest !== null && isEmptied(node.rest)) node.rest = null
      if (node.assets !== null && isEmptied(node.assets)) node.assets = null
      return node.tallies.size === 0 && isLeaf(node) && node.assets === null
    }
    isEmptied(this.#root)
  }
}

function createNode(): Node {
  return {
    words: new Map(),
    param: { name: 'id', node: null },
    suffixes: new Map(),
    rest: null,
    assets: null,
    tallies: new Map(),
    recent: 0,
    lives: 0,
    isCrowded: false,
  }
}

/** Where the kind leads. A word that is not known, and is not to be made, leads to where its like went. */
function childOf(node: Node, kind: Kind, makes: boolean): Node | null {
  switch (kind.kind) {
    case 'literal': {
      const known = node.words.get(kind.text)
      if (known !== undefined || makes) return known ?? added(node.words, kind.text)
      const suffix = node.suffixes.get(extensionOf(kind.text) ?? '')
      return suffix ?? (node.isCrowded ? node.param.node : null)
    }
    case 'param':
      if (node.param.node === null && makes) {
        node.param.name = kind.name
        node.param.node = createNode()
      }
      return node.param.node
    case 'suffix':
      return node.suffixes.get(kind.extension) ?? (makes ? added(node.suffixes, kind.extension) : null)
    case 'rest':
      if (makes) node.rest ??= createNode()
      return node.rest
  }
}

function assetsOf(node: Node, makes: boolean): Node | null {
  if (makes) node.assets ??= createNode()
  return node.assets
}

function added(nodes: Map<string, Node>, name: string): Node {
  const made = createNode()
  nodes.set(name, made)
  return made
}

/** What a word of a crowd becomes. */
function collectiveOf(node: Node, word: string, one: Node): Kind {
  const extension = isLeaf(one) ? extensionOf(word) : null
  if (extension !== null && (node.suffixes.has(extension) || node.suffixes.size < MOST_SUFFIXES)) {
    return { kind: 'suffix', extension }
  }
  return { kind: 'param', name: node.param.node === null ? 'name' : node.param.name }
}

function isLeaf(node: Node): boolean {
  return node.words.size === 0 && node.param.node === null && node.suffixes.size === 0 && node.rest === null
}

/** All but the static files. */
function* below(node: Node): Generator<{ readonly kind: Kind; readonly node: Node }> {
  for (const [text, one] of node.words) yield { kind: { kind: 'literal', text }, node: one }
  if (node.param.node !== null) yield { kind: { kind: 'param', name: node.param.name }, node: node.param.node }
  for (const [extension, one] of node.suffixes) yield { kind: { kind: 'suffix', extension }, node: one }
  if (node.rest !== null) yield { kind: { kind: 'rest' }, node: node.rest }
}

function* placed(node: Node, kinds: readonly Kind[]): Generator<Placed> {
  for (const [method, tally] of node.tallies) yield { kinds, method, tally, isAssets: false }
  for (const { kind, node: one } of below(node)) {
    const isPassing = kind.kind === 'literal' && node.isCrowded && one.lives === 0
    const shown = [...kinds, isPassing ? collectiveOf(node, kind.text, one) : kind]
    if (!hasAssetsOnly(one)) yield* placed(one, shown)
    else for (const file of filesOf(one)) yield { ...file, kinds: [...shown, { kind: 'rest' }], isAssets: true }
  }
  if (node.assets === null) return
  for (const file of filesOf(node.assets)) yield { ...file, kinds: [...kinds, { kind: 'rest' }], isAssets: true }
}

/** Such a directory is one template: `/static/*`. */
function hasAssetsOnly(node: Node): boolean {
  if (node.tallies.size > 0) return false
  const children = [...below(node)]
  return (node.assets !== null || children.length > 0) && children.every(({ node: one }) => hasAssetsOnly(one))
}

function* filesOf(node: Node): Generator<Pick<Placed, 'method' | 'tally'>> {
  for (const [method, tally] of node.tallies) yield { method, tally }
  for (const { node: one } of below(node)) yield* filesOf(one)
  if (node.assets !== null) yield* filesOf(node.assets)
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}
