// From the leaves of one comparison that differ to the places that are counted: each once, however many elements differ there.
import { type Divergence, type FoundPlace, SEVERITIES, type Severity } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'
import { collapsePointer } from './collapse.ts'
import { priorOf } from './priors.ts'

export function foundPlaces(differences: readonly Divergence[], at: EpochMs): readonly FoundPlace[] {
  const places = new Map<string, FoundPlace>()
  for (const difference of differences) {
    const { kind, severity } = difference
    const path = collapsedPath(difference)
    const key = `${kind} ${path}`
    const before = places.get(key)
    const prior = priorOf(difference, at)
    if (before === undefined) places.set(key, { kind, path, severity, prior })
    // One that cannot be explained is enough.
    else
      places.set(key, {
        kind,
        path,
        severity: worse(before.severity, severity),
        prior: before.prior === prior ? prior : null,
      })
  }
  return [...places.values()]
}

export function collapsedPath({ kind, path, legacy, new: fresh }: Divergence): string {
  if (kind === 'status') return `/${legacy}/${fresh}`
  return collapsePointer(path, kind === 'header')
}

export function worse(one: Severity, other: Severity): Severity {
  return SEVERITIES.indexOf(one) >= SEVERITIES.indexOf(other) ? one : other
}
