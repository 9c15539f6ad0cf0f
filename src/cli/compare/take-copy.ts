// Keeps a body as the comparator wants it: whole up to a limit, above that as hashes of its blocks.
import { BodyCopier } from '../../compare/body-copy.ts'
import type { BodyCopy } from '../../model/comparison.ts'
import type { Bytes } from '../../model/units.ts'
import type { BodyTaker } from '../asking/body.ts'

/** Beyond so much nothing is read: it is not known then whether the rest is equal. */
const READ_TIMES = 64

export function takeCopy(keepBytes: Bytes): BodyTaker<BodyCopy> {
  const copier = new BodyCopier(keepBytes)
  let complete = true
  return {
    add(chunk) {
      copier.add(chunk)
      complete = copier.length <= READ_TIMES * keepBytes
      return complete
    },
    length: () => copier.length,
    end: () => copier.end(complete),
  }
}
