// The data plane as the rest of the house knows it: what serves clients, in this process (`local.ts`) or in several workers
// (`workers.ts`). Snapshots go in; what was seen comes out, as it happens (`Ears`) or when it is asked for (`look`).
import type { Configured } from '../configured.ts'
import type { Watched } from '../doctor/watch.ts'
import type { Registry } from '../metrics/text.ts'
import type { Finding, ShadowResult, UnaskedReason } from '../model/comparison.ts'
import type { ControlState, Reached } from '../model/control.ts'
import type { Sample } from '../model/exchange.ts'
import type { Note } from '../model/note.ts'
import type { Route, RouteId, Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { TracesSettings } from '../model/trace.ts'
import type { EpochMs, Milliseconds, Revision } from '../model/units.ts'
import type { PlainRequest } from '../proxy/plain.ts'
import type { Ledger } from '../shadow/ledger.ts'
import type { RememberedRequest } from '../shadow/shadow.ts'
import type { RouteReading } from '../traffic.ts'
import type { OwnListener } from '../upstream/own-listeners.ts'
import type { AddressState, BackendState } from '../upstream/services.ts'

/** One generation, whole and as what it is made of: another process compiles it for itself. */
export interface Generation {
  readonly snapshot: Snapshot
  readonly state: ControlState
  readonly configured: Configured
}

/** What is told as it happens, or a moment later. All calls return at once. */
export interface Ears {
  note(note: Note, times: number): void
  sample(sample: Sample): void
  watched(watched: Watched): void
  /** A peer that forwards for others and is not named in `clientIp`. */
  forwarder(peer: string): void
  shadowEnded(route: Route, result: ShadowResult, reason: UnaskedReason | null, times: number): void
  /** Answers with what it is counted as, or is likely to be. */
  shadowCompared: Ledger['compared']
  shadowTriaged: Ledger['triaged']
  shadowSuspended(suspended: ShadowSuspended): void
}

export interface ShadowSuspended {
  readonly route: RouteId
  readonly side: Side
  readonly template: string
  readonly why: string
  readonly since: EpochMs
}

export interface PlaneWarning {
  readonly code: string
  readonly message: string
  readonly route: RouteId | null
}

/** What a data plane knows of itself, at one moment. Plain data, but for the map. */
export interface Reading {
  /** Of each process that served the route. */
  readonly traffic: ReadonlyMap<RouteId, readonly RouteReading[]>
  readonly addresses: readonly AddressState[]
  readonly backends: readonly BackendState[]
  /** Until when our own certificate is valid; null: no TLS on the listener. */
  readonly validTo: EpochMs | null
  readonly warnings: readonly PlaneWarning[]
  /** Sides whose shadow questions fail: they are asked less until they answer. */
  readonly silent: readonly { readonly route: RouteId; readonly side: Side }[]
}

/** Both sides were asked now. */
export interface Replay {
  readonly statuses: Readonly<Record<Side, number | null>>
  /** null: one did not answer. */
  readonly finding: Finding | null
}

export interface WorkerState {
  readonly worker: number
  readonly pid: number
  readonly revision: Revision
  /** `pending`: it is starting, or does not answer. */
  readonly state: 'running' | 'pending'
}

export interface Plane {
  readonly workers: () => readonly WorkerState[]
  /**
   * Puts a generation in force. In one process it is when this returns; workers have been told by then, and the promise says
   * which of them run it, and which have not said so within a second.
   */
  apply(next: Generation, since: Milliseconds): Promise<Reached>
  /** Who runs what was put in force last, now; whoever may still say so in time is waited for. */
  running(): Promise<Reached>
  /** Nothing that a client asks goes to one of `own`. */
  listen(own: readonly OwnListener[]): Promise<{ readonly host: string; readonly port: number }>
  /** As it was looked at last. */
  reading(): Reading
  /** Looks anew; resolves when `reading` is of now, or at the latest after a second. */
  look(): Promise<void>
  /** Prometheus text of those that serve, with what those counted that have ended, and of `own`. */
  metrics(own: Registry): Promise<string>
  /** What was observed of these routes before says nothing any more. */
  restartShares(routes: readonly RouteId[]): void
  suspend(suspended: ShadowSuspended): void
  resume(route: RouteId, template: string): void
  /** The first of these exchanges whose request is still known; null: none. */
  remembered(exchanges: readonly string[]): Promise<RememberedRequest | null>
  /** Rejects with a BanyanError: `busy`, `not_replayable`. */
  replay(route: RouteId, request: PlainRequest): Promise<Replay>
  /** From now on answers close their connections. */
  beginDrain(): void
  /** Stops listening, lets in-flight work end, cuts what is left at the deadline. Returns how many were cut. */
  close(deadlineMs: Milliseconds): Promise<number>
  /** Nobody is asked as a shadow any more; what was found meanwhile has been told. After `close`. */
  end(): Promise<void>
}

/** What a plane needs to know at its start, wherever it runs. */
export interface PlaneSettings {
  readonly listen: { readonly host: string; readonly port: number }
  readonly perRouteMetrics: boolean
  /** Marks and cookies of ours are derived from it. */
  readonly seed: string
  /** Makes hashes of session ids say nothing outside of this deployment. */
  readonly salt: number
  readonly certificateLookMs: Milliseconds | null
  /** Processes that serve. */
  readonly workers: number
  /** null: off. */
  readonly traces: TracesSettings | null
}
