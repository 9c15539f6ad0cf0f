// Whose a local copy is: another store in its place is not given what this one held.
import { join } from 'node:path'
import t from 'tap'
import type { Config } from '../src/config/schema.ts'
import { openCopy } from '../src/stores.ts'
import { sampleState } from './contracts/store.ts'
import { scratch } from './store/scratch.ts'

type Kept = Pick<Config, 'store' | 'fleet'>

const fleet = { directory: '.banyan' } as Config['fleet']
const sqlite = (path: string): Kept => ({ store: { kind: 'sqlite', path }, fleet }) as Kept
const postgres = (url: string): Kept => ({ store: { kind: 'postgres', url }, fleet }) as Kept

t.test('of one in memory there is none', t => {
  t.equal(
    openCopy({ store: { kind: 'memory' }, fleet } as Kept, '.', () => {}),
    null,
  )
  t.end()
})

t.test('a store is told by where it is, not by who logs in', async t => {
  const cwd = scratch(t)
  const at = 'db1:5432,db2/shop'
  const ours: readonly (readonly [Kept, Kept])[] = [
    [sqlite('.banyan/state.db'), sqlite(join(cwd, '.banyan/state.db'))],
    [postgres(`postgres://ada:one@${at}`), postgres(`postgresql://bob:two@${at}?sslmode=require&schema=banyan`)],
  ]
  const others: readonly (readonly [Kept, Kept])[] = [
    [sqlite('.banyan/state.db'), sqlite('.banyan/other.db')],
    [sqlite('.banyan/state.db'), postgres(`postgres://${at}`)],
    [postgres(`postgres://${at}`), sqlite('.banyan/state.db')],
    ...['db1/shop', 'db1:5433,db2/shop', 'db1,db2/stage', 'db1,db2/shop?schema=two'].map(
      other => [postgres(`postgres://${at}`), postgres(`postgres://${other}`)] as const,
    ),
  ]
  for (const [expected, pairs] of [[true, ours] as const, [false, others] as const]) {
    for (const [before, after] of pairs) {
      const writer = openCopy(before, cwd, () => {})
      writer?.write(sampleState(5))
      await writer?.close()
      const found = await openCopy(after, cwd, () => {})?.read()
      t.strictSame(found, { state: sampleState(5), ours: expected }, JSON.stringify([before.store, after.store]))
    }
  }
})
