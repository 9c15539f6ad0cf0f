// Cuts what is to be kept into pieces: one transaction each, so that nothing waits for long.
import type { KeptChanges, KeptRecord } from './store.ts'

/** What one transaction of kept records may hold, and a commit may have to wait for: some milliseconds. */
const MAX_PIECE = { records: 500, characters: 2 ** 18 }

/** In their order, what is removed first. */
export function piecesOf({ put, remove }: KeptChanges): readonly KeptChanges[] {
  const pieces: { readonly put: KeptRecord[]; readonly remove: string[] }[] = []
  let left = { records: 0, characters: 0 }
  const pieceFor = (length: number) => {
    if (left.records === 0 || left.characters < length) {
      pieces.push({ put: [], remove: [] })
      left = { ...MAX_PIECE }
    }
    left.records--
    left.characters -= length
    return pieces.at(-1)!
  }
  for (const key of remove) pieceFor(key.length).remove.push(key)
  for (const record of put) pieceFor(record[0].length + record[1].length).put.push(record)
  return pieces
}
