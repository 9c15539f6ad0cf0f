// One version, said in one place for npm and in one for the program.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { VERSION } from '../src/version.ts'

const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))

t.test('the program, the package and its lock say the same version', async t => {
  const { version } = read('package.json')
  t.equal(VERSION, version)
  const lock = read('package-lock.json')
  t.equal(lock.version, version)
  t.equal(lock.packages[''].version, version)
})
