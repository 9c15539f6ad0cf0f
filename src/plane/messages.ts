// What the primary process and its workers say to each other, as structured-cloneable data.
//
// The primary asks with an id and gets one reply to each; what it only tells has none. A worker tells what it has heard in
// batches, a few each second, and always before it replies: who looks has heard everything up to then.
import { compilePlan } from '../config/plan.ts'
import { configSchema } from '../config/schema.ts'
import { type Share, shareOut } from '../config/share-out.ts'
import { written } from '../config/shown.ts'
import type { Configured } from '../configured.ts'
import type { Watched } from '../doctor/watch.ts'
import type { LogOptions } from '../log.ts'
import type { Metered } from '../metrics/text.ts'
import type { FoundPlace, ShadowResult, UnaskedReason } from '../model/comparison.ts'
import type { ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Decision, Exchange, Sample } from '../model/exchange.ts'
import type { Note } from '../model/note.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { EpochMs, Milliseconds, Revision } from '../model/units.ts'
import type { PlainRequest } from '../proxy/plain.ts'
import type { ComparedPair } from '../shadow/ledger.ts'
import type { RememberedRequest } from '../shadow/shadow.ts'
import type { SuspensionsText } from '../shadow/suspensions.ts'
import type { OwnListener } from '../upstream/own-listeners.ts'
import type { Generation, PlaneSettings, Reading, Replay, ShadowSuspended } from './plane.ts'

/** Each question with its answer. */
export interface Questions {
  begin: { readonly ask: Beginning; readonly answer: null }
  listen: { readonly ask: readonly OwnListener[]; readonly answer: { readonly host: string; readonly port: number } }
  /** Answers with the revision that runs now. */
  apply: { readonly ask: GenerationText; readonly answer: Revision }
  ping: { readonly ask: null; readonly answer: Revision }
  look: { readonly ask: null; readonly answer: Reading }
  meter: { readonly ask: null; readonly answer: Metered }
  remembered: { readonly ask: readonly string[]; readonly answer: RememberedRequest | null }
  replay: { readonly ask: { readonly route: RouteId; readonly request: PlainRequest }; readonly answer: Replay }
  /** Answers with how many were cut. */
  close: { readonly ask: Milliseconds; readonly answer: number }
  /** The worker ends after its answer. */
  end: { readonly ask: null; readonly answer: null }
}
export type Question = keyof Questions

export type ToWorker =
  | { readonly [Q in Question]: { readonly type: Q; readonly id: number; readonly ask: Questions[Q]['ask'] } }[Question]
  | { readonly type: 'restart'; readonly routes: readonly RouteId[] }
  | { readonly type: 'suspend'; readonly suspended: ShadowSuspended }
  | { readonly type: 'resume'; readonly route: RouteId; readonly template: string }
  | { readonly type: 'drain' }

export type FromWorker =
  /** It can hear from now on. */
  | { readonly type: 'up' }
  | { readonly type: 'reply'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly error: Refusal }
  | { readonly type: 'heard'; readonly heard: Heard }

export interface Beginning {
  readonly settings: PlaneSettings
  readonly share: Share
  readonly instance: string
  readonly log: LogOptions
  readonly generation: GenerationText
  readonly suspensions: SuspensionsText
}

/** A generation as what it is made of. Without a configuration: that of before. */
export interface GenerationText {
  readonly state: ControlState
  readonly configured: ConfiguredText | null
}

export interface ConfiguredText {
  /** In the words of the file, secrets included. */
  readonly config: unknown
  readonly file: string | null
  readonly loadedAt: EpochMs
  readonly froms: ReadonlyMap<string, string>
}

/** Since it was told for the last time. Routes by their id. */
export interface Heard {
  readonly notes: readonly (readonly [note: Note, times: number])[]
  readonly samples: readonly SampleText[]
  readonly watched: Watched | null
  readonly forwarders: readonly string[]
  readonly ended: readonly Ended[]
  readonly compared: readonly ComparedText[]
  readonly triaged: readonly Triaged[]
  readonly suspended: readonly ShadowSuspended[]
}

export interface Ended {
  readonly route: RouteId
  readonly result: ShadowResult
  readonly reason: UnaskedReason | null
  readonly times: number
}

export type ComparedText = Omit<ComparedPair, 'route' | 'rules'> & { readonly route: RouteId }

export interface Triaged {
  readonly route: RouteId
  readonly template: string
  readonly places: readonly FoundPlace[]
  readonly verdict: 'persistent' | 'transient'
}

type ExchangeText = Omit<Exchange, 'decision'> & {
  readonly decision: (Omit<Decision, 'route'> & { readonly route: RouteId }) | null
}
export type SampleText = Omit<Sample, 'exchange'> & { readonly exchange: ExchangeText }

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** `known`: the plan that the worker has. */
export function textOf({ snapshot, state, configured }: Generation, known: Plan | null): GenerationText {
  if (snapshot.plan === known) return { state, configured: null }
  return { state, configured: configuredText(configured) }
}

const texts = new WeakMap<Configured, ConfiguredText>()

function configuredText(configured: Configured): ConfiguredText {
  let text = texts.get(configured)
  if (text === undefined) {
    const { config, plan, froms } = configured
    text = { config: written(config), file: plan.file, loadedAt: plan.loadedAt, froms }
    texts.set(configured, text)
  }
  return text
}

/** The plan of one worker. Mistakes are none: the primary has compiled the same. */
export function planFrom({ config, file, loadedAt, froms }: ConfiguredText, share: Share): Plan {
  const nowhere = { file: file ?? '', line: 0, column: 0 }
  const source = { file, loadedAt, place: () => nowhere, fileOf: (pointer: string) => froms.get(pointer) ?? null }
  return compilePlan(shareOut(configSchema.parse(config), share), source).plan
}

export function sampleText(sample: Sample): SampleText {
  const { decision } = sample.exchange
  const text = decision === null ? null : { ...decision, route: decision.route.id }
  return { ...sample, exchange: { ...sample.exchange, decision: text } }
}

/** null: its route is gone. */
export function sampleFrom(sample: SampleText, routeOf: (id: RouteId) => Route | null): Sample | null {
  const { decision } = sample.exchange
  if (decision === null) return { ...sample, exchange: { ...sample.exchange, decision: null } }
  const route = routeOf(decision.route)
  return route && { ...sample, exchange: { ...sample.exchange, decision: { ...decision, route } } }
}

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof BanyanError)) {
    return { code: 'worker_failed', message: String((error as Error).stack ?? error), hint: null, details: {} }
  }
  const { code, message, hint, details } = error
  return { code, message, hint, details: JSON.parse(JSON.stringify(details)) }
}

export function errorFrom({ code, message, hint, details }: Refusal): BanyanError {
  return new BanyanError(code, message, { ...(hint === null ? {} : { hint }), details })
}
