// Rules as people write them, in the configuration and in calls: one key says what is done and where, others say how.
//
//     - { ignore: $.request_id, owner: team-orders, until: 2026-12-01 }
//     - { tolerance: [$.price, $.tax], relative: 1% }
//     - { keyed: $.items, by: [sku, size] }
import type { DivergenceKind, Equality, Normaliser, Rule, RuleAction, Severity } from '../../model/comparison.ts'
import { didYouMean, nearest } from '../../model/nearest.ts'
import type { EpochMs, Milliseconds } from '../../model/units.ts'
import { pointerKey } from '../pointer-key.ts'
import { ALLOWED_PATHS, mistake, mistakesIn, type RuleMistake } from './mistakes.ts'
import { readTime } from './times.ts'

/** What is done, and the keys that say how. */
const ACTIONS: Readonly<Record<RuleAction['does'], readonly string[]>> = {
  ignore: [],
  unordered: [],
  keyed: ['by'],
  tolerance: ['absolute', 'relative', 'time'],
  normalise: ['as', 'pattern', 'replace'],
  equal: ['what'],
  idMap: [],
  expect: ['kinds'],
  severity: ['is'],
}
const ABOUT = ['owner', 'reason', 'until']
const MAX_ABOUT = 500

type Input = Readonly<Record<string, unknown>>

/** All that is wrong with what somebody wrote; pointers are into it. */
export function ruleMistakes(input: unknown, at: EpochMs): readonly RuleMistake[] {
  const reader = new Reader(input, 'rule')
  const { rule, mistakes } = reader
  if (rule === null) return mistakes
  return [...mistakes, ...mistakesIn(rule, at).map(found => ({ ...found, path: reader.pointerOf(found.path) }))]
}

/** Throws where `ruleMistakes` has found an error. */
export function ruleFrom(input: unknown, id: string): Rule {
  const { rule, mistakes } = new Reader(input, id)
  if (rule === null) throw new Error(`not a rule: ${mistakes[0]?.message}`)
  return rule
}

class Reader {
  /** null: it has not the form of one. */
  readonly rule: Rule | null
  readonly mistakes: RuleMistake[] = []
  readonly #input: Input
  #does: RuleAction['does'] = 'ignore'

  constructor(input: unknown, id: string) {
    this.#input = typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Input) : {}
    if (this.#input !== input) {
      this.mistakes.push(mistake('', 'not a rule', { allowed: 'a mapping such as { ignore: $.request_id }' }))
    }
    const rule = this.mistakes.length === 0 ? this.#read(id) : null
    this.rule = this.mistakes.length === 0 ? rule : null
  }

  /** From a place in a `Rule` to where it was written. */
  pointerOf(path: string): string {
    if (path === '/timeMs') return '/time'
    if (path === '/severity') return '/is'
    const [, name, index] = path.split('/')
    const key = name === 'paths' ? this.#does : name
    if (key === undefined || index === undefined) return key === undefined ? '' : `/${key}`
    return Array.isArray(this.#input[key]) ? `/${key}/${index}` : `/${key}`
  }

  #read(id: string): Rule | null {
    const known = Object.keys(ACTIONS) as RuleAction['does'][]
    const said = known.filter(name => this.#input[name] !== undefined)
    const [does, second] = said
    if (does === undefined) {
      this.#refuseWithoutAction(known)
      return null
    }
    if (second !== undefined) {
      const message = `either ${does} or ${second}: one rule does one thing`
      this.mistakes.push(mistake('', message, { allowed: known.join(', ') }))
      return null
    }
    this.#does = does
    this.#refuseUnknown([does, ...ACTIONS[does], ...ABOUT])
    const paths = this.#texts(does, ALLOWED_PATHS)
    const about = { owner: this.#about('owner'), reason: this.#about('reason'), until: this.#until() }
    return { ...this.#action(does), id, paths, ...about }
  }

  /** A misspelt action is an unknown key, and says what was meant. */
  #refuseWithoutAction(actions: readonly string[]): void {
    const known = [...actions, ...Object.values(ACTIONS).flat(), ...ABOUT]
    this.#refuseUnknown(known, [...actions, ...ABOUT])
    if (Object.keys(this.#input).some(key => !known.includes(key) && nearest(key, actions) !== null)) return
    this.mistakes.push(mistake('', 'what is to be done?', { allowed: actions.join(', ') }))
  }

  /** `told`: those of the known that are listed. */
  #refuseUnknown(known: readonly string[], told = known): void {
    for (const key of Object.keys(this.#input)) {
      if (known.includes(key)) continue
      const hint = didYouMean(key, told) ?? ownerOf(key)
      this.mistakes.push(mistake(`/${pointerKey(key)}`, 'unknown key', { allowed: told.join(', '), hint }))
    }
  }

  /** Words are checked with the meaning. */
  #action(does: RuleAction['does']): RuleAction {
    switch (does) {
      case 'keyed':
        return { does, by: this.#texts('by', 'the name of a member, or several') }
      case 'tolerance':
        return { does, absolute: this.#number('absolute'), relative: this.#share('relative'), timeMs: this.#duration() }
      case 'normalise':
        return this.#normalise()
      case 'equal':
        return { does, what: this.#texts('what', 'null=absent and others') as Equality[] }
      case 'expect': {
        const isSaid = this.#input.kinds !== undefined && this.#input.kinds !== null
        return { does, kinds: isSaid ? (this.#texts('kinds', 'value, missing and others') as DivergenceKind[]) : null }
      }
      case 'severity':
        return { does, severity: this.#text('is', 'low, medium, high') as Severity }
      default:
        return { does }
    }
  }

  #normalise(): RuleAction {
    const { as, pattern, replace } = this.#input
    if (pattern === undefined && replace === undefined && as !== 'pattern') {
      return { does: 'normalise', as: this.#text('as', 'uuid, timestamp, url-host, case, space') as Normaliser }
    }
    if (as !== undefined && as !== 'pattern') {
      this.mistakes.push(mistake('/as', 'either as or pattern: one rule does one thing'))
    }
    const source = this.#text('pattern', 'a regular expression')
    const replacement = replace === undefined ? '' : this.#text('replace', 'a text')
    return { does: 'normalise', as: 'pattern', pattern: source, replace: replacement }
  }

  // ---- values

  #texts(key: string, allowed: string): readonly string[] {
    const value = this.#input[key]
    if (!Array.isArray(value)) return [this.#text(key, allowed)]
    return value.map((one, i) => this.#textAt(`/${key}/${i}`, one, allowed))
  }

  #text(key: string, allowed: string): string {
    const value = this.#input[key]
    if (value !== undefined) return this.#textAt(`/${key}`, value, allowed)
    this.mistakes.push(mistake('', `${key} is missing`, { allowed }))
    return ''
  }

  #textAt(path: string, value: unknown, allowed: string): string {
    if (typeof value === 'string') return value
    const hint = typeof value === 'object' ? null : `write it in quotes: "${value}"`
    this.mistakes.push(mistake(path, 'not a text', { allowed, hint }))
    return ''
  }

  #about(key: 'owner' | 'reason'): string | null {
    const value = this.#input[key] ?? null
    if (value === null) return null
    const text = this.#textAt(`/${key}`, value, 'a text')
    if (text.length > MAX_ABOUT) this.mistakes.push(mistake(`/${key}`, `longer than ${MAX_ABOUT} characters`))
    return text
  }

  #number(key: string): number | null {
    const value = this.#input[key] ?? null
    if (value === null || typeof value === 'number') return value
    const isNumeric = typeof value === 'string' && /^-?[0-9.]+$/.test(value)
    const hint = isNumeric ? `write ${value} without quotes` : null
    this.mistakes.push(mistake(`/${key}`, 'not a number', { allowed: 'a number', hint }))
    return null
  }

  /** `1%` or 0.01. */
  #share(key: string): number | null {
    const value = this.#input[key]
    const percent = typeof value === 'string' ? /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(value) : null
    if (percent !== null) return Number((Number(percent[1]) / 100).toPrecision(12))
    if (typeof value !== 'string') return this.#number(key)
    this.mistakes.push(mistake(`/${key}`, 'not a share', { allowed: '1% or 0.01' }))
    return null
  }

  #duration(): Milliseconds | null {
    const value = this.#input.time ?? null
    if (value === null) return null
    const parts = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(value) : null
    if (parts !== null) return Number(parts[1]) * (UNIT_MS[parts[2] as string] as number)
    const hint = /^\d+$/.test(String(value)) ? `with a unit: ${value}s` : null
    this.mistakes.push(mistake('/time', 'not a duration', { allowed: 'a duration such as 500ms, 2s or 5m', hint }))
    return null
  }

  #until(): EpochMs | null {
    const value = this.#input.until ?? null
    if (value === null) return null
    const time = typeof value === 'string' ? readTime(value) : null
    if (time?.form === 'date' || time?.form === 'zoned') return time.ms
    const hint = time?.form === 'local' ? `with its zone: ${value}Z` : null
    const allowed = 'a day such as 2026-12-01 (its beginning, UTC), or a time such as 2026-12-01T12:00:00Z'
    this.mistakes.push(mistake('/until', 'not a time', { allowed, hint }))
    return null
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A key that belongs to another action. */
function ownerOf(key: string): string | null {
  const owner = Object.entries(ACTIONS).find(([, keys]) => keys.includes(key))
  return owner === undefined ? null : `it belongs to ${owner[0]}`
}
