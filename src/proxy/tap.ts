// A client's request as the shadow sees it: how a side is asked the same, and an answer as its client would get it. What the
// shadow may know of the proxy is in here and nowhere else.
import type { AnswerCopy, Asked } from '../model/comparison.ts'
import type { HeaderList, RequestHead } from '../model/exchange.ts'
import type { Backend, Route, Side } from '../model/route.ts'
import type { AskBounds, Original } from '../shadow/original.ts'
import type { AskLimits, AskOutcome, Question } from '../upstream/ask.ts'
import { NO_BODY, requestFraming } from '../wire/framing.ts'
import type { Answer } from '../wire/head.ts'
import { SHADOW_HEADER } from '../wire/names.ts'
import type { Accepted } from './accept.ts'
import { type AnswerCrossing, answerCrossing, type CopyChanges, ownLocation, sideRequest } from './crossing.ts'
import type { ProxyParts } from './parts.ts'
import { beginDispatch } from './tracing.ts'
import { isUpgrade } from './tunnel.ts'

/** Conditions and ranges: the other side's validators mean nothing to this one. */
const LEFT_OUT = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range']

export type AskShadow = (question: Question, body: Uint8Array | null, limits: AskLimits) => Promise<AskOutcome>

export class Tapped implements Original {
  readonly #parts: ProxyParts
  readonly #accepted: Accepted
  readonly bodyBytes: number | null

  constructor(parts: ProxyParts, accepted: Accepted) {
    this.#parts = parts
    this.#accepted = accepted
    const framing = requestFraming(accepted.request.fields)
    this.bodyBytes = framing.kind === 'none' ? null : framing.kind === 'length' ? framing.bytes : -1
  }

  get exchange(): string {
    return this.#accepted.id
  }

  get traceId(): string {
    return this.#accepted.traceId
  }

  get route(): Route {
    return this.#accepted.decision.route
  }

  get head(): RequestHead {
    return this.#accepted.head
  }

  get side(): Side {
    return this.#accepted.decision.side
  }

  get upgrades(): boolean {
    return isUpgrade(this.#accepted.request)
  }

  get binds(): boolean {
    return this.#accepted.request.fields.binds
  }

  sample() {
    return this.#accepted.snapshot.sample(this.route, this.head)
  }

  async ask(side: Side, body: Uint8Array | null, bounds: AskBounds): Promise<Asked | { readonly kind: 'full' }> {
    const { route } = this
    const backend = route.sides[side] as Backend
    const framing = body === null ? NO_BODY : { kind: 'length' as const, bytes: body.length }
    const decision = { ...this.#accepted.decision, side }
    const copy = copyChanges(route, side)
    const asking = beginDispatch(this.#parts, this.#accepted, {
      role: 'shadow',
      attempt: 'first',
      route: route.id,
      side,
      backend,
    })
    const spanId = asking?.spanId ?? null
    const request = sideRequest(this.#parts, this.#accepted, { decision, backend, framing, copy, spanId })
    // Field by field: what is spread is slow to make, and this is made for every request.
    const question = {
      side,
      backend,
      method: request.method,
      head: request.head,
      framing,
      upgrade: request.upgrade,
      expects: false,
      binds: false,
      stick: request.stick,
    }
    const asked = await this.#parts.askShadow(question, body, bounds)
    asking?.over({
      status: asked.kind === 'answer' ? asked.answer.status : null,
      failure: asked.kind === 'failure' ? asked.failure.kind : null,
      address: null,
    })
    if (asked.kind === 'full') return asked
    if (asked.kind === 'failure') {
      const { kind } = asked.failure
      return { kind: 'failure', failure: kind, ours: kind === 'busy' || kind === 'circuit' }
    }
    const crossing = answerCrossing(null, this.#accepted, decision, asked.answer)
    const headers = headersAsGiven(this.#accepted, side, asked.answer, crossing)
    const answer: AnswerCopy = { status: asked.answer.status, headers, body: asked.body }
    return { kind: 'answer', answer, ms: asked.ms }
  }
}

const changes = new WeakMap<Route, Record<Side, CopyChanges>>()

function copyChanges(route: Route, side: Side): CopyChanges {
  let made = changes.get(route)
  if (made === undefined) {
    made = { legacy: makeChanges(route, 'legacy'), new: makeChanges(route, 'new') }
    changes.set(route, made)
  }
  return made[side]
}

function makeChanges({ shadow, rewrites }: Route, side: Side): CopyChanges {
  const own = rewrites[side]?.headers ?? null
  const wanted = shadow?.headers ?? null
  const remove = new Set([...LEFT_OUT, ...(own?.remove ?? []), ...(wanted?.remove ?? [])])
  if (shadow?.cookies === 'none') remove.add('cookie')
  const set = [...(own?.set ?? []), ...(wanted?.set ?? [])]
  for (const [name] of wanted?.set ?? []) remove.add(name.toLowerCase())
  if (shadow?.mark === true) set.push([SHADOW_HEADER, '1'])
  return { headers: { remove, set }, cookies: shadow?.cookies ?? 'none' }
}

/** An answer's fields as a client of the side gets them, with redirects to the side's own address told by their path only. */
export function headersAsGiven(
  accepted: Accepted,
  side: Side,
  { fields }: Answer,
  crossing: AnswerCrossing | null,
): HeaderList {
  if (!fields.special) return fields.list
  const decision = { ...accepted.decision, side }
  const given: string[] = []
  for (let i = 0; i < fields.known.length; i++) {
    const name = fields.list[2 * i] as string
    const value = fields.list[2 * i + 1] as string
    const { kind, lower } = fields.known[i] as (typeof fields.known)[number]
    if (kind === 'location') given.push(name, ownLocation(accepted, decision, value))
    else given.push(name, kind === 'plain' || crossing === null ? value : crossing.special(lower, value))
  }
  return given
}
