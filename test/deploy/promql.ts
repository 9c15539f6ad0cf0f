// What an expression of PromQL asks for, as far as names go; and promtool, which knows the rest.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { cannotRun } from '../store/child.ts'

export interface Selector {
  readonly metric: string
  /** By label: the values that are asked for, or kept out; null where it is a pattern beyond alternatives. */
  readonly matchers: ReadonlyMap<string, readonly string[] | null>
}

const SELECTOR = /\b([a-z][a-z0-9_]*(?::[a-z0-9_:]+)?)\b(?:\{([^}]*)\})?(?!\s*\()/gi
const MATCHER = /([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g
const GROUPING = /\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)/g
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'group_left', 'group_right', 'by', 'on', 'ignoring'])

/** Every metric that is asked for. */
export function selectorsOf(expr: string): readonly Selector[] {
  const bare = expr
    .replace(GROUPING, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\boffset \w+/g, '')
  return [...bare.matchAll(SELECTOR)]
    .filter(([, name = '']) => !WORDS.has(name))
    .map(([, metric = '', labels = '']) => ({
      metric,
      matchers: new Map([...labels.matchAll(MATCHER)].map(([, label = '', value = '']) => [label, valuesOf(value)])),
    }))
}

/** Labels that are grouped by, or matched on. */
export function groupingsOf(expr: string): readonly string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, labels = '']) => labels.split(',').map(label => label.trim()))
}

function valuesOf(pattern: string): readonly string[] | null {
  return /^[\w|-]*$/.test(pattern) ? pattern.split('|') : null
}

export const noPromtool = cannotRun('promtool', '--version')

/** Its exit code, and what it says. */
export function promtool(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}

/** Mistakes of expressions, by promtool; it reads them as rules. */
export function mistakesOf(t: Test, expressions: readonly string[]): string {
  const rules = expressions.map((expr, at) => ({ record: `expression:${at}`, expr }))
  const file = join(mkdtempSync(join(tmpdir(), 'banyan-promql-')), 'rules.yaml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'all', rules }] }))
  const { status, said } = promtool('check', 'rules', '--lint=none', file)
  t.comment(`${expressions.length} expressions`)
  return status === 0 ? '' : said
}
