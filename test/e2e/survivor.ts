// Banyans that are killed and started again on the same state, and what they remember.
import type { Test } from 'tap'
import { named, temporary } from './harness.ts'
import { manyUsers, type Running, type StartOptions, splitConfig, startProcess } from './process.ts'

export const USERS = manyUsers(40)
export const ROUTES = ['all', 'a', 'b', 'c']

export interface Entry {
  readonly action: string
  readonly subject: string
  readonly revision: number
  // biome-ignore lint/suspicious/noExplicitAny: each action has its own
  readonly after: any
}

/** Legacy, new, and a way to start on them again and again. */
export async function scene(t: Test, more: Readonly<Record<string, unknown>> = {}) {
  const cwd = temporary(t)
  const [legacy, fresh] = await Promise.all([named(t, 'legacy'), named(t, 'new')])
  const base = splitConfig(legacy.url, fresh.url)
  const [all] = base.routes as [Record<string, unknown>]
  const routes = [all, ...['a', 'b', 'c'].map(id => ({ ...all, id, match: { path: `/${id}/*` } }))]
  const start = (options: Partial<StartOptions> & { readonly weight?: number } = {}) => {
    const { weight, ...rest } = options
    const weighed = weight === undefined ? routes : routes.map(route => ({ ...route, weight }))
    return startProcess(t, { ...base, routes: weighed, ...more }, { cwd, ...rest })
  }
  return { cwd, start }
}

/** The whole log, oldest first. */
export async function auditOf(banyan: Running): Promise<readonly Entry[]> {
  const all: Entry[] = []
  for (let before: number | null = null; ; ) {
    const { json } = await banyan.api('GET', `/audit?limit=1000${before === null ? '' : `&before=${before}`}`)
    all.push(...json.entries)
    if (json.next === null) return all.reverse()
    before = json.next as number
  }
}

export function ids(list: readonly { readonly id: string }[]): readonly string[] {
  return list.map(one => one.id).sort()
}
