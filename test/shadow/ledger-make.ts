// Ledgers and findings for tests.
import type { Exemplar, Finding, FoundPlace, Rule } from '../../src/model/comparison.ts'
import type { Route } from '../../src/model/route.ts'
import {
  type ComparedPair,
  createLedger,
  type DivergenceEvent,
  type Ledger,
  type LedgerOptions,
} from '../../src/shadow/ledger.ts'
import type { SignatureQuery } from '../../src/shadow/signature-row.ts'

export const START = Date.UTC(2026, 0, 2)
export const DAY = 86_400_000
export const EVERYTHING: SignatureQuery = {
  since: null,
  severity: null,
  kind: null,
  path: null,
  state: null,
  limit: 1000,
}

export function route(id: string, rules: readonly string[] = []): Route {
  return { id, template: `/${id}/*`, compare: { rules: rules.map(id => ({ id })) } } as unknown as Route
}

export function place(path: string, more: Partial<FoundPlace> = {}): FoundPlace {
  return { kind: 'value', path, severity: 'medium', prior: null, ...more }
}

export const MATCH: Finding = { result: 'match', why: null, places: [], suppressed: [], exemplar: null }

export function different(...places: readonly (FoundPlace | string)[]): Finding {
  return { ...MATCH, result: 'different', places: places.map(one => (typeof one === 'string' ? place(one) : one)) }
}

export function exemplar(exchange: string, more: Partial<Exemplar> = {}): Exemplar {
  return {
    at: START,
    exchange,
    traceId: 't',
    primary: 'legacy',
    method: 'GET',
    template: '/t',
    target: null,
    keyHash: null,
    statuses: { legacy: 200, new: 200 },
    differences: [],
    more: 0,
    answers: null,
    ...more,
  }
}

export interface World {
  readonly ledger: Ledger
  readonly clock: { at: number; now(): number }
  readonly published: DivergenceEvent[]
  readonly divergent: string[]
  /** What a store would hold. */
  readonly kept: Map<string, string>
  save(): void
  /** A new process with the same store. */
  restarted(): World
  compare(route: Route, finding: Finding, more?: Partial<ComparedPair>): ReturnType<Ledger['compared']>
}

export function world(options: Partial<LedgerOptions> = {}, kept = new Map<string, string>(), from = START): World {
  const clock = { at: from, now: () => clock.at }
  const published: DivergenceEvent[] = []
  const divergent: string[] = []
  const rules = new Map<string, readonly Rule[]>()
  const ledger = createLedger({
    clock,
    keepBytes: 1024 * 1024,
    ageMs: 30 * DAY,
    publish: event => published.push(event),
    divergent: (...labels) => divergent.push(labels.join(' ')),
    suspended: () => [],
    rulesOf: route => rules.get(route) ?? [],
    ...options,
  })
  ledger.load(kept)
  function save(): void {
    const { put, remove } = ledger.changes()
    for (const key of remove) kept.delete(key)
    for (const [key, text] of put) kept.set(key, text)
  }
  return {
    ledger,
    clock,
    published,
    divergent,
    kept,
    save,
    restarted() {
      save()
      return world(options, kept, clock.at)
    },
    compare(route, finding, more = {}) {
      // Those of the last comparison are in force.
      rules.set(route.id, more.rules ?? route.compare.rules)
      return ledger.compared({
        route,
        template: '/t',
        finding,
        repeat: null,
        legacyMs: 10,
        newMs: 20,
        learning: false,
        ...more,
      })
    },
  }
}
