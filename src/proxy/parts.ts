// What the rooms below and beside hand to the data path; `app.ts` makes the introduction.
import type { Exchange, RequestHead, Sample } from '../model/exchange.ts'
import type { Note } from '../model/note.ts'
import type { Backend, Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Tracing } from '../model/trace.ts'
import type { Clock } from '../model/units.ts'
import type { BeginCopying } from '../shadow/original.ts'
import type { Outgoing, Receiver, Sending } from '../upstream/sending.ts'
import type { AskShadow } from './tap.ts'

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
  /** False: from now on nothing new goes to a backend. */
  readonly mayAsk: () => boolean
  /** Asks a backend, as primary. */
  readonly ask: (outgoing: Outgoing, receiver: Receiver) => Sending
  /** Asks a side as a shadow: bounded, and nobody waits. */
  readonly askShadow: AskShadow
  /** Asked for each request on a route that is shadowed: what follows its answer; null: nobody. */
  readonly shadow: BeginCopying
  /** Another address could be asked than the one that has failed. */
  readonly hasChoice: (backend: Backend) => boolean
  /** One more try is within the backend's budget. */
  readonly allowsRetry: (backend: Backend) => boolean
  readonly observe: (exchange: Exchange) => void
  /** null: traces are off. */
  readonly tracing: Tracing | null
  /** The same of those that were accepted, with their head. */
  readonly watch: (exchange: Exchange, head: RequestHead) => void
  /** Asked once an exchange is over: how many it stands for when it is looked at closely; 0: it is not. */
  readonly samples: () => number
  readonly sample: (sample: Sample) => void
  readonly note: (note: Note) => void
  readonly tunnel: (route: string, side: Side, change: 1 | -1) => void
  /** A peer that forwards for others and is not named in `clientIp`. */
  readonly unnamedForwarder: (peer: string) => void
  /** An exception while one request was served: a fault of ours, for the log, with which request it was. */
  readonly broken: (error: unknown, of: Readonly<Record<'route' | 'exchange' | 'trace', string>> | null) => void
  readonly clock: Clock
  readonly ids: Ids
  /** Marks our own requests towards a backend that could be ourselves. */
  readonly loopMark: string
  readonly couldBeUs: (backend: Backend) => boolean
}
