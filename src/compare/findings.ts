// Collects what one comparison finds: up to a number of differences, what rules hid, and what could not be looked at.
import type { Divergence } from '../model/comparison.ts'
import type { Mark } from './json/marks.ts'
import type { PlainRules } from './rules/compile.ts'

export class Findings {
  readonly differences: Divergence[] = []
  readonly suppressed = new Map<string, number>()
  more = 0
  why: string | null = null
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get isClean(): boolean {
    return this.differences.length === 0 && this.more === 0
  }

  add(difference: Divergence): void {
    if (this.differences.length < this.#most) this.differences.push(difference)
    else this.more++
  }

  hide(rule: string, times = 1): void {
    this.suppressed.set(rule, (this.suppressed.get(rule) ?? 0) + times)
  }

  /** A difference of a header or of the status. True: no rule hides it. */
  addPlain(difference: Divergence, rules: PlainRules | null): boolean {
    const hidden = rules?.hiddenBy(textOf(difference.legacy), textOf(difference.new)) ?? null
    if (hidden !== null) this.hide(hidden)
    else this.add(weighed(difference, rules?.severity ?? null))
    return hidden === null
  }

  /** A difference of bodies as a whole, which only rules about the whole can mean. */
  addWhole(difference: Divergence, root: Mark | null): void {
    const expected = root?.expect ?? null
    const isExpected = expected !== null && (expected.kinds === null || expected.kinds.includes(difference.kind))
    const hidden = root?.ignore ?? (isExpected ? expected.rule : null)
    if (hidden !== null) this.hide(hidden)
    else this.add(weighed(difference, root?.severity ?? null))
  }
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : String(value)
}

function weighed(difference: Divergence, said: Mark['severity']): Divergence {
  return said === null ? difference : { ...difference, severity: said.severity }
}
