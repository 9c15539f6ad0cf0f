// Versions beside each other: N−1 runs on the tables of N while a fleet is brought from one to the other and back under load;
// two apart are refused, whoever comes second.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { temporary } from '../harness.ts'
import { BIN, ROOT } from '../process.ts'
import { type FleetKit, type Replica, startFleet, USERS } from './fleet.ts'
import { restart, startLoad } from './load.ts'

/** What a later version adds to the tables, and which schema a program must know to use them. */
const LATER: Readonly<Record<number, { readonly text: string; readonly readableBy: number }>> = {
  2: { text: "ALTER TABLE control ADD COLUMN two text NOT NULL DEFAULT 'two'", readableBy: 1 },
  3: { text: 'ALTER TABLE control DROP COLUMN two; CREATE TABLE three (id integer)', readableBy: 2 },
}

/** A copy of this checkout as a later version would be: with more tables, and a part of the state that this one does not know. */
function versionOf(t: Test, schema: 2 | 3): string {
  const home = temporary(t)
  for (const name of ['bin', 'src', 'package.json']) cpSync(join(ROOT, name), join(home, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
  const change = (file: string, from: RegExp, to: string) => {
    const before = readFileSync(join(home, file), 'utf8')
    if (!from.test(before)) throw new Error(`${file} has nothing like ${from}`)
    writeFileSync(join(home, file), before.replace(from, to))
  }
  const texts = Array.from({ length: schema - 1 }, (_, i) => `\`${LATER[i + 2]?.text}\`,`).join('\n')
  change('src/store/postgres-schema.ts', /\n\]\n\nconst MIGRATIONS/, `\n${texts}\n]\n\nconst MIGRATIONS`)
  change('src/store/postgres-schema.ts', /readableBy: 1 \}/, `readableBy: ${LATER[schema]?.readableBy} }`)
  change('src/version.ts', /'0\.[^']+'/, `'0.${schema}.0-test'`)
  change(
    'src/control/in-force.ts',
    /rules, ended \}/,
    `rules, ended, later: (stored as any).later ?? { of: ${schema} } } as any`,
  )
  return join(home, 'bin/banyan.js')
}

async function becomes(kit: FleetKit, replica: Replica, bin: string): Promise<void> {
  replica.bin = bin
  await restart(kit, replica)
  await kit.settled()
}

const versions = async (kit: FleetKit, at: Replica): Promise<readonly string[]> =>
  (await kit.api(at, 'GET', '/status')).json.replicas.map(({ version }: { version: string }) => version).sort()

const later = async (kit: FleetKit) =>
  (await kit.sql<{ later: unknown }>("SELECT state::json->'later' AS later FROM banyan.control"))[0]?.later

t.test('to the next version and back, one replica after the other under load', { skip: noPostgres }, async t => {
  const next = versionOf(t, 2)
  const kit = await startFleet(t, { replicas: 2 })
  const [a, b] = kit.replicas as [Replica, Replica]
  const old = await versions(kit, a)
  const before = await kit.sides4(a, USERS)
  const load = startLoad(t, kit)

  /** Whoever is asked: a change and a rollback are in force at both, and ended at both. */
  async function bothAgree(): Promise<void> {
    for (const [here, there] of [
      [a, b],
      [b, a],
    ] as const) {
      const set = await kit.api(here, 'PUT', '/routes/orders/weight', { percent: 50 })
      t.match(set, { status: 200, json: { durable: true, pending: [] } })
      const rolledBack = await kit.api(here, 'POST', '/routes/orders/rollback', {})
      t.match(rolledBack, { status: 200, json: { durable: true, pending: [] } })
      t.same(new Set(await kit.sides4(there, USERS)), new Set(['legacy']))
      t.match((await kit.api(there, 'POST', '/restore', { rollbacks: [rolledBack.json.rollback] })).json, {
        ended: [rolledBack.json.rollback],
        pending: [],
      })
      t.same(await kit.sides4(here, USERS), before)
    }
  }

  await becomes(kit, a, next)
  t.same(await versions(kit, b), [...old.slice(1), '0.2.0-test'].sort())
  await bothAgree()
  t.same(await later(kit), { of: 2 }, 'what the older one does not know it leaves as it is')
  const checks = (await kit.api(b, 'GET', '/doctor')).json
  t.match(JSON.stringify(checks), /the store has schema 2, and this version knows 1/)

  await becomes(kit, b, next)
  t.same(await versions(kit, a), ['0.2.0-test', '0.2.0-test'])
  await bothAgree()

  await becomes(kit, a, BIN)
  await bothAgree()
  t.same(await later(kit), { of: 2 })
  await load.stop()
  t.same(load.failed, [])
  t.ok(load.served() > 500, `${load.served()} requests`)
  t.match((await kit.api(a, 'GET', '/audit/verify')).json, { ok: true })
})

t.test('two versions apart', { skip: noPostgres }, async t => {
  const [second, third] = [versionOf(t, 2), versionOf(t, 3)]
  const kit = await startFleet(t, { replicas: 1 })
  const [only] = kit.replicas as [Replica]
  await kit.api(only, 'PUT', '/routes/orders/weight', { percent: 30 })

  const refused = await refusedBeside(kit, third)
  t.match(refused, /replica-1 runs version 0\.1\.0 on the store .* and knows schema 1; .* all must know 2 for/)
  t.match(refused, /bring every replica to the version between them first/)
  t.equal((await kit.api(only, 'PUT', '/routes/orders/weight', { percent: 31 })).json.durable, true, 'nobody noticed')

  await becomes(kit, only, second)
  await becomes(kit, only, third)
  t.equal((await kit.api(only, 'GET', '/routes/orders')).json.weight.desired, 31)
  t.match(await refusedBeside(kit, BIN), /has schema 3; programs must know 2, this one knows up to 1/)
  t.equal((await kit.api(only, 'PUT', '/routes/orders/weight', { percent: 32 })).json.durable, true)
})

/** What a replica with an empty disk says that may not join. */
async function refusedBeside(kit: FleetKit, bin: string): Promise<string> {
  return kit.add(bin).then(() => 'it runs', String)
}
