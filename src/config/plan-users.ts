// What a route says about its users → who may pick a side, who keeps one, and whose side is said.
import type { Cohort, KeyList, OverridePolicy, PinPolicy, ValueTest } from '../model/route.ts'
import { networks } from '../routing/network.ts'
import type { RouteConfig } from './schema.ts'

/** null: nobody may. */
export function overrideOf({ override }: RouteConfig): OverridePolicy | null {
  if (override === undefined || (override.from.length === 0 && !override.links)) return null
  const { links, from } = override
  const header = from.length === 0 ? null : { name: override.header, from: networks(from) }
  return { header, links }
}

/** null: off. */
export function pinOf(route: RouteConfig): PinPolicy | null {
  const { pin } = route
  return pin === undefined ? null : { idleMs: pin.idle, admit: pin.admit, session: sessionOf(route) }
}

/** What is named, else the cookies that keys come from. */
export function sessionOf({ pin, sticky }: Pick<RouteConfig, 'pin' | 'sticky'>): readonly string[] {
  if (pin?.session !== undefined) return [pin.session].flat()
  return sticky.flatMap(source => (source.kind === 'cookie' ? [source.name] : []))
}

export function cohortOf(
  { when, side }: RouteConfig['cohorts'][number],
  listOf: (keys: ReadonlySet<string>) => KeyList,
): Cohort {
  return {
    networks: when.cidr === undefined ? null : networks([when.cidr].flat()),
    headers: byteTestsOf(when.header ?? {}),
    cookies: byteTestsOf(when.cookie ?? {}),
    claims: testsOf(when.claim ?? {}),
    keys: when.keys === undefined ? null : listOf(when.keys),
    side,
  }
}

export function testsOf(patterns: Readonly<Record<string, Omit<ValueTest, 'name'>>>): ValueTest[] {
  return Object.entries(patterns).map(([name, { kind, value }]) => ({ name, kind, value }))
}

/** Of a field we have its bytes, one character each; the configuration is UTF-8. */
export function byteTestsOf(patterns: Readonly<Record<string, Omit<ValueTest, 'name'>>>): ValueTest[] {
  return testsOf(patterns).map(test => ({ ...test, value: Buffer.from(test.value).toString('latin1') }))
}
