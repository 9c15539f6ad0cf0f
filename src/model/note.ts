// Small things that are seen in passing and counted: what a stricter proxy would have refused, and what a migration trips over.
import type { FailureKind, Heard, TokenResult } from './exchange.ts'
import type { Quirk, RouteId, Side } from './route.ts'

/** Limits whose crossing `profile: transparent` only reports. */
export const LIMITS = ['target', 'fields', 'body', 'request_body_time', 'answer_time'] as const
export type Limit = (typeof LIMITS)[number]

/** What a connection lacked, or spoke instead. */
export const NO_ENTRIES = ['proxy-header', 'plain-http'] as const
export type NoEntry = (typeof NO_ENTRIES)[number]

export type Note =
  | { readonly kind: 'would-cut'; readonly limit: Limit }
  | { readonly kind: 'quirk'; readonly side: Side; readonly quirk: Quirk }
  /** An answer points at a backend's own address. */
  | {
      readonly kind: 'leak'
      readonly route: RouteId
      readonly side: Side
      readonly where: 'location' | 'set-cookie' | 'link'
    }
  | { readonly kind: 'set-cookie'; readonly route: RouteId; readonly side: Side; readonly name: string }
  /** A shared cache may keep this answer of a split route, for users of both sides. */
  | { readonly kind: 'shared-cache'; readonly route: RouteId; readonly side: Side }
  /** New failed and legacy answered: the client heard nothing of it. */
  | { readonly kind: 'covered'; readonly route: RouteId; readonly failure: FailureKind }
  /** A request that could be asked once more was, or the backend's budget was spent. */
  | { readonly kind: 'retry'; readonly side: Side; readonly granted: boolean }
  /** A client that was too slow, by what it was slow at. */
  | { readonly kind: 'reaped'; readonly phase: 'silent' | 'head' | 'body' | 'answer' }
  /** A token of ours in a request, and how it fared. */
  | { readonly kind: 'token'; readonly route: RouteId; readonly what: Heard['what']; readonly result: TokenResult }
  | { readonly kind: 'shed'; readonly what: 'keep-alive' | 'request' | 'connection' }
  /** A connection on which no request could come; `why` is a sentence of ours. */
  | { readonly kind: 'no-entry'; readonly what: NoEntry; readonly peer: string; readonly why: string }
