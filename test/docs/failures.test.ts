// The table of failures in docs/operations.md has every code that the data path answers, with its status.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CODES, problem } from '../../src/proxy/respond.ts'

t.test('every code, each with its status, and no other', async t => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
  const section = /## What failures look like\n([\s\S]*?)\n## /.exec(page)?.[1] ?? ''
  const told = new Map<string, string>()
  for (const [, seen = '', codes = ''] of section.matchAll(/^\| ([^|]+) \| (`[^|]+) \|/gm)) {
    for (const [, code = ''] of codes.matchAll(/`(\w+)`/g)) told.set(code, seen)
  }
  told.delete('code')
  t.same([...told.keys()].sort(), [...CODES].sort())
  for (const [code, seen] of told) {
    const status = String(problem(code, '', null).status)
    t.ok(seen === 'connection cut' || seen.split(', ').includes(status), `${code}: ${status} in ${seen}`)
  }
})
