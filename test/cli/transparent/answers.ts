// Answers as they could be on the wire, for tests that ask nobody.
import type { Body, FieldList, WireAnswer, WireFailure } from '../../../src/cli/asking/answer.ts'
import { createBody } from '../../../src/cli/asking/body.ts'

export function body(text: string | Buffer, maxBytes = Number.MAX_SAFE_INTEGER): Body {
  const taker = createBody(maxBytes)
  taker.add(Buffer.from(text as string))
  return taker.end()
}

export const FIELDS: FieldList = [
  ['Content-Type', 'text/plain'],
  ['Content-Length', '5'],
  ['X-One', '1'],
]

export function answer(changed: Partial<WireAnswer> = {}): WireAnswer {
  return {
    kind: 'answer',
    version: '1.1',
    status: 200,
    reason: 'OK',
    fields: FIELDS,
    interim: [],
    body: body('hello'),
    trailers: [],
    elapsedMs: 1,
    ...changed,
  }
}

export const refused: WireFailure = {
  kind: 'failure',
  phase: 'connect',
  code: 'ECONNREFUSED',
  why: 'nothing listens there',
}
