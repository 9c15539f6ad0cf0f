// A rollback that came from another instance, looked at before it is believed: its shape, its sizes, and nothing beside.
import type { Actor, AuditDraft, Owed, Rollback, RollbackTrigger } from '../model/control.ts'

const MAX_NAMES = 5_000
const MAX_TEXT = 4_096
/** `before` and `after` of an audit entry are small and flat; what is nested deeper could not be written again. */
const MAX_DEPTH = 8
/** Far above any that comes about, and far below where adding one changes nothing. */
const MAX_REVISION = 2 ** 48
const TRIGGERS: readonly RollbackTrigger[] = ['operator', 'autopilot', 'break_glass']

/** null: this is no rollback with its audit entry. Keys that are not known are dropped. */
export function readOwed(value: unknown): Owed | null {
  if (!isObject(value)) return null
  const rollback = readRollback(value.rollback)
  const draft = readDraft(value.draft)
  return rollback === null || draft === null ? null : { rollback, draft }
}

function readRollback(value: unknown): Rollback | null {
  if (!isObject(value)) return null
  const { id, units, restored, trigger, by, at, reason } = value
  const known = TRIGGERS.find(one => one === trigger)
  if (!isId(id) || known === undefined || !isNames(restored) || !(units === '*' || isNames(units))) return null
  if (!isText(by) || !isMoment(at) || !isTextOrNull(reason)) return null
  return { id, units: units === '*' ? units : [...units], restored: [...restored], trigger: known, by, at, reason }
}

function readDraft(value: unknown): AuditDraft | null {
  if (!isObject(value)) return null
  const { at, action, subject, reason, before, after, revision } = value
  const actor = readActor(value.actor)
  if (actor === null || action !== 'rollback' || !isText(subject) || !isTextOrNull(reason)) return null
  if (!isMoment(at) || !isCount(revision) || revision > MAX_REVISION || !isShallow(before) || !isShallow(after))
    return null
  return { at, actor, action, subject, reason, before: before ?? null, after: after ?? null, revision }
}

function readActor(value: unknown): Actor | null {
  if (!isObject(value)) return null
  const { name, tokenId, address } = value
  return isText(name) && isTextOrNull(tokenId) && isTextOrNull(address) ? { name, tokenId, address } : null
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value)
}

/** Whatever an instance may be called: it is shown, so it has no control characters. */
export function isInstance(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{C}]{1,255}$/u.test(value)
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= 8.64e15
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value)
}

function isNames(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_NAMES &&
    value.every(name => typeof name === 'string' && name.length <= 64)
  )
}

function isShallow(value: unknown, depth = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every(item => isShallow(item, depth - 1))
}
