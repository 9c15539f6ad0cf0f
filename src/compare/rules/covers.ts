// Whether a rule would hide a difference of which only the place is kept: its collapsed path and its kind.
import type { DivergenceKind, Equality, FoundPlace, Rule } from '../../model/comparison.ts'
import { isData } from '../collapse.ts'
import { tokensOf } from '../json/pointer.ts'
import { pointerKey } from '../pointer-key.ts'
import { isMapOfSecrets } from '../secret-names.ts'
import { type BodyPath, isPath, type PathSelector, readPath } from './path.ts'

/** How surely a path names all places that have this collapsed path. */
type Sure = 0 | 1 | 2
const NO = 0
const PERHAPS = 1
const YES = 2

/**
 * null: that cannot be known from the place, because it hangs on values (a filter, a tolerance), on an index, or on how elements
 * belong together.
 */
export function covers(rule: Rule, place: Pick<FoundPlace, 'kind' | 'path'>): boolean | null {
  let best: Sure = NO
  for (const path of rule.paths) {
    const sure = coversAt(rule, path, place)
    if (sure > best) best = sure
  }
  return best === PERHAPS ? null : best === YES
}

function coversAt(rule: Rule, path: string, { kind, path: found }: Pick<FoundPlace, 'kind' | 'path'>): Sure {
  if (kind === 'status') return path === 'status' ? hides(rule, kind, YES, YES) : NO
  if (kind === 'header') {
    const isMeant = path.toLowerCase() === `header:${tokensOf(found)[0]}`
    return isMeant ? hides(rule, kind, YES, YES) : NO
  }
  const read = path.startsWith('$') ? readPath(path) : null
  if (read === null || !isPath(read)) return NO
  const { self, above } = reach(read, tokensOf(found))
  return hides(rule, kind, self, above)
}

/** `self`: the rule's path names the place; `above`: something that the place is in. */
function hides(rule: Rule, kind: DivergenceKind, self: Sure, above: Sure): Sure {
  const around = self > above ? self : above
  switch (rule.does) {
    case 'ignore':
      return around
    case 'expect':
      return rule.kinds === null || rule.kinds.includes(kind) ? around : NO
    case 'severity':
      return NO
    case 'unordered':
    case 'keyed':
      // Below, other elements may belong together.
      return kind === 'order' && self !== NO ? self : perhaps(above)
    case 'equal':
      return perhaps(rule.what.some(equality => KINDS[equality].includes(kind)) || kind === 'header' ? self : NO)
    default:
      return perhaps(kind === 'value' || kind === 'header' ? self : NO)
  }
}

function perhaps(sure: Sure): Sure {
  return sure === NO ? NO : PERHAPS
}

const KINDS: Readonly<Record<Equality, readonly DivergenceKind[]>> = {
  'null=absent': ['missing', 'extra'],
  '""=null': ['type'],
  '""=absent': ['missing', 'extra'],
  '[]=absent': ['missing', 'extra'],
  '1=1.0': ['value'],
  '0=-0': ['value'],
  '"1"=1': ['type'],
}

/** Walks the path's segments along those of the place; a descendant segment may also stay where it is. */
function reach(path: BodyPath, tokens: readonly string[]): { readonly self: Sure; readonly above: Sure } {
  let states: Sure[] = path.map(() => NO)
  states[0] = YES
  let above: Sure = NO
  if (path.length === 0) return tokens.length === 0 ? { self: YES, above: NO } : { self: NO, above: YES }
  let self: Sure = NO
  for (const [at, token] of tokens.entries()) {
    const isSecretKey = at > 0 && isMapOfSecrets(tokens[at - 1] as string)
    if (self > above) above = self
    self = NO
    // What was cut out of a long path may have been anything.
    if (token === '**') return { self: PERHAPS, above: above === YES ? YES : PERHAPS }
    const next: Sure[] = path.map(() => NO)
    for (const [i, segment] of path.entries()) {
      const sure = states[i] as Sure
      if (sure === NO) continue
      if (segment.descends) next[i] = larger(next[i], sure)
      const selected = segment.selectors.reduce<Sure>((most, one) => larger(most, selects(one, token, isSecretKey)), NO)
      const both = selected < sure ? selected : sure
      if (i + 1 === path.length) self = larger(self, both)
      else next[i + 1] = larger(next[i + 1], both)
    }
    states = next
  }
  return { self, above }
}

function larger(one: Sure | undefined, other: Sure): Sure {
  return one === undefined || one < other ? other : one
}

/** `*` in a place is an index, or a key that looks like data, or one of a map of secrets. */
function selects(selector: PathSelector, token: string, isSecretKey: boolean): Sure {
  switch (selector.by) {
    case 'all':
      return YES
    case 'name':
      if (token !== '*') return selector.name === token ? YES : NO
      return isSecretKey || isData(pointerKey(selector.name)) ? PERHAPS : NO
    case 'filter':
      return PERHAPS
    default:
      return token === '*' ? PERHAPS : NO
  }
}
