// The lock on a directory: one process has it, and whoever ends it, however, lets it go.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { lockDirectory } from '../../src/store/directory-lock.ts'
import { scratch } from './scratch.ts'

const MODULE = new URL('../../src/store/directory-lock.ts', import.meta.url).href

/** Another process that has it. */
async function holder(t: Test, directory: string): Promise<ChildProcess> {
  const script = `import { lockDirectory } from ${JSON.stringify(MODULE)}
    lockDirectory(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

t.test('taken once, in this process and by another one, until it ends', async t => {
  const directory = join(scratch(t), 'deep', 'er')
  const lock = lockDirectory(directory)
  t.throws(() => lockDirectory(directory), {
    code: 'directory_taken',
    hint: /fleet\.directory/,
    details: { directory },
  })
  lock.release()
  const child = await holder(t, directory)
  t.throws(() => lockDirectory(directory), { code: 'directory_taken' })
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  lockDirectory(directory).release()
  t.same(readdirSync(directory), ['lock'])
})
