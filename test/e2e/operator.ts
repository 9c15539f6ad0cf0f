// Talks to the admin face as a client of its contract: every answer is held against the schema of its operation, keys and
// all; every refusal against the problem document; every header against the rules of the house.
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { type Operation, type OperationName, operations, Problem } from '../../src/admin/api.ts'
import { type Banyan, type BanyanOptions, type HttpBackend, named, startBanyan, TOKEN } from './harness.ts'

export interface Question {
  /** null sends none. */
  readonly token?: string | null
  readonly headers?: OutgoingHttpHeaders
  /** Texts and bytes go as they are, anything else as JSON. */
  readonly body?: unknown
  /** The client's own address: another one of 127.0.0.0/8 is another client. */
  readonly from?: string
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly json: any
}

/** One call; `path` is below `/api/v1`. */
export type Operator = (
  method: string,
  path: string,
  body?: unknown,
  headers?: OutgoingHttpHeaders,
) => Promise<Answered>

export interface House {
  readonly banyan: Banyan
  readonly api: Operator
  readonly legacy: HttpBackend
  readonly fresh: HttpBackend
}

/** What a success has called so far, in this process. */
export const answered = new Set<OperationName>()

const SECURITY = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/** Two sides, and a route of every kind: alone, in a group, with one side only. */
export async function startHouse(
  t: Test,
  more: Record<string, unknown> = {},
  options: BanyanOptions = {},
): Promise<House> {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), ...more }, options)
  return { banyan, api: operatorOf(t, banyan), legacy, fresh }
}

export function houseOf(legacy: { readonly url: string }, fresh: { readonly url: string }): Record<string, unknown> {
  const both = { legacy: 'legacy', new: 'new', data: 'shared' }
  return {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    groups: { checkout: { weight: 10 } },
    routes: [
      { id: 'orders', match: { path: '/orders/*' }, ...both, weight: 20, sticky: ['header:x-user-id'] },
      { id: 'cart', match: { path: '/cart/*' }, ...both, group: 'checkout' },
      { id: 'pay', match: { path: '/pay/*' }, ...both, group: 'checkout', owner: 'team-pay' },
      { id: 'old', match: { path: '/old/*' }, legacy: 'legacy' },
      { id: 'fresh', match: { path: '/fresh/*' }, new: 'new' },
    ],
  }
}

export function operatorOf(t: Test, banyan: Banyan, token: string | null = TOKEN): Operator {
  return async function api(method, path, body, headers = {}) {
    const answer = await ask(banyan.admin, method, `/api/v1${path}`, { token, body, headers })
    hold(t, method, path, answer)
    return answer
  }
}

/** Which backend serves a GET of the proxy. */
export async function sideOf(banyan: Banyan, path: string, headers: Record<string, string> = {}) {
  return (await fetch(`http://127.0.0.1:${banyan.port}${path}`, { headers })).headers.get('x-served-by')
}

export function ask(base: string, method: string, path: string, question: Question = {}): Promise<Answered> {
  const { token = TOKEN, headers = {}, body, from } = question
  const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const call = request({
      host: hostname,
      port,
      method,
      path,
      agent: false,
      ...(from === undefined ? {} : { localAddress: from }),
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(bytes === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }),
        ...headers,
      },
    })
    call.on('response', response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, text, json: jsonOf(headers, text) })
      })
      response.on('error', reject)
    })
    // A server that refuses a body may close before it has read all of it; then the answer is what counts.
    call.on('error', reject)
    call.end(bytes)
  })
}

/** Holds one answer of the admin listener against the contract. */
export function hold(t: Test, method: string, path: string, answer: Answered): void {
  const wrong = [...wrongHeaders(answer, maySetCookie(method, path)), ...wrongBody(method, path, answer)]
  t.same(wrong, [], `${method} ${path} → ${answer.status}`)
}

/** Signing in and out; nothing else. */
function maySetCookie(method: string, path: string): boolean {
  return path === '/session' && (method === 'POST' || method === 'DELETE')
}

function wrongHeaders({ headers }: Answered, cookie: boolean): string[] {
  const missing = Object.entries(SECURITY).filter(([name, value]) => headers[name] !== value)
  const cors = Object.keys(headers).filter(name => name.startsWith('access-control-'))
  return [
    ...missing.map(([name]) => `${name}: ${headers[name]}`),
    ...cors.map(name => `${name} is there`),
    ...(headers['set-cookie'] === undefined || cookie ? [] : ['a cookie']),
  ]
}

function wrongBody(method: string, path: string, { status, headers, text, json }: Answered): string[] {
  if (status >= 400) {
    const type = headers['content-type'] ?? ''
    const wrong = type.startsWith('application/problem+json') ? [] : [`content-type: ${type}`]
    if (json === null) return [...wrong, `no JSON: ${text}`]
    if (json.status !== status) wrong.push(`status ${json.status} in the document`)
    if (json.type !== `urn:banyan:${json.code}`) wrong.push(`type ${json.type}, code ${json.code}`)
    return [...wrong, ...misfits(Problem, json)]
  }
  const found = operationOf(method, path)
  if (found === null) return [`no operation ${method} ${path}`]
  answered.add(found.name)
  return found.operation.answer === null ? [] : misfits(found.operation.answer, json)
}

/** Objects of the API's schemas drop keys that they do not know: what comes out must be what went in. */
function misfits(schema: NonNullable<Operation['answer']>, value: unknown): string[] {
  const read = schema.safeParse(value)
  if (!read.success) return read.error.issues.map(issue => `/${issue.path.join('/')}: ${issue.message}`)
  return isDeepStrictEqual(read.data, value) ? [] : [`unknown keys: ${JSON.stringify(value)}`]
}

export function operationOf(method: string, path: string) {
  const [bare = ''] = path.split('?')
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    const pattern = new RegExp(`^${operation.path.replace(/:[a-z]+/g, '[^/]+').replaceAll('.', '\\.')}$`)
    if (operation.method === method && pattern.test(bare)) return { name, operation }
  }
  return null
}

function jsonOf(headers: IncomingHttpHeaders, text: string): unknown {
  return /[/+]json\s*(;|$)/.test(headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : null
}
