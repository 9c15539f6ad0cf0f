// What instances say to each other, as JSON: pushes and their answers from peer to peer, tellings by way of the store.
//
// Version 1. Keys that are not known are ignored, so that a later version may add some; another `v` is refused.

import type { Owed, Reached } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { EpochMs, Revision } from '../model/units.ts'
import { isCount, isId, isInstance, isObject, readOwed } from './owed-shape.ts'

export const MAX_BODY_BYTES = 65_536
/** What one telling may have, as the store takes it. */
export const MAX_TELL_BYTES = 7_000
const MAX_OWED = 1_000
const MAX_WORKERS = 1_024

/** From peer to peer. With nothing owed it is a greeting: who is there? */
export interface Push {
  readonly from: string
  readonly at: EpochMs
  /** Never the same twice, so that an answer is of this push and no other. */
  readonly nonce: string
  readonly owed: readonly Owed[]
}

export interface AckWorker {
  readonly worker: number
  /** It has not said yet that it runs it. */
  readonly pending: boolean
}

/** What an instance did with a rollback. */
export interface Ack {
  readonly rollback: string
  readonly workers: readonly AckWorker[]
  /** Not in force there: a restore named it already. */
  readonly ended: boolean
}

export interface PushAnswer {
  readonly from: string
  readonly acks: readonly Ack[]
}

/** By way of the store. */
export type Told =
  | { readonly kind: 'rollback'; readonly owed: Owed }
  | { readonly kind: 'ack'; readonly ack: Ack }
  | { readonly kind: 'runs'; readonly revision: Revision; readonly workers: readonly AckWorker[] }

export function writePush({ from, at, nonce, owed }: Push): Buffer {
  return Buffer.from(JSON.stringify({ v: 1, from, at, nonce, owed }))
}

/** Of a body whose signature was right. Throws `not_json`, `other_version` or `invalid`. */
export function readPush(body: Uint8Array): Push {
  const said = parsed(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  if (!isObject(said)) throw new BanyanError('not_json', 'the body is not a JSON object')
  if (said.v !== 1) {
    throw new BanyanError('other_version', 'the push is of a version that is not known here', {
      hint: 'this instance understands version 1: bring both to versions next to each other',
    })
  }
  const { from, at, nonce, owed } = said
  if (!isInstance(from)) throw invalid('from', 'the name of the instance')
  if (!isCount(at)) throw invalid('at', 'milliseconds since 1970')
  if (!isId(nonce)) throw invalid('nonce', 'up to 64 letters and digits')
  if (!Array.isArray(owed) || owed.length > MAX_OWED) throw invalid('owed', `a list of at most ${MAX_OWED} rollbacks`)
  return { from, at, nonce, owed: owed.map((one, i) => readOwed(one) ?? refuseOwed(i)) }
}

export function writeAnswer({ from, acks }: PushAnswer): Buffer {
  const short = acks.map(ack => ({ ...ack, workers: ack.workers.map(shortWorker) }))
  return Buffer.from(JSON.stringify({ v: 1, from, acks: short }))
}

/** null: not an answer. */
export function readAnswer(body: Buffer): PushAnswer | null {
  const said = parsed(body.toString('utf8'))
  if (!isObject(said) || said.v !== 1 || !isInstance(said.from) || !Array.isArray(said.acks)) return null
  const acks = said.acks.map(readAck)
  return acks.includes(null) ? null : { from: said.from, acks: acks as Ack[] }
}

export function writeTold(told: Told): string {
  if (told.kind === 'rollback') return JSON.stringify({ v: 1, rollback: told.owed })
  if (told.kind === 'ack') {
    const { rollback, ended, workers } = told.ack
    return JSON.stringify({ v: 1, ack: { rollback, ended, workers: workers.map(shortWorker) } })
  }
  return JSON.stringify({ v: 1, ack: { revision: told.revision, workers: told.workers.map(shortWorker) } })
}

/** null: nothing that this version understands. */
export function readTold(text: string): Told | null {
  const said = parsed(text)
  if (!isObject(said) || said.v !== 1) return null
  if (said.rollback !== undefined) {
    const owed = readOwed(said.rollback)
    return owed && { kind: 'rollback', owed }
  }
  if (!isObject(said.ack)) return null
  if (said.ack.revision === undefined) {
    const ack = readAck(said.ack)
    return ack && { kind: 'ack', ack }
  }
  const { revision } = said.ack
  const workers = readWorkers(said.ack.workers)
  return isCount(revision) && workers !== null ? { kind: 'runs', revision, workers } : null
}

/** What our own workers said, of all that a change reached. */
export function workersOf(instance: string, { appliedBy, pending }: Reached): readonly AckWorker[] {
  const ours = (one: { readonly instance: string }) => one.instance === instance
  return [
    ...appliedBy.filter(ours).map(({ worker }) => ({ worker, pending: false })),
    ...pending.filter(ours).map(({ worker }) => ({ worker, pending: true })),
  ]
}

function readAck(value: unknown): Ack | null {
  if (!isObject(value) || !isId(value.rollback)) return null
  const workers = readWorkers(value.workers)
  return workers && { rollback: value.rollback, ended: value.ended === true, workers }
}

function readWorkers(value: unknown): readonly AckWorker[] | null {
  if (!Array.isArray(value) || value.length > MAX_WORKERS) return null
  if (!value.every(one => isObject(one) && isCount(one.worker))) return null
  return value.map(one => ({ worker: one.worker, pending: one.pending === true }))
}

function shortWorker({ worker, pending }: AckWorker): object {
  return pending ? { worker, pending } : { worker }
}

function refuseOwed(index: number): never {
  throw invalid(`owed/${index}`, 'a rollback with its audit entry')
}

function invalid(pointer: string, wanted: string): BanyanError {
  return new BanyanError('invalid', `/${pointer} must be ${wanted}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
