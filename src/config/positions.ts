// YAML text as a tree in which every node knows its place; what YAML can do and a configuration must not (aliases, tags,
// duplicate keys …) is refused here.
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLError,
} from 'yaml'
import type { Mistake } from '../model/errors.ts'
import { syntaxHint, syntaxMessage } from './hint.ts'

export const MAX_BYTES = 4 * 2 ** 20
const MAX_DEPTH = 32
/** About ten thousand routes; memory is spent by the token, so a text of nothing but brackets must not pass. */
const MAX_TOKENS = 1_000_000
const MAX_SYNTAX_MISTAKES = 100

export interface Place {
  readonly file: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
}

/** One node of the text. */
export interface Located {
  /** `refused`: a mistake is reported, and nothing more is said about it. */
  readonly kind: 'scalar' | 'map' | 'list' | 'refused'
  readonly at: Place
  /** Where its key stands; null in lists and at the top. */
  readonly key: Place | null
  /** A scalar's text as it stands there; empty for others. */
  readonly source: string
  /** A scalar without quotes. */
  readonly plain: boolean
  /** A scalar's value. */
  readonly value: unknown
  /** What it holds, by key or index. */
  readonly items: ReadonlyMap<string, Located>
  readonly secret: boolean
  /** The value came from the environment or a file: it must not be repeated. */
  readonly outside: boolean
  /** The file that `file:` took it from. */
  readonly from?: string
}

export interface ReadText {
  /** null: the text is not YAML, or not one document. */
  readonly root: Located | null
  readonly mistakes: readonly Mistake[]
}

type Report = (place: Place, path: readonly string[], words: Partial<Mistake> & { readonly message: string }) => void

export function readYaml(text: string, file: string): ReadText {
  const lines = new LineCounter()
  const mistakes: Mistake[] = []
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const report: Report = (place, path, words) => {
    mistakes.push({
      ...place,
      path: pointerOf(path),
      found: null,
      allowed: null,
      hint: null,
      level: 'error',
      ...words,
    })
  }

  if (Buffer.byteLength(text) > MAX_BYTES) {
    report({ file, line: 1, column: 1 }, [], { message: 'the text is larger than 4 MiB' })
    return { root: null, mistakes }
  }
  const { tokens, refusal } = tokensOf(text, lines)
  if (refusal !== null) {
    report(placeOf(refusal.offset), [], { message: refusal.message })
    return { root: null, mistakes }
  }
  const documents = [
    ...new Composer({
      version: '1.2',
      schema: 'core',
      uniqueKeys: false,
      stringKeys: true,
      prettyErrors: false,
    }).compose(tokens),
  ]
  const [document, second] = documents
  for (const problem of document === undefined ? [] : problemsOf(document)) {
    const place = placeOf(problem.pos[0])
    // The first one of a line is the cause, the others are its echo.
    if (place.line === mistakes.at(-1)?.line) continue
    report(place, [], { message: syntaxMessage(problem), hint: syntaxHint(problem, text) })
  }
  if (second !== undefined) {
    report(placeOf(second.range?.[0] ?? 0), [], { message: 'a second document', hint: 'remove the line `---`' })
  }
  if (mistakes.length > 0) return { root: null, mistakes }
  const contents = document?.contents as ParsedNode | null | undefined
  if (contents === null || contents === undefined || (isScalar(contents) && contents.source === '')) {
    report({ file, line: 1, column: 1 }, [], { message: 'the file is empty', hint: 'write `{}` to take every default' })
    return { root: null, mistakes }
  }
  return { root: locate(contents, null, [], placeOf, report), mistakes }
}

/** Tokens of the text, unless it is too deep or too much. Stops early where the text is plainly not YAML. */
function tokensOf(text: string, lines: LineCounter) {
  const tokens: CST.Token[] = []
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  let count = 0
  let broken = 0
  const take = (token: CST.Token) => {
    if (token.type === 'error') broken++
    tokens.push(token)
  }
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) take(token)
    if (++count > MAX_TOKENS) return { tokens, refusal: { offset: parser.offset, message: 'too many entries' } }
    if (parser.stack.length > MAX_DEPTH && parser.stack.filter(CST.isCollection).length > MAX_DEPTH) {
      return { tokens, refusal: { offset: parser.offset, message: `nested deeper than ${MAX_DEPTH} levels` } }
    }
    if (broken >= MAX_SYNTAX_MISTAKES) break
  }
  for (const token of parser.end()) take(token)
  return { tokens, refusal: null }
}

/** Warnings of the parser are mistakes too. Aliases and tags are left to the tree, which knows their path. */
function problemsOf(document: Document): readonly YAMLError[] {
  const later = new Set(['BAD_ALIAS', 'TAG_RESOLVE_FAILED'])
  return [...document.errors, ...document.warnings]
    .filter(problem => !later.has(problem.code))
    .sort((a, b) => a.pos[0] - b.pos[0])
    .slice(0, MAX_SYNTAX_MISTAKES)
}

function locate(
  node: ParsedNode | null,
  key: Place | null,
  path: readonly string[],
  placeOf: (offset: number) => Place,
  report: Report,
): Located {
  const at = node === null ? (key as Place) : placeOf(node.range[0])
  const bare = {
    at,
    key,
    source: '',
    plain: false,
    value: undefined,
    items: new Map<string, Located>(),
    secret: false,
    outside: false,
  }
  if (node === null) return { ...bare, kind: 'scalar', plain: true, value: null }
  if (isAlias(node)) {
    report(at, path, {
      message: 'aliases are not allowed',
      found: `*${node.source}`,
      hint: `a text that begins with * needs quotes: "*${node.source}"`,
    })
    return { ...bare, kind: 'refused' }
  }
  if (node.anchor !== undefined) {
    report(at, path, {
      message: 'anchors are not allowed',
      found: `&${node.anchor}`,
      hint: 'a text that begins with & needs quotes; policies shared by routes go to `defaults`',
    })
  }
  if (node.tag !== undefined) {
    report(at, path, {
      message: 'tags are not allowed',
      found: node.tag.replace('tag:yaml.org,2002:', '!!'),
      hint: 'a text that begins with ! needs quotes',
    })
    return { ...bare, kind: 'refused' }
  }
  if (isScalar(node)) {
    const plain = node.type === 'PLAIN'
    return { ...bare, kind: 'scalar', source: sourceOf(node), plain, value: node.value }
  }
  if (isSeq(node)) {
    node.items.forEach((item, index) => {
      const name = String(index)
      bare.items.set(name, locate(item as ParsedNode, null, [...path, name], placeOf, report))
    })
    return { ...bare, kind: 'list' }
  }
  if (!isMap(node)) return { ...bare, kind: 'refused' }
  for (const pair of node.items) {
    const keyNode = pair.key as ParsedNode
    const keyAt = placeOf(keyNode.range[0])
    const name = isScalar(keyNode) ? String(keyNode.value) : ''
    const below = [...path, name]
    const refusal = refusedKey(keyNode, name, bare.items.get(name)?.key ?? null)
    if (refusal !== null) report(keyAt, below, { found: name, ...refusal })
    else bare.items.set(name, locate(pair.value as ParsedNode | null, keyAt, below, placeOf, report))
  }
  return { ...bare, kind: 'map' }
}

const RESERVED = new Set(['__proto__', 'constructor', 'prototype'])

function refusedKey(node: ParsedNode, name: string, first: Place | null) {
  if (!isScalar(node))
    return { message: 'a key must be a text', found: null, hint: 'a key that begins with * needs quotes' }
  if (node.anchor !== undefined || node.tag !== undefined) return { message: 'anchors and tags are not allowed' }
  if (name === '<<') {
    return { message: 'merge keys are not allowed', hint: 'policies shared by routes go to `defaults`' }
  }
  if (RESERVED.has(name)) return { message: 'this key is reserved', hint: 'choose another name' }
  if (first !== null)
    return { message: `duplicate key; the first is at line ${first.line}`, hint: 'remove one of them' }
  return null
}

function sourceOf(node: Scalar): string {
  return node.source ?? String(node.value)
}

/** The data of a tree: mappings, lists and scalars. What was refused is undefined. */
export function plainOf(node: Located): unknown {
  if (node.kind === 'list') return [...node.items.values()].map(plainOf)
  if (node.kind === 'map') return Object.fromEntries([...node.items].map(([key, item]) => [key, plainOf(item)]))
  return node.value
}

/** The node at a path, or the nearest one above it. */
export function nearestTo(
  root: Located,
  path: readonly PropertyKey[],
): { readonly node: Located; readonly depth: number } {
  let node = root
  let depth = 0
  for (const key of path) {
    const next = node.items.get(String(key))
    if (next === undefined) break
    node = next
    depth++
  }
  return { node, depth }
}

/** RFC 6901. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

export function pathOf(pointer: string): readonly string[] {
  return pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}
