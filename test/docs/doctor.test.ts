// Every code that asks for something is in the runbook, and the runbook has none that is not there.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const sources = globSync(['src/doctor/*.ts', 'src/sightings.ts'], { cwd: root }).map(file =>
  readFileSync(join(root, file), 'utf8'),
)
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const section = /## Know it first: doctor\n([\s\S]*?)\n## /.exec(page)?.[1] ?? ''
const rows = section.split('\n').filter(line => line.startsWith('| `'))
const documented = new Set(
  rows.flatMap(line => [...(line.split('|')[1] as string).matchAll(/`([a-z_]+)`/g)].map(match => match[1] as string)),
)

t.test('the runbook names codes that there are', async t => {
  t.ok(documented.size > 20)
  for (const code of documented)
    t.ok(
      sources.some(text => text.includes(`'${code}'`)),
      code,
    )
})

t.test('and every one that warns', async t => {
  const warning = sources.flatMap(text =>
    [
      ...text.matchAll(/code: '([a-z_]+)',\s*level: '(?:warn|bad)'/g),
      ...text.matchAll(/say\(\s*'([a-z_]+)',\s*'(?:warn|bad)'/g),
    ].map(match => match[1] as string),
  )
  t.ok(warning.length > 10, `${warning.length} found`)
  for (const code of warning) t.ok(documented.has(code), code)
})
