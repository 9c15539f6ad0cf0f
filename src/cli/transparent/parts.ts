// Bodies that vary by themselves, a page with a time or a token in it, are still compared where they do not. Pure.
//
// Each is cut into words and what stands between them. Where all have as many pieces, a piece in which the direct bodies differ is the
// backend's own; in every other one the proxy's answer must say the same. A time, an id or a token is one piece.
import type { Body } from '../asking/answer.ts'
import { lineShown } from '../asking/shown.ts'

export interface PartsDiffer {
  readonly direct: string
  readonly via: string
}

const PIECES = /[\w:.+=~-]+|[^\w:.+=~-]+/g
const AROUND = 2

/**
 * `same`: equal wherever the direct bodies are; `unknown`: they cannot be laid over each other; else the first place where the
 * proxy's answers, each of them, say something else.
 */
export function differInParts(directs: readonly Body[], vias: readonly Body[]): 'same' | 'unknown' | PartsDiffer {
  const all = [...directs, ...vias]
  if (all.some(({ length, start }) => length > start.length)) return 'unknown'
  const [ours, theirs] = [directs.map(piecesOf), vias.map(piecesOf)]
  const [first] = ours
  if (first === undefined || [...ours, ...theirs].some(({ length }) => length !== first.length)) return 'unknown'
  const at = first.findIndex(
    (piece, i) => ours.every(pieces => pieces[i] === piece) && theirs.every(pieces => pieces[i] !== piece),
  )
  if (at === -1) return 'same'
  const around = (pieces: readonly string[]): string =>
    lineShown(`${at > AROUND ? '…' : ''}${pieces.slice(Math.max(0, at - AROUND), at + AROUND).join('')}`)
  return { direct: around(first), via: around(theirs[0]!) }
}

function piecesOf({ start }: Body): readonly string[] {
  return start.toString('latin1').match(PIECES) ?? []
}
