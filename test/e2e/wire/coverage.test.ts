// Holds the list itself: every source has a case or a place where else it is tested, ids are unique, deviations are cases,
// and the page is what the list says.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CASES } from './catalogue.ts'
import { DEVIATIONS } from './deviations.ts'
import { ELSEWHERE } from './elsewhere.ts'
import { conformancePage } from './page.ts'
import { allSources } from './sources.ts'

const ROOT = join(import.meta.dirname, '../../..')

t.test('every source has a case, or a place where else it is tested', async t => {
  const covered = new Set(CASES.flatMap(one => one.source))
  for (const source of allSources()) t.ok(covered.has(source) || ELSEWHERE[source] !== undefined, source)
  const known = new Set(allSources())
  for (const source of covered) t.ok(known.has(source), `${source} is a source`)
})

t.test('the places where else something is tested exist', async t => {
  for (const where of Object.values(ELSEWHERE)) {
    for (const path of where?.match(/test\/[\w./-]+/g) ?? []) t.ok(existsSync(join(ROOT, path)), path)
  }
})

t.test('every case has an id and a title of its own; deviations are cases', async t => {
  t.equal(new Set(CASES.map(one => one.id)).size, CASES.length)
  t.equal(new Set(CASES.map(one => `${one.group} ${one.title}`)).size, CASES.length)
  for (const one of CASES) t.ok(one.source.length > 0, `${one.id} has a source`)
  const ids = new Set(CASES.map(one => one.id))
  for (const id of Object.keys(DEVIATIONS)) t.ok(ids.has(id), `${id} is a case`)
})

t.test('docs/conformance.md is up to date', async t => {
  t.ok(readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8') === conformancePage(), 'npm run reference')
})
