// One backend in one role: who may ask it now, and which of its addresses is asked.
import type { FailureKind } from '../model/exchange.ts'
import type { Pool } from './pool.ts'

/** What came of an exchange, for whoever watches a backend's health. */
export type Outcome =
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'failure'; readonly failure: FailureKind }
  /** Our own doing: the client left, or a rollback moved it. Says nothing of the backend. */
  | { readonly kind: 'given-up' }

/** The right to ask one address once. */
export interface Place {
  /** `host:port` of the address. */
  readonly address: string
  readonly pool: Pool
  /** Told exactly once. */
  over(outcome: Outcome): void
}

export interface Entrant {
  /** Value of the `balance: cookie:<name>` cookie; null: none. */
  readonly stick: string | null
  /** An address that has just failed this request: another one is taken where there is one. */
  readonly avoid: string | null
  admitted(place: Place): void
  /** No place: `busy` or `circuit`, or `connect` where no address is known. */
  refused(kind: FailureKind, detail: string): void
}

export interface Service {
  /** Admits at once, or when a place is free. Returns how to leave before. */
  enter(entrant: Entrant): () => void
  /** True: `busy` would not be the answer, but the circuit is open. */
  readonly isOpen: boolean
  sweep(): void
  close(): void
  destroy(): void
}
