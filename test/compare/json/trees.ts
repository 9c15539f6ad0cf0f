// Trees for the tests of comparing: any JSON in small alphabets, so that things repeat; comparing without limits; RFC 6902.
import fc from 'fast-check'
import { type DiffOptions, diffTrees, type TreeDiff } from '../../../src/compare/json/diff.ts'
import type { Operation } from '../../../src/compare/json/patch.ts'
import { tokensOf } from '../../../src/compare/json/pointer.ts'
import { type Json, readJson } from '../../../src/compare/json/read.ts'
import type { CompareBudget } from '../../../src/model/comparison.ts'

export const ROOMY: CompareBudget = { timeMs: 60_000, nodes: 1e8, depth: 1e6, keys: 1e6, differences: 1e6 }

export function diff(legacy: Json, fresh: Json, options: Partial<DiffOptions> = {}): TreeDiff {
  return diffTrees(legacy, fresh, { budget: ROOMY, now: () => 0, legacyMarks: null, newMarks: null, ...options })
}

export function treeOf(text: string): Json {
  const read = readJson(text)
  if ('wrong' in read) throw new Error(`${text.slice(0, 80)}: ${read.wrong}`)
  return read.tree
}

/** `kind path`, and ` → newPath` where there is one. */
export function shown({ differences }: TreeDiff): string[] {
  return differences.map(({ kind, path, newPath }) => `${kind} ${path}${newPath === undefined ? '' : ` → ${newPath}`}`)
}

const NAMES = ['a', 'b', 'c', '', '__proto__', 'toString', 'constructor', '0', '10', 'x/y', 'm~n', '"', '\\', 'id']

/** JSON texts, some with numbers that no double holds; keys never come twice. */
export const anyText: fc.Arbitrary<string> = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      'null',
      'true',
      'false',
      '0',
      '1',
      '2.5',
      '-7',
      '""',
      '"a"',
      '"b"',
      '"1"',
      '"a\\n"',
      '"é"',
      '"嗨:"',
    ),
    fc.constantFrom('9007199254740992', '9007199254740993', '1e400', '1E2', '1.0', '-0', '123456789.12345678'),
    fc.array(tie('value'), { maxLength: 6 }).map(elements => `[${elements.join(', ')}]`),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { selector: ([name]) => name, maxLength: 5 })
      .map(members => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`),
  ),
})).value

export const anyTree: fc.Arbitrary<Json> = anyText.map(treeOf)

/** RFC 6902, as far as patches of ours go. The tree that is given stays as it is. */
export function applied(tree: Json, patch: readonly Operation[]): Json {
  let root = copied(tree)
  for (const operation of patch) {
    const value = operation.op === 'remove' ? undefined : copied(operation.value)
    const tokens = tokensOf(operation.path)
    const last = tokens.at(-1)
    if (last === undefined) {
      root = value as Json
      continue
    }
    const container = tokens.slice(0, -1).reduce((at, token) => childOf(at, token), root as unknown)
    if (Array.isArray(container)) {
      const index = Number(last)
      if (!(index >= 0 && index <= container.length)) throw new Error(`no place for ${JSON.stringify(operation)}`)
      if (operation.op === 'add') container.splice(index, 0, value)
      else if (index === container.length) throw new Error(`nothing at ${operation.path}`)
      else if (operation.op === 'remove') container.splice(index, 1)
      else container[index] = value
    } else {
      const object = container as { [name: string]: unknown }
      if (operation.op !== 'add' && !Object.hasOwn(object, last)) throw new Error(`nothing at ${operation.path}`)
      if (operation.op === 'remove') delete object[last]
      else Object.defineProperty(object, last, { value, enumerable: true, configurable: true, writable: true })
    }
  }
  return root
}

function childOf(container: unknown, token: string): unknown {
  if (typeof container !== 'object' || container === null) throw new Error(`nothing under ${token}`)
  if (!Object.hasOwn(container, token)) throw new Error(`nothing at ${token}`)
  return (container as { [name: string]: unknown })[token]
}

/** `Exact` are never changed, so they are shared. */
function copied(tree: Json): Json {
  if (Array.isArray(tree)) return tree.map(copied)
  if (typeof tree !== 'object' || tree === null || Object.getPrototypeOf(tree) !== Object.prototype) return tree
  const members = Object.entries(tree).map(([name, value]) => [name, copied(value)] as const)
  return Object.fromEntries(members) as Json
}
