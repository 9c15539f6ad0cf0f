// What the documents may name, from where it is defined: commands, operations of the admin API, metrics, keys of routes.yaml.

import type { Command } from 'commander'
import { CommanderError } from 'commander'
import { parse } from 'yaml'
import { type Operation, operations } from '../../src/admin/api.ts'
import { type CliIo, createProgram } from '../../src/cli/main.ts'
import { type Loaded, loadText } from '../../src/config/load.ts'
import { compilePlan } from '../../src/config/plan.ts'
import { pageText } from './blocks.ts'

/** null: the command line takes it. It is parsed as in earnest, and not run. */
export function refusedByCli(args: readonly string[]): string | null {
  let said = ''
  const write = (text: string) => {
    said += text
  }
  const io = { stdout: { write }, stderr: { write }, env: { NO_COLOR: '1' }, parts: { version: '1' } }
  const { program } = createProgram(io as unknown as CliIo)
  idle(program)
  try {
    program.parse(args, { from: 'user' })
    return null
  } catch (error) {
    return error instanceof CommanderError && error.exitCode === 0 ? null : said.trim() || String(error)
  }
}

function idle(command: Command): void {
  if (command.commands.length === 0) command.action(() => {})
  // Some are both: `banyan divergences orders`, `banyan divergences show …`. Those with subcommands only print their help.
  else if (command.registeredArguments.length > 0 || command.parent !== null) command.action(() => {})
  for (const one of command.commands) idle(one)
}

/** Whether `banyan rollback`, said without its arguments, is a command. */
export function isCommand(names: readonly string[]): boolean {
  let command: Command = createProgram({
    parts: { version: '1' },
    env: {},
    stdout: {},
    stderr: {},
  } as unknown as CliIo).program
  for (const name of names) {
    const found = command.commands.find(one => one.name() === name)
    if (found === undefined) return false
    command = found
  }
  return true
}

const CALLS = Object.values<Operation>(operations).map(({ method, path }) => {
  return { method, path: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`) }
})

/** `path` below /api/v1, without its query. */
export function isOperation(method: string, path: string): boolean {
  return CALLS.some(call => call.method === method && call.path.test(path))
}

const METRICS = new Set([...pageText('docs/reference/metrics.md').matchAll(/^\| `(\w+)`/gm)].map(match => match[1]))

export function isMetric(name: string): boolean {
  return METRICS.has(name) || METRICS.has(name.replace(/_(bucket|sum|count)$/, ''))
}

const KEYS: ReadonlySet<string> = (() => {
  const keys = new Set<string>()
  let section = ''
  for (const line of pageText('docs/reference/configuration.md').split('\n')) {
    section = /^## (\w+)$/.exec(line)?.[1] ?? section
    const key = /^\| `([^`]+)` \|/.exec(line)?.[1]
    if (key !== undefined) keys.add(key === section ? key : `${section}.${key}`.replaceAll('[]', ''))
  }
  return keys
})()
const NAMES = new Set([...KEYS].flatMap(key => key.split('.')))

/** By its end: `limits.head` stands for `proxy.limits.head`, where the page has said whose. */
export function isKey(key: string): boolean {
  return [...KEYS].some(known => known === key || known.endsWith(`.${key}`))
}

export function startsLikeKey(key: string): boolean {
  return NAMES.has(key.split('.')[0] as string)
}

const TOP = /^\w+/
const WHOLE = new Set([...KEYS].map(key => TOP.exec(key)?.[0]))

/**
 * What is wrong with a block of routes.yaml; null: it is no routes.yaml. A fragment is completed: backends that are named and not
 * there get an address, a file without routes gets `orders`, keys of a route get a route with two sides around them, variables and files a value.
 */
export async function mistakesIn(text: string): Promise<readonly string[] | null> {
  const value: unknown = parse(text)
  if (typeof value !== 'object' || value === null || 'apiVersion' in value || 'services' in value) return null
  const keys = Object.keys(value)
  const whole: Record<string, unknown> = keys.every(key => WHOLE.has(key))
    ? { routes: [{ id: 'orders', match: { path: '/orders/*' }, legacy: 'legacy' }], ...value }
    : { routes: [{ id: 'a', match: { path: '/a/*' }, legacy: 'legacy', new: 'new', data: 'shared', ...value }] }
  const named = new Set(['legacy', 'new'])
  for (const route of (whole.routes ?? []) as readonly Record<string, unknown>[]) {
    for (const side of [route.legacy, route.new]) if (typeof side === 'string' && !side.includes(':')) named.add(side)
  }
  whole.backends = {
    ...Object.fromEntries([...named].map(name => [name, { url: 'http://10.0.0.5' }])),
    ...(whole.backends as object),
  }
  const loaded: Loaded = await loadText({
    text: JSON.stringify(whole),
    file: 'routes.yaml',
    interpolate: true,
    env: VARIABLES,
    readFile: async () => Buffer.from('user-1\n'),
    now: () => Date.UTC(2026, 10, 27),
  })
  const { config, place, fileOf } = loaded
  const more = config === null ? [] : compilePlan(config, { file: 'routes.yaml', loadedAt: 0, place, fileOf }).mistakes
  return [...loaded.mistakes, ...more]
    .filter(({ level }) => level === 'error')
    .map(({ path, message }) => `${path} ${message}`)
}

const VARIABLES: Readonly<Record<string, string>> = new Proxy(
  {},
  {
    has: () => true,
    get: (_, name) => {
      const text = String(name)
      if (text.endsWith('STORE')) return 'postgres://banyan@db/banyan'
      if (/^(LEGACY|NEW)/.test(text)) return 'http://10.0.0.5:3001'
      return '0123456789abcdef0123'
    },
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: 'x' }),
  },
)
