// What a route says of shadowing and comparing → the policies that shadow and compare read.
import { ruleFrom } from '../compare/rules/parse.ts'
import { type ComparePolicy, DEFAULT_COMPARE_POLICY, type ShadowPolicy } from '../model/comparison.ts'
import type { ShadowBounds } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import { headerChanges } from './plan-side.ts'
import type { Config, RouteConfig } from './schema.ts'

/** null: off. */
export function shadowOf({ shadow }: RouteConfig): ShadowPolicy | null {
  if (shadow === undefined || shadow.percent === 0) return null
  const { send, maxConcurrent, maxRps, stopAbove } = shadow
  return Object.freeze({
    percent: shadow.percent,
    when: shadow.when,
    direction: shadow.direction,
    methods: new Set(shadow.methods),
    mark: shadow.mark,
    cookies: typeof send.cookies === 'string' ? send.cookies : new Set(send.cookies),
    headers: headerChanges(send.headers),
    deny: shadow.deny,
    denyActions: shadow.actions === 'deny',
    caps: {
      legacy: { concurrent: maxConcurrent.legacy, perSecond: maxRps.legacy },
      new: { concurrent: maxConcurrent.new, perSecond: maxRps.new },
    },
    stopAboveP95: stopAbove.p95 === undefined ? null : stopAbove.p95 / 100,
    window: shadow.window ?? null,
    timeoutMs: shadow.timeout,
    maxRequestBytes: shadow.maxRequest,
  })
}

/** `loadedAt` decides whether values may be kept at all: a date that has passed is none. */
export function compareOf({ compare }: RouteConfig, loadedAt: EpochMs): ComparePolicy {
  if (compare === undefined) return DEFAULT_COMPARE_POLICY
  const { budget, values, valuesUntil } = compare
  const until = values === 'redacted' ? (valuesUntil?.at ?? 0) : 0
  return Object.freeze({
    status: compare.status,
    headers: compare.headers ?? null,
    maxBodyBytes: compare.maxBody,
    budget: {
      timeMs: budget.time,
      nodes: budget.nodes,
      depth: budget.depth,
      keys: budget.keys,
      differences: budget.differences,
    },
    rules: compare.rules.map((rule, index) => ruleFrom(rule, `file:${index}`)),
    noisePercent: compare.noise.percent,
    redact: compare.redact,
    keep: compare.keep,
    valuesUntil: until > loadedAt ? until : null,
  })
}

export function shadowBoundsOf({ memory, queue, keep, age }: Config['proxy']['shadow']): ShadowBounds {
  return { memoryBytes: memory, queue, keepBytes: keep, ageMs: age }
}
