// Whether what must survive the process would: the store, how long its last commit took, the space that is left for it.
import type { Bytes, Milliseconds } from '../model/units.ts'
import { countText, type Finding } from './finding.ts'

const MIB = 2 ** 20
const LITTLE = 512 * MIB
const NONE_LEFT = 32 * MIB
/** A disk that takes longer makes every change of weight wait as long. */
const SLOW_MS: Milliseconds = 250

export interface StoreSeen {
  readonly kind: string
  readonly healthy: boolean
  /** Rollbacks that the store does not hold. */
  readonly unsaved: number
  /** Of those, what the local file does not hold either. */
  readonly unkept: number
  /** null: nothing was saved since the start. */
  readonly lastCommitMs: Milliseconds | null
  /** Of its tables; null: nobody could say. */
  readonly schema: { readonly stored: number; readonly known: number } | null
  /** Where it is; null: in memory. */
  readonly directory: string | null
  /** null: nobody could say. */
  readonly freeBytes: Bytes | null
}

export function storeFindings(seen: StoreSeen): Finding[] {
  const { kind, healthy, unsaved, unkept, lastCommitMs, freeBytes, schema } = seen
  const say = (code: string, level: Finding['level'], message: string): Finding => ({
    area: 'store',
    code,
    level,
    message,
    route: null,
    evidence: { ...seen },
  })
  const free = freeBytes === null ? '' : `, ${Math.floor(freeBytes / MIB).toLocaleString('en-US')} MiB free`
  const found: Finding[] = []
  if (!healthy) found.push(say('store_unhealthy', 'bad', `the last change could not be saved in the ${kind} store`))
  if (unkept > 0) {
    const message = `${countText(unkept, 'rollback')} in force and kept nowhere, neither in the store nor in the local file: a restart forgets it; make room`
    found.push(say('unsaved_rollback', 'bad', message))
  } else if (unsaved > 0) {
    const message = `${countText(unsaved, 'rollback')} in force and only in the local file, not yet in the store`
    found.push(say('unsaved_rollback', 'bad', message))
  }
  if (schema !== null && schema.stored > schema.known) {
    const message = `the store has schema ${schema.stored}, and this version knows ${schema.known}: a newer one has been here. One version apart they work beside each other; upgrade this one, too, before the next`
    found.push(say('store_schema', 'warn', message))
  }
  if (kind === 'memory') {
    found.push(say('store_memory', 'note', 'the store is in memory: weights, rollbacks, tokens go with the process'))
  }
  if (freeBytes !== null && freeBytes < LITTLE) {
    found.push(say('store_space', freeBytes < NONE_LEFT ? 'bad' : 'warn', `little space for the store${free}`))
  }
  if (lastCommitMs !== null && lastCommitMs > SLOW_MS) {
    const message = `the last commit took ${Math.round(lastCommitMs)} ms: every change of weight waits as long (rollbacks do not)`
    found.push(say('store_slow', 'warn', message))
  }
  if (found.length > 0) return found
  const took =
    lastCommitMs === null ? 'nothing saved since the start' : `last commit ${Number(lastCommitMs.toFixed(1))} ms`
  const tables = schema === null || kind === 'memory' ? '' : `, schema ${schema.stored}`
  return [say('store_ok', 'ok', `${kind}: ${took}${free}${tables}`)]
}
