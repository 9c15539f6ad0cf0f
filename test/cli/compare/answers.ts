// Requests and answers for the parts of `banyan compare`.
import type { WireAnswer, WireRequest } from '../../../src/cli/asking/answer.ts'
import { takeCopy } from '../../../src/cli/compare/take-copy.ts'
import type { BodyCopy } from '../../../src/model/comparison.ts'

export function requestOf(target: string): WireRequest {
  return { method: 'GET', target, host: null, template: target.replace(/\d+$/, ':id') }
}

export function answerOf(body: string): WireAnswer<BodyCopy> {
  const taker = takeCopy(1024)
  taker.add(Buffer.from(body))
  return {
    kind: 'answer',
    version: '1.1',
    status: 200,
    reason: 'OK',
    fields: [['content-type', 'application/json']],
    interim: [],
    body: taker.end(),
    trailers: [],
    elapsedMs: 1,
  }
}
