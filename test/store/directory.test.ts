// Making a directory: what is missing above it too, private, and an end where Node's own way has none.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeDirectory } from '../../src/store/directory.ts'

t.test('makes what is missing, for this user only, and says from where on', async t => {
  const base = mkdtempSync(join(tmpdir(), 'banyan-'))
  t.teardown(() => rmSync(base, { recursive: true }))
  t.equal(makeDirectory(join(base, 'a', 'b')), join(base, 'a'))
  t.equal(statSync(join(base, 'a', 'b')).mode & 0o777, 0o700)
  t.equal(makeDirectory(join(base, 'a', 'b')), undefined)
  writeFileSync(join(base, 'file'), '')
  t.throws(() => makeDirectory(join(base, 'file')), { code: 'EEXIST' })
  t.throws(() => makeDirectory(join(base, 'file', 'below')), { code: 'ENOTDIR' })
})

t.test('a file system that refuses the name is an error, not an endless loop', async t => {
  if (process.platform !== 'linux') return t.comment('skipped: needs /proc')
  t.throws(() => makeDirectory('/proc/banyan/state'))
})
