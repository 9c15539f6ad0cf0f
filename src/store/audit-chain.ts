// The audit log's hash chain: every entry seals the one before it, so that a changed, removed or inserted entry shows.
//
// Anybody can check it without this program. For each entry, oldest first:
//
//   hash     = SHA-256, lower-case hex, over the UTF-8 bytes of   previous + "\n" + canonical(entry without its `hash`)
//   previous = the hash of the entry with seq - 1; 64 zeros when seq is 1
//
// canonical() is RFC 8785 (JSON Canonicalization Scheme): no white space, the keys of every object sorted by their
// UTF-16 code units, numbers and strings as JSON.stringify writes them. In Python (numbers that are no plain decimals
// and keys beyond the basic plane would need a real RFC 8785 library):
//
//   previous = '0' * 64
//   for entry in entries:
//       hash = entry.pop('hash')
//       text = json.dumps(entry, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
//       assert entry['previous'] == previous
//       assert hashlib.sha256(f'{previous}\n{text}'.encode()).hexdigest() == hash
//       previous = hash
//
// A chain cannot say that its newest entries were cut off; a store keeps the newest seq and hash beside the state for that.
import { createHash } from 'node:crypto'
import type { AuditDraft, AuditEntry } from '../model/control.ts'

/** What the first entry names as the one before. */
export const GENESIS = '0'.repeat(64)

/** The end of a chain: all that the next entry has to know of the ones before it. */
export type ChainHead = Pick<AuditEntry, 'seq' | 'hash'>

export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: GENESIS }

/**
 * Seals a draft. The entry is made of what JSON keeps of the draft (no `undefined`, no functions), so that the entry
 * that is returned, stored and hashed is the same one.
 * @throws TypeError when the draft cannot be written as JSON at all (a bigint, a circle).
 */
export function chain(draft: AuditDraft, previousHash: string, seq: number): AuditEntry {
  const plain = JSON.parse(JSON.stringify(draft)) as AuditDraft
  const body = withoutHash({ ...plain, seq, previous: previousHash })
  return { ...body, hash: digest(body) }
}

/** Whether the entry is unchanged and the very next one; `null` is the beginning. Total: any JSON object may be asked about. */
export function follows(entry: AuditEntry, previous: ChainHead | null): boolean {
  const head = previous ?? EMPTY_CHAIN
  return entry.seq === head.seq + 1 && entry.previous === head.hash && entry.hash === digest(withoutHash({ ...entry }))
}

/** RFC 8785 of a JSON value. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const object = value as Readonly<Record<string, unknown>>
    // The default order of sort() is the order of UTF-16 code units.
    const members = Object.keys(object).sort()
    return `{${members.map(key => `${JSON.stringify(key)}:${canonicalJson(object[key])}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

function withoutHash(entry: Omit<AuditEntry, 'hash'> & { readonly hash?: string }): Omit<AuditEntry, 'hash'> {
  const { hash: _, ...body } = entry
  return body
}

function digest(body: Omit<AuditEntry, 'hash'>): string {
  return createHash('sha256')
    .update(`${body.previous}\n${canonicalJson(body)}`)
    .digest('hex')
}
