// Calls of the public API, with the page's half of the session. What is refused is a `Refused` with the problem that the API said.
import type { z } from 'zod'
import type { OperationName, operations, Problem } from '../api.ts'

type Named<N extends OperationName> = (typeof operations)[N]
export type Answer<N extends OperationName> =
  Named<N> extends { readonly answer: infer A extends z.ZodType } ? z.infer<A> : never

/** The calls that are made here; the compiler holds them against the API. */
const CALLS = {
  signIn: 'POST /session',
  session: 'GET /session',
  signOut: 'DELETE /session',
  status: 'GET /status',
  route: 'GET /routes/:id',
  history: 'GET /routes/:id/history',
  burndown: 'GET /burndown',
  setWeight: 'PUT /routes/:id/weight',
  unsetWeight: 'DELETE /routes/:id/weight',
  freeze: 'POST /routes/:id/freeze',
  unfreeze: 'POST /routes/:id/unfreeze',
  rollback: 'POST /routes/:id/rollback',
  rollbackAll: 'POST /rollback',
  restore: 'POST /routes/:id/restore',
  restoreAll: 'POST /restore',
  preview: 'POST /routes/:id/preview',
  previewAll: 'POST /preview',
  pins: 'GET /routes/:id/pins',
  pin: 'POST /routes/:id/pins',
  unpin: 'DELETE /routes/:id/pins',
  who: 'GET /who',
  divergences: 'GET /routes/:id/divergences',
  divergence: 'GET /divergences/:signature',
  acknowledge: 'DELETE /divergences/:signature',
  replay: 'POST /divergences/:signature/replay',
  rules: 'GET /routes/:id/rules',
  addRule: 'POST /routes/:id/rules',
  removeRule: 'DELETE /routes/:id/rules/:rule',
  tryRule: 'POST /routes/:id/rules/try',
  resume: 'DELETE /routes/:id/suspensions',
  audit: 'GET /audit',
} as const satisfies { readonly [N in OperationName]?: `${Named<N>['method']} ${Named<N>['path']}` }
export type CallName = keyof typeof CALLS

export interface CallOptions {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** A revision: refused where it is not the route's any more. */
  readonly ifRevision?: number
  readonly signal?: AbortSignal
}

export const BASE = 'api/v1'
export const PAGE = 'banyan.page'
const LONGEST_MS = 15_000

export class Refused extends Error {
  /** null: there was no answer, or not one of ours. */
  readonly problem: Problem | null
  readonly status: number

  constructor(status: number, problem: Problem | null, message: string) {
    super(message)
    this.name = 'Refused'
    this.status = status
    this.problem = problem
  }
}

/** Half of the session: the cookie, which other ports of this host may see, is worth nothing without it. */
export function keepPage(half: string | null): void {
  if (half === null) localStorage.removeItem(PAGE)
  else localStorage.setItem(PAGE, half)
}

/** Of every call. Somebody whom a proxy in front knows has no half, and any text says that this page asks. */
export function ownHeaders(): Record<string, string> {
  return { 'X-Banyan-CSRF': localStorage.getItem(PAGE) ?? '1' }
}

export async function call<N extends CallName>(name: N, options: CallOptions = {}): Promise<Answer<N>> {
  const [method, path] = CALLS[name].split(' ') as [string, string]
  const headers = ownHeaders()
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  if (options.ifRevision !== undefined) headers['If-Match'] = `"${options.ifRevision}"`
  const timeout = AbortSignal.timeout(LONGEST_MS)
  let response: Response
  try {
    response = await fetch(`${BASE}${targetOf(path, options)}`, {
      method,
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
      cache: 'no-store',
      credentials: 'same-origin',
    })
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new Refused(0, null, timeout.aborted ? 'no answer within 15 s' : 'Banyan cannot be reached')
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer as Answer<N>
  const problem = isProblem(answer) ? answer : null
  throw new Refused(response.status, problem, problem?.detail ?? `answered ${response.status}`)
}

/** With its parameters in it. */
export function targetOf(path: string, { params = {}, query = {} }: CallOptions): string {
  const filled = path.replace(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const asked = Object.entries(query).filter(([, value]) => value !== undefined)
  if (asked.length === 0) return filled
  return `${filled}?${new URLSearchParams(asked.map(([name, value]) => [name, String(value)]))}`
}

/** As `method path`, for people who would rather do it themselves. */
export function callText(name: CallName, options: CallOptions = {}): { method: string; target: string } {
  const [method, path] = CALLS[name].split(' ') as [string, string]
  return { method, target: `/api/v1${targetOf(path, options)}` }
}

function isProblem(answer: unknown): answer is Problem {
  return typeof answer === 'object' && answer !== null && 'code' in answer && 'detail' in answer
}
