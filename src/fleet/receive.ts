// A rollback that another instance sends directly: who may say so, what is refused, and what is answered.
import type { Owed, Reached } from '../model/control.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { type Ack, type Pushed, readPush } from './messages.ts'
import { isSigned, signAnswer, signRequest } from './signed.ts'

export const FLEET_PATH = '/fleet/v1/rollbacks'
/** Of a request: some hundred rollbacks. */
export const MOST_PUSH_BYTES = 256 * 1024
/**
 * Older or newer than this by our clock is refused. Well within the time for which ended rollbacks are remembered, so that a
 * request that somebody has caught and sends again ends nowhere; and wide, because a rollback must not fail for a wrong clock.
 */
const FRESH_MS: Milliseconds = 7 * 86_400_000

export interface ReceiverParts {
  readonly instance: string
  readonly secret: string
  readonly clock: Pick<Clock, 'now'>
  /** null: it has been ended already. */
  readonly take: (owed: Owed) => Promise<Reached> | null
  /** Who runs what is in force. */
  readonly running: () => Promise<Reached>
  readonly refused: (why: string) => void
}

export interface Received {
  readonly status: 200 | 400 | 401
  readonly body: string
  /** null: whoever asked has not shown that it knows the secret, and is told nothing. */
  readonly signature: string | null
}

/** In force, all of them, when the promise resolves; here before it returns. */
export type Receive = (body: string, signature: string | undefined) => Promise<Received>

export function createReceiver(parts: ReceiverParts): Receive {
  const { secret, instance, clock } = parts
  return async function receive(body, signature) {
    const expected = signRequest(secret, 'POST', FLEET_PATH, body)
    if (!isSigned(signature, expected)) {
      parts.refused('its signature is not of our secret')
      return refusal(401, 'not_signed', null)
    }
    const answer = (status: 200 | 400, text: string): Received => ({
      status,
      body: text,
      signature: signAnswer(secret, expected, text),
    })
    const push = readPush(body)
    if (push === null) {
      parts.refused('it is none that this version knows')
      return answer(400, refusal(400, 'not_understood', null).body)
    }
    if (Math.abs(clock.now() - push.at) > FRESH_MS) {
      parts.refused(`it is of ${new Date(push.at).toISOString()}`)
      return answer(400, refusal(400, 'too_old', null).body)
    }
    const taken = push.owed.map(one => parts.take(one))
    const reached = await Promise.all(taken.map(one => one ?? parts.running()))
    const ack = ackOf(reached.at(-1) ?? (await parts.running()))
    const pushed: Pushed = { v: 1, instance, ...ack }
    return answer(200, JSON.stringify(pushed))
  }
}

/** Of our own workers. */
export function ackOf({ appliedBy, pending }: Reached): Ack {
  return { workers: appliedBy.map(({ worker }) => worker), pending: pending.map(({ worker }) => worker) }
}

function refusal(status: 400 | 401, code: string, signature: string | null): Received {
  return { status, body: JSON.stringify({ code }), signature }
}
