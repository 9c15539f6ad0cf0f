// One backend in one role: who may ask it now, and which of its addresses is asked.
import type { Failure, FailureKind } from '../model/exchange.ts'
import type { Pool } from './pool.ts'

/** What came of an exchange, for whoever watches a backend's health. */
export type Outcome =
  | { readonly kind: 'answer'; readonly status: number }
  | {
      readonly kind: 'failure'
      readonly failure: FailureKind
      /** Where it is said: whether the address took the connection at all. */
      readonly phase?: Failure['phase']
      /** A kept connection that was closed before; says nothing of the backend. */
      readonly stale?: boolean
    }
  /** Our own doing: the client left, or a rollback moved it. Says nothing of the backend. */
  | { readonly kind: 'given-up' }

/** The right to ask one address once. */
export interface Place {
  /** `host:port` of the address; the host is never a name. */
  readonly address: string
  readonly pool: Pool
  /** Value of the `balance: cookie:<name>` cookie that the client has to be given; null: none. */
  readonly stick: string | null
  /** Told exactly once. */
  over(outcome: Outcome): void
}

export interface Entrant {
  /** Value of the `balance: cookie:<name>` cookie; null: none. */
  readonly stick: string | null
  /** An address that has just failed this request: another one is taken where there is one. */
  readonly avoid: string | null
  /** It was asked before, and counts towards the backend's budget of retries. */
  readonly isSecondTry: boolean
  /** A connection to this place's address is bound to the client: the same address again, whatever is thought of it. */
  readonly again?: Place
  admitted(place: Place): void
  /** No place: `busy` or `circuit`, or `connect` where no address is known. */
  refused(kind: FailureKind, detail: string): void
}

export interface Service {
  /** Admits at once, or when a place is free. Returns how to leave before; after admission or refusal that does nothing. */
  enter(entrant: Entrant): () => void
  /** True: nobody would be asked, because too many have failed. */
  readonly isOpen: boolean
  /** Another address could be asked than the one that has failed. */
  readonly hasChoice: boolean
  /** A request may be asked once more: that is within the backend's budget. */
  readonly allowsRetry: boolean
}
