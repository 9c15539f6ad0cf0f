// What the rooms below and beside hand to the data path; `app.ts` makes the introduction.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Exchange, Failure } from '../model/exchange.ts'
import type { Backend, Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Clock } from '../model/units.ts'

/** A request to one side; `upstream/forward` takes it. */
export interface Asking {
  readonly side: Side
  readonly backend: Backend
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body: IncomingMessage | null
  readonly upgrade: string | null
}

/** What comes of it; see `upstream/forward`. */
export interface Listening {
  mayStart(): boolean
  started(): void
  informed(status: number, headers: readonly Buffer[]): void
  head(status: number, reason: string, headers: readonly Buffer[]): void
  data(chunk: Buffer): void
  end(trailers: readonly Buffer[]): void
  upgraded(status: number, headers: readonly Buffer[], socket: Duplex): void
  failed(failure: Failure): void
}

export interface Asked {
  pause(): void
  resume(): void
  giveUp(): void
}

export interface Ids {
  exchange(): string
  /** 32 hex digits, W3C trace id. */
  trace(): string
  /** 16 hex digits, W3C span id. */
  span(): string
}

export interface ProxyParts {
  /** The one pointer; read once a request, at accept, and once more before a write. */
  readonly current: () => Snapshot
  readonly ask: (asking: Asking, listening: Listening) => Asked
  readonly observe: (exchange: Exchange) => void
  readonly tunnel: (route: string, side: Side, change: 1 | -1) => void
  /** A peer that forwards for others and is not named in `clientIp`. */
  readonly unnamedForwarder: (peer: string) => void
  /** An exception while one request was served: a fault of ours, for the log. */
  readonly broken: (error: unknown) => void
  readonly clock: Clock
  readonly ids: Ids
  /** Marks our own requests towards a backend that could be ourselves. */
  readonly loopMark: string
  readonly couldBeUs: (backend: Backend) => boolean
}
