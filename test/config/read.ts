// Shared by the tests of this room: a text in, mistakes out as one line each, or the plan.
import { type Loaded, loadText } from '../../src/config/load.ts'
import { compilePlan } from '../../src/config/plan.ts'
import { shown } from '../../src/config/shown.ts'
import type { Mistake } from '../../src/model/errors.ts'
import type { Backend, Route } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'

export const ENV = { TEN: '10', NAME: 'mono', EMPTY: '', SECRET: 'geheim' }

export function read(text: string, more: { interpolate?: boolean } = {}): Promise<Loaded> {
  return loadText({ text, file: 'routes.yaml', interpolate: true, env: ENV, ...more })
}

/** `line:column /path message`, `!` in front of warnings. */
export function lineOf({ line, column, path, message, level }: Mistake): string {
  return `${level === 'warning' ? '! ' : ''}${line}:${column} ${path} ${message}`
}

export async function linesOf(text: string): Promise<readonly string[]> {
  return (await read(text)).mistakes.map(lineOf)
}

/** `/path message`, then the hint: for values that are written as JSON, where columns say nothing. */
export async function wordsOf(value: unknown): Promise<readonly string[]> {
  const { mistakes } = await read(JSON.stringify(value))
  return mistakes.map(
    ({ path, message, level, hint }) =>
      `${level === 'warning' ? '! ' : ''}${path} ${message}${hint === null ? '' : `: ${hint}`}`,
  )
}

/** The plan of a configuration; throws where it has mistakes. What is shown of it must give the same plan. */
export async function planOf(value: unknown): Promise<Plan> {
  const plan = compiled(await read(JSON.stringify(value)))
  const again = await read(JSON.stringify(shown((await read(JSON.stringify(value))).config as never)))
  if (comparable(compiled(again)) !== comparable(plan)) throw new Error('what is shown reads as something else')
  return plan
}

export function compiled(loaded: Loaded, loadedAt = 0): Plan {
  const { config, mistakes, place, fileOf } = loaded
  if (config === null) throw new Error(mistakes.map(lineOf).join('\n'))
  const { plan, mistakes: more } = compilePlan(config, { file: 'routes.yaml', loadedAt, place, fileOf })
  if (more.length > 0) throw new Error(more.map(lineOf).join('\n'))
  return plan
}

/** The backend `m` with such settings. */
export async function backendWith(settings: object, proxy: object = {}): Promise<Backend> {
  const url = Object.hasOwn(settings, 'urls') ? {} : { url: 'http://m' }
  const backends = { m: { ...url, ...settings } }
  const plan = await planOf({ proxy, backends, routes: [{ id: 'a', match: { path: '/a' }, legacy: 'm' }] })
  return plan.backends[0] as Backend
}

/** A route with two sides and such words. */
export async function routeWith(words: object, more: object = {}): Promise<Route> {
  return (await planOf({ ...more, routes: [twoSided(words)] })).routes[0] as Route
}

export function twoSided(words: object = {}): object {
  return { id: 'a', match: { path: '/a/*' }, legacy: 'http://l', new: 'http://n', data: 'shared', ...words }
}

function comparable(plan: Plan): string {
  return JSON.stringify(plan, (_, value) => (value instanceof Set ? [...value] : value instanceof Map ? null : value))
}
