// The words of asking: a request that is asked of two, what came back on the wire, and what kept it from coming.
import type { Milliseconds } from '../../model/units.ts'

export type Way = 'direct' | 'via'
/** What may be asked again and again without changing anything. */
export type SafeMethod = 'GET' | 'HEAD' | 'OPTIONS'

export interface WireRequest {
  readonly method: SafeMethod
  /** Path and query as bytes (latin1), never parsed and put together again. */
  readonly target: string
  /** Where the input named one; null: the direct side's own authority. */
  readonly host: string | null
  /** Groups requests that only differ in ids. */
  readonly template: string
}

/** Name and value in the order, case and bytes (latin1) they came in. */
export type FieldList = readonly (readonly [name: string, value: string])[]

export interface Interim {
  readonly status: number
  readonly reason: string
  readonly fields: FieldList
}

export interface Body {
  /** Bytes that were read. */
  readonly length: number
  /** One digest per `BLOCK_BYTES`, so that the place of a difference is known without keeping bodies. */
  readonly blocks: readonly string[]
  /** The first `KEPT_BYTES`. */
  readonly start: Buffer
  /** Reading ended at the bound; what came later is not known. */
  readonly cut: boolean
}

/** `Kept`: what is kept of a body. */
export interface WireAnswer<Kept = Body> {
  readonly kind: 'answer'
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: FieldList
  readonly interim: readonly Interim[]
  readonly body: Kept
  readonly trailers: FieldList
  /** From the ready connection to the last byte; connecting is not in it. */
  readonly elapsedMs: Milliseconds
}

export interface WireFailure {
  readonly kind: 'failure'
  readonly phase: 'connect' | 'answer' | 'body'
  readonly code: string
  /** For people. */
  readonly why: string
}

export type Outcome<Kept = Body> = WireAnswer<Kept> | WireFailure

export const BLOCK_BYTES = 64 * 1024
export const KEPT_BYTES = BLOCK_BYTES
