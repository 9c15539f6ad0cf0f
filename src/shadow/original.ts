// What the proxy hands to the shadow of a client's request: what is known of it, a way to ask a side the same, and the copy
// that grows while the client is served.
import type { Asked } from '../model/comparison.ts'
import type { HeaderList, RequestHead } from '../model/exchange.ts'
import type { Route, Side } from '../model/route.ts'
import type { Bytes, Milliseconds } from '../model/units.ts'

/** What one question may take. */
export interface AskBounds {
  readonly timeoutMs: Milliseconds
  readonly keepBytes: Bytes
  readonly readBytes: Bytes
  /** False: so many bytes more may not be held. */
  readonly hold: (bytes: Bytes) => boolean
}

export interface Original {
  readonly exchange: string
  readonly traceId: string
  readonly route: Route
  readonly head: RequestHead
  /** Who was decided to serve; a fallback may still change it. */
  readonly side: Side
  /** Of the request's body; null: it has none. `-1`: its length is not known before its end. */
  readonly bodyBytes: Bytes | null
  readonly upgrades: boolean
  /** Its credentials are bound to a connection (NTLM). */
  readonly binds: boolean
  /** Whose it is, and where that falls in the draw of samples, 0 ≤ … < 2^53. */
  sample(): { readonly key: string | null; readonly bucket: number }
  /** `full`: the bytes could not be held. */
  ask(side: Side, body: Uint8Array | null, bounds: AskBounds): Promise<Asked | { readonly kind: 'full' }>
}

/** How the client's own exchange ended. */
export interface PrimaryEnd {
  readonly side: Side
  /** `complete`: a backend's answer went to the client, all of it. */
  readonly ending: 'complete' | 'failed' | 'client_left'
  readonly ms: Milliseconds
}

/** One request that may be asked of the other side. All calls return at once; none throws. */
export interface Copying {
  /** A piece of the request's body; the caller's again when it returns. */
  request(piece: Uint8Array): void
  /** The answer that the client gets, as it gets it. */
  answered(status: number, headers: HeaderList): void
  /** A piece of its body; the caller's again when it returns. */
  piece(piece: Uint8Array): void
  /** The last call. */
  over(end: PrimaryEnd): void
}

/** null: it was counted already, and nothing more is wanted. */
export type BeginCopying = (original: Original) => Copying | null
