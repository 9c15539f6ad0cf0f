// The JSONPath Compliance Test Suite: what each selector finds, where, in which order; what is refused.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { type Json, readJson } from '../../../src/compare/json/read.ts'
import { isPath, readPath } from '../../../src/compare/rules/path.ts'
import { isContainer, select, Visits } from '../../../src/compare/rules/select.ts'

const SUITE = '../shared/suites/jsonpath-cts/cts.json'

interface Case {
  readonly name: string
  readonly selector: string
  readonly document?: Json
  readonly result?: readonly Json[]
  readonly results?: readonly (readonly Json[])[]
  readonly result_paths?: readonly string[]
  readonly results_paths?: readonly (readonly string[])[]
  readonly invalid_selector?: boolean
}

const tests: readonly Case[] = existsSync(SUITE) ? JSON.parse(readFileSync(SUITE, 'utf8')).tests : []

t.test('compliance suite', async t => {
  if (tests.length === 0) return t.pass(`skipped: ${SUITE} is absent`)
  for (const test of tests) {
    const path = readPath(test.selector)
    if (test.invalid_selector === true) {
      if (isPath(path)) t.fail(`${test.name}: ${test.selector} is taken`)
      else {
        t.ok(path.message.length > 5 && path.position >= 1, `${test.name}: ${path.message}, character ${path.position}`)
        t.notMatch(path.message, /TOKEN_|Type\b|bracketed|undefined/, test.name)
      }
      continue
    }
    if (!isPath(path)) {
      t.fail(`${test.name}: ${test.selector}: ${path.message}`)
      continue
    }
    const document = test.document as Json
    const places = select(path, document, document, new Visits(100_000))
    const names = normalizedPaths(document)
    const found = places.map(({ container, key }) => (container === null ? '$' : `${names.get(container)}${step(key)}`))
    const values = test.results ?? [test.result as readonly Json[]]
    const wanted = test.results_paths ?? (test.result_paths === undefined ? null : [test.result_paths])
    const has = (all: readonly unknown[], one: unknown) =>
      all.some(each => JSON.stringify(each) === JSON.stringify(one))
    const right =
      has(
        values,
        places.map(place => place.value),
      ) &&
      (wanted === null || has(wanted, found))
    t.ok(right, `${test.name}: ${test.selector}`, { found, wanted, places: places.map(place => place.value) })
  }
})

t.test('numbers are compared to their last digit', async t => {
  t.same(found('$[?@ == 9007199254740993]', '[9007199254740992, 9007199254740993, 9007199254740993.0]'), [1, 2])
  t.same(found('$[?@ > 9007199254740990]', '[9007199254740993, 1]'), [0])
  t.same(found('$..*', '{"a": 9007199254740993}'), ['a'], 'such a number has no members')
  t.same(found("$['__proto__']", '{"__proto__": 1}'), ['__proto__'])
  t.same(found('$.toString', '{}'), [])
})

t.test('texts are ordered and measured by code points', async t => {
  t.same(found('$[?length(@) == 1]', '["😀", "ab"]'), [0])
  t.same(found('$[?@ < "\uffff"]', '["\uffee", "😀"]'), [0])
})

t.test('deep and large bodies end', async t => {
  const deep = tree('['.repeat(100_000) + ']'.repeat(100_000))
  t.equal(places('$..[0]', deep, 1_000_000).length, 99_999)
  t.equal(places('$[?@..[0]]', deep, 1_000_000).length, 1)
  t.throws(() => places('$..[?@..[0]]', deep, 1_000_000), { name: 'TooManyPlaces' })
  const wide = tree(`[${'{"a":[1]},'.repeat(200_000)}0]`)
  t.equal(places('$[*].a', wide, 1_000_000).length, 200_000)
  t.throws(() => places('$[*].a', wide, 100_000), { name: 'TooManyPlaces' })
  t.throws(() => places('$..*..*..*..*', tree(`${'['.repeat(60)}${']'.repeat(60)}`), 100_000), {
    name: 'TooManyPlaces',
  })
  const twin = tree(`[${'['.repeat(50_000)}${']'.repeat(50_000)},${'['.repeat(50_000)}${']'.repeat(50_000)}]`)
  t.equal(places('$[?@ == $[1]]', twin, 1_000_000).length, 2)
})

t.test('patterns in filters cannot run away', async t => {
  const text = `"${'a'.repeat(60)}b"`
  t.same(found("$[?match(@, '(a+)+c')]", `[${text}]`), [])
  t.same(found('$.l[?match(@, $.p)]', `{"p": "(a|a)*c", "l": [${text}]}`), [])
  t.same(found("$[?match(@, 'a+b')]", `[${text}]`), [0])
  t.same(found("$[?search(@, 'a{3}.*b')]", `[${text}, "aab"]`), [0])
})

t.test('a path that is too long, or too nested', async t => {
  t.same(readPath(`$${'.a'.repeat(600)}`), { message: 'longer than 1000 characters', position: 1001 })
  t.same(readPath(`$[?${'('.repeat(60)}@.a${')'.repeat(60)}]`), { message: 'too many brackets', position: 1 })
})

function tree(text: string): Json {
  const read = readJson(text)
  if ('wrong' in read) throw new Error(read.wrong)
  return read.tree
}

function places(text: string, document: Json, most: number) {
  const path = readPath(text)
  if (!isPath(path)) throw new Error(path.message)
  return select(path, document, document, new Visits(most))
}

function found(text: string, document: string): (string | number)[] {
  return places(text, tree(document), 10_000).map(place => place.key)
}

function normalizedPaths(document: Json): Map<unknown, string> {
  const paths = new Map<unknown, string>()
  const visit = (value: Json, path: string) => {
    if (!isContainer(value)) return
    paths.set(value, path)
    if (Array.isArray(value)) value.forEach((element, i) => void visit(element, `${path}${step(i)}`))
    else for (const [name, member] of Object.entries(value)) visit(member, `${path}${step(name)}`)
  }
  visit(document, '$')
  return paths
}

function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  const escapes: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't' }
  const escaped = [...key].map(char => {
    if (char === "'" || char === '\\') return `\\${char}`
    if (escapes[char] !== undefined) return `\\${escapes[char]}`
    return char < ' ' ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char
  })
  return `['${escaped.join('')}']`
}
