// What docs/comparing.md says in numbers and names is what the sources have.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHOSEN_HEADERS, wayOf } from '../../src/compare/header-values.ts'
import { EXPIRES_AFTER_MS, FEWEST_REPEATS } from '../../src/compare/noise-verdict.ts'
import { missing, UNTESTED } from '../../src/evidence/pair-test.ts'
import { spendingThreshold } from '../../src/evidence/spending.ts'
import { DEFAULT_COMPARE_POLICY } from '../../src/model/comparison.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/comparing.md'), 'utf8')

t.test('the headers that are compared by default, in their order', async t => {
  const [, list = ''] = /^Compared are, unless [^\n]*\n\n([\s\S]*?)\n\n/m.exec(PAGE) ?? []
  const told = Array.from(list.matchAll(/`([a-z-]+)`/g), ([, name]) => name)
  t.same(told, CHOSEN_HEADERS)
  t.same(
    CHOSEN_HEADERS.filter(name => ['presence', 'etag'].includes(wayOf(name))),
    ['etag', 'retry-after'],
    'those of which the page says that their values are not compared',
  )
})

t.test('how long undecided takes', async t => {
  t.match(PAGE, `**${FEWEST_REPEATS} repeats of its path template**`)
  t.match(PAGE, `(${missing(UNTESTED)})`)
  const rows = [...PAGE.matchAll(/^\| (\d+)(?: \(default\))? \| (?:about )?(\d+) \| (?:about )?(\d+) \|$/gm)]
  t.equal(rows.length, 3)
  for (const [, percent, noise, fault] of rows) {
    t.equal(Number(noise), (FEWEST_REPEATS * 100) / Number(percent))
    t.equal(Number(fault), (missing(UNTESTED) * 100) / Number(percent))
  }
  t.match(PAGE, `| ${DEFAULT_COMPARE_POLICY.noisePercent} (default) |`)
  t.equal(EXPIRES_AFTER_MS, 7 * 86_400_000)
  t.equal(spendingThreshold(1, 0.01).toFixed(1), '5.3')
})
