// What an instance does with a push of a peer: believe nothing before the signature is right, take what it brings, and say,
// signed as well, which worker runs it.
//
// A push that is sent again is harmless: a rollback is in force once, and one that a restore ended is known as ended for 30
// days. So a push is believed for 7 days and refused after, long before anything could be forgotten.

import type { Owed, Reached } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import type { FleetControl } from './fleet.ts'
import { type Ack, MAX_BODY_BYTES, readPush, workersOf, writeAnswer } from './message.ts'
import { isSigned, signAnswer, signPush } from './signed.ts'

const BELIEVED_MS: Milliseconds = 7 * 24 * 3_600_000
const LOG_EVERY_MS: Milliseconds = 60_000

export interface ReceiverParts {
  readonly instance: string
  readonly secret: string
  readonly clock: Clock
  /** null while it is not open yet. */
  readonly control: () => Pick<FleetControl, 'take'> | null
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

export interface SignedAnswer {
  /** JSON. */
  readonly body: Buffer
  /** For `X-Banyan-Signature`. */
  readonly signature: string
}

export interface Receiver {
  /**
   * `signature` as the header has it, null without one. Rejects with a BanyanError: `too_large`, `bad_signature`, and of a
   * right signature also `not_json`, `other_version`, `too_old`, `invalid`,
   * `starting`. Of a push with a mistake nothing is taken.
   */
  receive(body: Uint8Array, signature: string | null, address: string | null): Promise<SignedAnswer>
  /** Monotonic moment of the last push whose signature was wrong; null: none. */
  refusedAt(): Milliseconds | null
}

export function createReceiver(parts: ReceiverParts): Receiver {
  const { instance, secret, clock } = parts
  let refusedAt: Milliseconds | null = null
  let loggedAt: Milliseconds | null = null

  async function receive(body: Uint8Array, signature: string | null, address: string | null): Promise<SignedAnswer> {
    if (body.byteLength > MAX_BODY_BYTES) throw new BanyanError('too_large', 'a push has at most 64 KiB')
    if (!isSigned(signature, signPush(secret, body))) throw refused(address)
    const push = readPush(body)
    if (Math.abs(clock.now() - push.at) > BELIEVED_MS) {
      throw new BanyanError('too_old', 'the push was signed more than 7 days from now', {
        hint: 'compare the clocks of both machines',
      })
    }
    // Our own words come back when we greet all addresses, ours among them.
    const acks = push.from === instance ? [] : takeAll(push.owed)
    const answer = writeAnswer({ from: instance, acks: await Promise.all(acks) })
    return { body: answer, signature: signAnswer(secret, signature as string, answer) }
  }

  /** All are in force when this returns; that each worker says so is waited for. */
  function takeAll(owed: readonly Owed[]): readonly Promise<Ack>[] {
    const control = parts.control()
    if (control === null && owed.length > 0) {
      throw new BanyanError('starting', 'this instance has just started', { hint: 'send it again' })
    }
    return owed.map(one => ackOf(one.rollback.id, control?.take(one) ?? null))
  }

  async function ackOf(rollback: string, taken: Promise<Reached> | null): Promise<Ack> {
    if (taken === null) return { rollback, ended: true, workers: [] }
    return { rollback, ended: false, workers: workersOf(instance, await taken) }
  }

  /** One word for every way in which a signature can be wrong. */
  function refused(address: string | null): BanyanError {
    refusedAt = clock.monotonic()
    if (loggedAt === null || refusedAt - loggedAt > LOG_EVERY_MS) {
      loggedAt = refusedAt
      parts.log('warn', 'a push with a wrong signature was refused: does a peer have another fleet.secret?', {
        address,
      })
    }
    return new BanyanError('bad_signature', 'the signature is missing or wrong')
  }

  return { receive, refusedAt: () => refusedAt }
}
