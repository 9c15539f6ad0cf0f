// What instances of one fleet say to each other: a rollback with its audit entry, and who runs what. As JSON, through the store
// or directly; read with suspicion, because another version may have written it.
import type { Owed, Rollback } from '../model/control.ts'
import type { Revision } from '../model/units.ts'

/** Which of an instance's workers run it. */
export interface Ack {
  readonly workers: readonly number[]
  readonly pending: readonly number[]
}

/** Through the store. */
export type Message =
  | { readonly v: 1; readonly kind: 'rollback'; readonly owed: Owed }
  /** This revision of the store, or a later one. */
  | ({ readonly v: 1; readonly kind: 'runs'; readonly revision: Revision } & Ack)
  | ({ readonly v: 1; readonly kind: 'rolled-back'; readonly rollback: string } & Ack)

/** Directly: the question and its answer. No rollbacks: are you there? */
export interface Push {
  readonly v: 1
  readonly from: string
  readonly at: number
  readonly owed: readonly Owed[]
}

export interface Pushed extends Ack {
  readonly v: 1
  readonly instance: string
}

/** null: not one of ours. */
export function readMessage(text: string): Message | null {
  const value = parse(text)
  if (value?.v !== 1) return null
  switch (value.kind) {
    case 'rollback':
      return isOwed(value.owed) ? (value as unknown as Message) : null
    case 'runs':
      return typeof value.revision === 'number' && isAck(value) ? (value as unknown as Message) : null
    case 'rolled-back':
      return typeof value.rollback === 'string' && isAck(value) ? (value as unknown as Message) : null
    default:
      return null
  }
}

export function readPush(text: string): Push | null {
  const value = parse(text)
  const { v, from, at, owed } = value ?? {}
  const isPush = v === 1 && typeof from === 'string' && typeof at === 'number' && Array.isArray(owed)
  return isPush && owed.every(isOwed) ? (value as unknown as Push) : null
}

export function readPushed(text: string): Pushed | null {
  const value = parse(text)
  if (value?.v !== 1 || typeof value.instance !== 'string' || !isAck(value)) return null
  return value as unknown as Pushed
}

type Fields = Readonly<Record<string, unknown>>

function parse(text: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return null
  }
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function isAck({ workers, pending }: Fields): boolean {
  const areNumbers = (list: unknown) => Array.isArray(list) && list.every(one => Number.isInteger(one))
  return areNumbers(workers) && areNumbers(pending)
}

const MOST_NAMES = 100_000

function isOwed(value: unknown): value is Owed {
  const { rollback, draft } = fieldsOf(value) ?? {}
  const said = fieldsOf(draft)
  return (
    isRollback(fieldsOf(rollback)) &&
    said !== null &&
    said.action === 'rollback' &&
    typeof said.at === 'number' &&
    typeof said.revision === 'number' &&
    Number.isSafeInteger(said.revision) &&
    typeof said.subject === 'string' &&
    typeof fieldsOf(said.actor)?.name === 'string'
  )
}

function isRollback(value: Fields | null): value is Fields & Rollback {
  if (value === null) return false
  const { id, units, restored, trigger, by, at, reason } = value
  const areNames = (list: unknown) =>
    Array.isArray(list) && list.length <= MOST_NAMES && list.every(one => typeof one === 'string')
  return (
    typeof id === 'string' &&
    /^[\w-]{1,64}$/.test(id) &&
    (units === '*' || areNames(units)) &&
    areNames(restored) &&
    typeof trigger === 'string' &&
    typeof by === 'string' &&
    typeof at === 'number' &&
    (reason === null || typeof reason === 'string')
  )
}
