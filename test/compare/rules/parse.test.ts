// Rules as people write them: what they become, what is refused, with which words.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { describeRule } from '../../../src/compare/rules/describe.ts'
import type { RuleMistake } from '../../../src/compare/rules/mistakes.ts'
import { ruleFrom, ruleMistakes } from '../../../src/compare/rules/parse.ts'

const NOW = Date.UTC(2026, 0, 15)
const NOBODY = { owner: null, reason: null, until: null }

const said = (input: unknown) =>
  ruleMistakes(input, NOW).map(({ path, message, hint, level }) =>
    `${level === 'warning' ? 'warning ' : ''}${path} ${message}${hint === null ? '' : ` (${hint})`}`.trim(),
  )

t.test('every form', async t => {
  const forms = [
    [{ ignore: '$.a' }, { does: 'ignore', paths: ['$.a'] }, 'ignore $.a'],
    [{ ignore: ['$.a', 'status'] }, { does: 'ignore', paths: ['$.a', 'status'] }, 'ignore $.a, status'],
    [{ unordered: '$.t' }, { does: 'unordered', paths: ['$.t'] }, 'unordered $.t'],
    [{ keyed: '$.i', by: 'id' }, { does: 'keyed', by: ['id'], paths: ['$.i'] }, 'keyed by id at $.i'],
    [{ keyed: '$.i', by: ['a', 'b'] }, { does: 'keyed', by: ['a', 'b'], paths: ['$.i'] }, 'keyed by a + b at $.i'],
    [
      { tolerance: '$.p', absolute: 0.01, relative: '1%', time: '2s' },
      { does: 'tolerance', absolute: 0.01, relative: 0.01, timeMs: 2000, paths: ['$.p'] },
      'tolerance 0.01 or 1 % or 2 s at $.p',
    ],
    [
      { tolerance: '$.p', relative: 0.07 },
      { does: 'tolerance', absolute: null, relative: 0.07, timeMs: null, paths: ['$.p'] },
      'tolerance 7 % at $.p',
    ],
    [
      { tolerance: '$.p', time: '1500ms' },
      { does: 'tolerance', absolute: null, relative: null, timeMs: 1500, paths: ['$.p'] },
      'tolerance 1500 ms at $.p',
    ],
    [{ normalise: '$.i', as: 'uuid' }, { does: 'normalise', as: 'uuid', paths: ['$.i'] }, 'normalise uuid at $.i'],
    [
      { normalise: '$.x', pattern: '\\d+', replace: 'N' },
      { does: 'normalise', as: 'pattern', pattern: '\\d+', replace: 'N', paths: ['$.x'] },
      'normalise /\\d+/ to "N" at $.x',
    ],
    [
      { equal: '$..n', what: ['null=absent', '0=-0'] },
      { does: 'equal', what: ['null=absent', '0=-0'], paths: ['$..n'] },
      'equal null=absent, 0=-0 at $..n',
    ],
    [{ idMap: '$..id' }, { does: 'idMap', paths: ['$..id'] }, 'id map at $..id'],
    [{ expect: '$.t' }, { does: 'expect', kinds: null, paths: ['$.t'] }, 'expect any difference at $.t'],
    [{ expect: '$.t', kinds: ['value'] }, { does: 'expect', kinds: ['value'], paths: ['$.t'] }, 'expect value at $.t'],
    [{ severity: '$.x', is: 'low' }, { does: 'severity', severity: 'low', paths: ['$.x'] }, 'severity low at $.x'],
    [{ ignore: 'header:X-Id' }, { does: 'ignore', paths: ['header:X-Id'] }, 'ignore header:X-Id'],
  ] as const
  for (const [input, rule, words] of forms) {
    t.same(said(input), [], words)
    t.same(ruleFrom(input, 'r'), { ...rule, ...NOBODY, id: 'r' }, words)
    t.equal(describeRule(ruleFrom(input, 'r')), words)
  }
})

t.test('owner, reason, until', async t => {
  const input = { ignore: '$.a', owner: 'team-orders', reason: 'rounding', until: '2026-12-01' }
  const rule = ruleFrom(input, 'file:3')
  t.match(rule, { id: 'file:3', owner: 'team-orders', reason: 'rounding', until: Date.UTC(2026, 11, 1) })
  t.equal(describeRule(rule), 'ignore $.a, until 2026-12-01, owner team-orders, because: rounding')
  const until = (text: unknown) => ({ ignore: '$.a', until: text })
  t.equal(ruleFrom(until('2026-12-01T12:00:00+02:00'), 'r').until, Date.UTC(2026, 11, 1, 10))
  t.equal(describeRule(ruleFrom(until('2026-12-01T12:00:00Z'), 'r')), 'ignore $.a, until 2026-12-01T12:00:00Z')
  t.same(said(until('2026-01-15')), ['warning /until its time is over: the rule does not count any more'])
  t.same(said(until('2026-02-30')), ['/until not a time'])
  t.same(said(until('2026-12-01T12:00:00')), ['/until not a time (with its zone: 2026-12-01T12:00:00Z)'])
  t.same(said(until(1_796_083_200)), ['/until not a time'])
})

t.test('what is refused', async t => {
  const refused = [
    ['ignore', ' not a rule'],
    [null, ' not a rule'],
    [[], ' not a rule'],
    [{}, ' what is to be done?'],
    [{ ingore: '$.a' }, '/ingore unknown key (did you mean ignore?)'],
    [{ tolerence: '$.a', absolute: 1 }, '/tolerence unknown key (did you mean tolerance?)'],
    [{ reason: 'x' }, ' what is to be done?'],
    [{ ignore: '$.a', idMap: '$.b' }, ' either ignore or idMap: one rule does one thing'],
    [{ ignore: '$.a', ownr: 'x' }, '/ownr unknown key (did you mean owner?)'],
    [{ ignore: '$.a', by: 'id' }, '/by unknown key (it belongs to keyed)'],
    [{ ignore: 7 }, '/ignore not a text (write it in quotes: "7")'],
    [{ ignore: ['$.a', {}] }, '/ignore/1 not a text'],
    [{ ignore: [] }, '/ignore no path'],
    [{ ignore: '' }, '/ignore not a path'],
    [{ ignore: 'a.b' }, '/ignore not a path (write $.a.b)'],
    [{ ignore: ['$.a', '/orders/0/a b'] }, "/ignore/1 not a path (write $.orders[*]['a b'])"],
    [{ ignore: 'headers.x-id' }, '/ignore not a path (write header:x-id)'],
    [{ ignore: 'header:x id' }, '/ignore not a name of a header (header:x-request-id, say)'],
    [{ ignore: '$.a[' }, '/ignore not a JSONPath: unclosed [ ], at character 5'],
    [{ unordered: 'status' }, '/unordered unordered means nothing for the status (ignore, expect and severity do)'],
    [
      { unordered: 'header:x' },
      '/unordered unordered is for arrays (headers that are lists are compared as such anyway)',
    ],
    [{ keyed: '$.a' }, ' by is missing'],
    [{ keyed: '$.a', by: [] }, '/by by is missing'],
    [{ tolerance: '$.a' }, ' a tolerance of what?'],
    [{ tolerance: '$.a', absolute: -1 }, '/absolute out of bounds'],
    [{ tolerance: '$.a', absolute: '0.1' }, '/absolute not a number (write 0.1 without quotes)'],
    [{ tolerance: '$.a', relative: 5 }, '/relative out of bounds (did you mean 5%?)'],
    [{ tolerance: '$.a', relative: 'a bit' }, '/relative not a share'],
    [{ tolerance: '$.a', time: 5 }, '/time not a duration (with a unit: 5s)'],
    [{ tolerance: '$.a', time: '0s' }, '/time out of bounds'],
    [{ normalise: '$.a' }, ' as is missing'],
    [{ normalise: '$.a', as: 'uid' }, '/as unknown word (did you mean uuid?)'],
    [{ normalise: '$.a', as: 'pattern' }, ' pattern is missing'],
    [{ normalise: '$.a', as: 'uuid', pattern: 'x' }, '/as either as or pattern: one rule does one thing'],
    [{ normalise: '$.a', pattern: '' }, '/pattern an empty pattern'],
    [{ equal: '$.a', what: ['null=none'] }, '/what/0 unknown word'],
    [{ equal: '$.a' }, ' what is missing'],
    [{ expect: '$.a', kinds: [] }, '/kinds nothing stands there'],
    [{ expect: '$.a', kinds: 'values' }, '/kinds unknown word (did you mean value?)'],
    [{ severity: '$.a', is: 'hgih' }, '/is unknown word (did you mean high?)'],
  ] as const
  for (const [input, words] of refused) {
    const [first] = said(input)
    t.equal(first, words.trim(), JSON.stringify(input))
  }
  t.same(said({ ingore: '$.a' }).length, 1, 'what is to be done was said, if misspelt')
  t.same(said({ colour: 'red' }), ['/colour unknown key', 'what is to be done?'])
  const [{ allowed }] = ruleMistakes({ tolerence: '$.a' }, NOW) as [RuleMistake]
  t.equal(
    allowed,
    'ignore, unordered, keyed, tolerance, normalise, equal, idMap, expect, severity, owner, reason, until',
  )
  const slow = said({ normalise: '$.a', pattern: '(a+)+$' })
  t.match(slow[0], /^\/pattern a regular expression that could take for ever/)
  t.match(said({ normalise: '$.a', pattern: '(' })[0], /^\/pattern not a regular expression: /)
  t.match(said({ ignore: "$[?match(@.a, '(a|b)*c')]" })[0], /^\/ignore a regular expression that could take for ever/)
})

t.test('what has not the form of a rule becomes none', async t => {
  for (const input of [null, {}, { ignore: 7 }, { ignore: '$.a', ownr: 'x' }, { keyed: '$.a' }]) {
    t.throws(() => ruleFrom(input, 'r'), { message: /^not a rule: / })
  }
})

t.test('JSONPath compliance: what is invalid is refused, what is valid is taken', async t => {
  const suite = '../shared/suites/jsonpath-cts/cts.json'
  if (!existsSync(suite)) return t.pass(`skipped: ${suite} is absent`)
  const { tests } = JSON.parse(readFileSync(suite, 'utf8'))
  for (const { name, selector, invalid_selector: isInvalid = false } of tests) {
    const [first] = said({ ignore: selector })
    t.equal(first !== undefined, isInvalid, `${name}: ${first ?? 'taken'}`)
  }
})
