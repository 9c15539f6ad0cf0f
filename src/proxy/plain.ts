// A request that no client sent: what an operator asks of both sides again, with nothing in it that proves who somebody is but
// what the operator gave.
import { BanyanError } from '../model/errors.ts'
import type { Route } from '../model/route.ts'
import type { Original } from '../shadow/original.ts'
import { readRequest } from '../wire/head.ts'
import { HeadError } from '../wire/lenience.ts'
import type { ProxyParts } from './parts.ts'
import { Tapped } from './tap.ts'

export interface PlainRequest {
  readonly method: string
  /** Origin form. */
  readonly target: string
  /** What a client would have written into Host. */
  readonly host: string
  /** For Authorization; null: none. */
  readonly authorization: string | null
}

const MOST_FIELDS = 8

export function plainOriginal(
  parts: ProxyParts,
  route: Route,
  { method, target, host, authorization }: PlainRequest,
): Original {
  const own = authorization === null ? '' : `Authorization: ${authorization}\r\n`
  const text = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\nUser-Agent: banyan-replay\r\n${own}\r\n`
  const request = read(text)
  const traceId = parts.ids.trace()
  return new Tapped(parts, {
    at: parts.clock.monotonic(),
    id: parts.ids.exchange(),
    traceId,
    traceparent: `00-${traceId}-${parts.ids.span()}-01`,
    restartsTrace: false,
    trace: null,
    snapshot: parts.current(),
    head: {
      method,
      target,
      host: host.replace(/:\d+$/, '').toLowerCase(),
      headers: request.fields.list,
      address: HERE,
    },
    request,
    forwarded: {
      peer: HERE,
      trusted: false,
      introduced: false,
      client: HERE,
      proto: 'http',
      port: 80,
      host: null,
    },
    decision: { route, side: 'legacy', reason: 'only', bucket: null, keyFrom: null, issue: null, heard: null },
  })
}

const HERE = '127.0.0.1'

function read(text: string) {
  try {
    return readRequest(text, MOST_FIELDS)
  } catch (error) {
    if (!(error instanceof HeadError)) throw error
    throw new BanyanError('not_replayable', `what was kept of it is no request any more: ${error.message}`, {
      hint: 'look at the exemplar’s trace id in the logs',
    })
  }
}
