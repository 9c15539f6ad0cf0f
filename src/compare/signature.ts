// Names of what is counted. A place is (template, kind, collapsed path) of a route; a signature is (kind, field) of a route,
// whatever templates and depths the field is found in: what a person looks at as one fault.
import { createHash } from 'node:crypto'
import type { DivergenceKind } from '../model/comparison.ts'
import type { RouteId } from '../model/route.ts'

const DIGITS = 12

/** The same on every machine and after every restart. */
export function signatureId(route: RouteId, kind: DivergenceKind, field: string): string {
  return createHash('sha256')
    .update(JSON.stringify([route, kind, field]))
    .digest('hex')
    .slice(0, DIGITS)
}
