// Who may use which tables. A release changes them by at most one schema version, and only by adding what the program before
// it need not know (expand); what nobody needs any more goes one version later (contract). So, while a fleet is brought
// from one version to the next, both programs work on the same tables, and going back one version works, too.
//
// Two numbers stand beside the tables: `schema`, the version that they have, and `readable_by`, the lowest version that a
// program must know to use them.
import { BanyanError } from '../model/errors.ts'

export interface SchemaVersion {
  /** 0: there are no tables yet. */
  readonly schema: number
  readonly readableBy: number
}

export interface Migrations {
  /** One text per schema version, applied in order. Never change one that was released: append. */
  readonly texts: readonly string[]
  /** `readable_by` of what these migrations make: their number, or one below where the last one only added. */
  readonly readableBy: number
}

/** What has to be applied to what was found; empty: nothing. @throws BanyanError `store_too_new` */
export function missingOf(
  found: SchemaVersion,
  { texts }: Migrations,
  what: string,
  where: Readonly<Record<string, string>>,
): readonly string[] {
  const known = texts.length
  if (found.readableBy <= known) return texts.slice(found.schema)
  throw new BanyanError(
    'store_too_new',
    `${what} has schema ${found.schema}; programs must know ${found.readableBy}, this one knows up to ${known}.`,
    {
      hint: 'Start the newer Banyan that wrote it, go back by one version at a time, or restore the backup from before the upgrade.',
      details: { ...where, found: found.schema, readableBy: found.readableBy, known },
    },
  )
}
