// Break glass by a file: pulled once, and the file goes only when what was pulled is kept.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { watchBreakGlass } from '../src/break-glass.ts'
import { scratch } from './store/scratch.ts'

t.test('it stays while nothing keeps the rollback, and is pulled once all the same', async t => {
  const directory = scratch(t)
  const file = join(directory, 'rollback')
  const pulled: (string | null)[] = []
  let isKept = false
  const glass = watchBreakGlass(
    directory,
    async reason => pulled.push(reason),
    () => isKept,
  )
  t.teardown(() => glass.close())
  writeFileSync(file, 'new is down\n')
  for (let n = 0; n < 3; n++) await glass.look()
  t.same(pulled, ['new is down'])
  t.ok(existsSync(file), 'the next start goes by it')
  isKept = true
  await glass.look()
  t.same(readdirSync(directory), ['rollback.done'])
  writeFileSync(file, '')
  await glass.look()
  t.equal(pulled.length, 2, 'and it can be broken again')
})
