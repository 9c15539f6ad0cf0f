// The reference pages are what the sources say.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pages } from '../../docs/generate.ts'

const reference = join(import.meta.dirname, '../../docs/reference')

t.test('every page is up to date', async t => {
  for (const [name, text] of Object.entries(await pages())) {
    t.ok(readFileSync(join(reference, name), 'utf8') === text, `docs/reference/${name}: npm run reference`)
  }
})
