// What is refused, by which name it would be let in, and what is let in.
import type { Quirk } from '../model/route.ts'

/** Why a head is refused. `quirk` names the setting that would let it in; null where none does. */
export class HeadError extends Error {
  readonly code: 'bad_request' | 'version_unsupported' | 'expectation_failed' | 'too_many_fields'
  readonly quirk: Quirk | null

  constructor(message: string, code: HeadError['code'] = 'bad_request', quirk: Quirk | null = null) {
    super(message)
    this.code = code
    this.quirk = quirk
  }
}

/** What of an answer is let in; what was needed of it is noted. */
export interface Lenience {
  readonly accept: ReadonlySet<Quirk>
  note(quirk: Quirk): void
}

export const STRICT: Lenience = { accept: new Set(), note() {} }

/** Passes, or is refused by name. */
export function letIn(quirk: Quirk, lenience: Lenience, what: string): void {
  if (!lenience.accept.has(quirk)) throw new HeadError(what, 'bad_request', quirk)
  lenience.note(quirk)
}
