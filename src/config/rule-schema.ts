// A rule under `compare.rules`. What is wrong with one is said by compare/rules, which reads those of calls, too; the schema here
// tells editors and the reference page how rules are written.
import { z } from 'zod'
import { isPath, readPath } from '../compare/rules/path.ts'
import { DIVERGENCE_KINDS, EQUALITIES, NORMALISERS, type RulePath, SEVERITIES } from '../model/comparison.ts'
import { describeAs } from './about.ts'
import { moment } from './moment.ts'
import { duration, form, text, Wrong } from './values.ts'

const BODY_PATH = '\\$[\\s\\S]*'

/** Into a body. */
export function jsonPath() {
  return form<RulePath>({
    allowed: 'a JSONPath (RFC 9535), as $.items[*].id',
    pattern: BODY_PATH,
    read(text) {
      const path = readPath(text)
      if (isPath(path)) return text
      const hint = /^[\w.[\]*]+$/.test(text) ? `write $.${text}` : null
      return new Wrong(`not a JSONPath: ${path.message}, at character ${path.position}`, hint)
    },
    write: text => text,
  })
}

const oneOrMore = <S extends z.ZodType>(one: S) => z.union([z.array(one).min(1), one])
const paths = () =>
  oneOrMore(text('a JSONPath as $.items[*].id, header:NAME or status', `${BODY_PATH}|header:.+|status`))

const shape = z.strictObject({
  ignore: paths().exactOptional().describe('what is there does not count'),
  unordered: paths().exactOptional().describe('the order of the lists there does not count'),
  keyed: paths().exactOptional().describe('elements of the lists there belong together by members of theirs, see `by`'),
  tolerance: paths().exactOptional().describe('values may differ by `absolute`, `relative` or `time`'),
  normalise: paths().exactOptional().describe('what `as` or `pattern` says is taken out before texts are compared'),
  equal: paths().exactOptional().describe('the values of `what` are the same there'),
  idMap: paths()
    .exactOptional()
    .describe('ids there may differ, if each of legacy’s always stands for the same one of new’s, and back'),
  expect: paths().exactOptional().describe('differences there are wanted; say owner, reason and until'),
  severity: paths().exactOptional().describe('differences there weigh as much as `is` says'),
  by: oneOrMore(text('the name of a member')).exactOptional().describe('keyed: the members that tell elements apart'),
  absolute: z.number().exactOptional().describe('tolerance: numbers may differ by so much'),
  relative: z
    .union([z.number(), text('a share as 1%', '[0-9.]+ ?%')])
    .exactOptional()
    .describe('tolerance: or by this share of the larger one, as 1% or 0.01'),
  time: duration(1).exactOptional().describe('tolerance: times that are written alike may be so far apart'),
  as: z
    .enum([...NORMALISERS, 'pattern'])
    .exactOptional()
    .describe('normalise: all UUIDs, timestamps, or hosts of URLs are the same; case or white space does not count'),
  pattern: text('a regular expression').exactOptional().describe('normalise: what is replaced, wherever it matches'),
  replace: z.string().exactOptional().describe('normalise: what stands there instead; default: nothing'),
  what: oneOrMore(z.enum(EQUALITIES)).exactOptional().describe('equal: what is the same'),
  kinds: oneOrMore(z.enum(DIVERGENCE_KINDS))
    .exactOptional()
    .describe('expect: differences of these kinds; default: any'),
  is: z.enum(SEVERITIES).exactOptional().describe('severity: how much'),
  owner: text().exactOptional().describe('who answers for it'),
  reason: text().exactOptional().describe('why'),
  until: moment().exactOptional().describe('it counts until then; default: for ever'),
})

/** As it is written. */
export const rule = describeAs(z.record(z.string(), z.unknown()), { shape })
