// A route that is shadowed, with two scripted sides: what each of them is asked, and where everything was counted.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import {
  type ApiAnswer,
  type Banyan,
  type BanyanOptions,
  configured,
  eventually,
  httpBackend,
  startBanyan,
} from '../harness.ts'
import { ask } from '../operator.ts'
import { metricOf } from '../scripted.ts'

export type Side = 'legacy' | 'new'

/** One request as a side heard it. */
export interface Heard {
  readonly side: Side
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly atMs: number
}

export type Serve = (heard: Heard, reply: ServerResponse) => unknown

export interface Wanted {
  readonly legacy?: Serve
  readonly new?: Serve
  /** Of the route `shop`. */
  readonly route?: Record<string, unknown>
  readonly shadow?: Record<string, unknown>
  readonly compare?: Record<string, unknown>
  /** Beside the routes. */
  readonly config?: Record<string, unknown>
  readonly options?: BanyanOptions
}

export interface Totals {
  readonly eligible: number
  readonly unasked: Readonly<Record<string, number>>
  readonly [result: string]: unknown
}

export interface Shadowed {
  readonly banyan: Banyan
  readonly heard: readonly Heard[]
  of(side: Side): readonly Heard[]
  send(target: string, more?: Sent): Promise<Got>
  totals(): Promise<Totals>
  /** Another configuration of the same sides. */
  reload(wanted: Wanted): Promise<ApiAnswer>
  /** Waits until so many requests have ended in their bucket. */
  counted(requests: number): Promise<Totals>
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  items(query?: string): Promise<any[]>
}

export interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}
export type Got = Awaited<ReturnType<typeof ask>>

export const json =
  (body: unknown, status = 200): Serve =>
  (_, reply) =>
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

/** Only when the promise has come. */
export const once =
  (gate: Promise<unknown>, serve: Serve): Serve =>
  async (heard, reply) => {
    await gate
    return serve(heard, reply)
  }

export async function shadowed(t: Test, wanted: Wanted = {}): Promise<Shadowed> {
  const heard: Heard[] = []
  const side = (side: Side) =>
    httpBackend(t, async (message, reply) => {
      const { method = '', url: target = '', headers } = message
      const early = { side, method, target, headers, atMs: performance.now() }
      const one = { ...early, body: String(await buffer(message).catch(() => '')) }
      if (target !== '/-/health') heard.push(one)
      await (wanted[side] ?? json({ ok: true }))(one, reply)
    })
  const [legacy, fresh] = [await side('legacy'), await side('new')]
  let config = configOf(legacy, fresh, wanted)
  const banyan = await startBanyan(t, config, { reread: async () => configured(config), ...wanted.options })
  const totals = async (): Promise<Totals> => (await banyan.api('GET', '/routes/shop/divergences')).json.totals
  return {
    banyan,
    heard,
    of: side => heard.filter(one => one.side === side),
    send: (target, { method = 'GET', headers = {}, body } = {}) =>
      ask(`http://127.0.0.1:${banyan.port}`, method, target, {
        token: null,
        headers: { host: 'shop.example', ...headers },
        body,
      }),
    totals,
    reload(more) {
      config = configOf(legacy, fresh, { ...wanted, ...more })
      return banyan.api('POST', '/config/reload', {})
    },
    async counted(requests) {
      await eventually(
        async () => (await metricOf(banyan.health, 'banyan_shadow_eligible_total{route="shop"}')) === requests,
        `${requests} are counted`,
      ).catch(async error => {
        throw new Error(`${error.message}: ${JSON.stringify(await totals())}`)
      })
      return totals()
    },
    items: async (query = '') => (await banyan.api('GET', `/routes/shop/divergences${query}`)).json.items,
  }
}

export function configOf(
  legacy: { readonly url: string },
  fresh: { readonly url: string },
  { route, shadow, compare, config }: Wanted,
): Record<string, unknown> {
  return {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    routes: [
      {
        id: 'shop',
        match: { path: '/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight: 0,
        ...route,
        shadow: { percent: 100, maxRps: 'none', maxConcurrent: 100, ...shadow },
        compare: { noise: { percent: 0 }, ...compare },
      },
    ],
    ...config,
  }
}

/** What of the results was more than nothing. */
export function resultsOf({ eligible: _, unasked: __, since: ___, ...results }: Totals): Record<string, number> {
  return Object.fromEntries(Object.entries(results as Record<string, number>).filter(([, count]) => count > 0))
}

/** What is wrong with them; empty: every request is in one bucket, and whatever was not asked has a reason. */
export function misfits(totals: Totals): readonly string[] {
  const results = resultsOf(totals)
  const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, one) => all + one, 0)
  const unasked = (results.skipped ?? 0) + (results.dropped ?? 0)
  return [
    ...(sum(results) === totals.eligible ? [] : [`the buckets are ${sum(results)}, and ${totals.eligible} eligible`]),
    ...(sum(totals.unasked) === unasked ? [] : [`${sum(totals.unasked)} reasons, and ${unasked} were not asked`]),
  ]
}
