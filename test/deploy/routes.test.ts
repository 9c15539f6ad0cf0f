// The configurations that are shipped are ones that start: every routes.yaml below deploy/, as `banyan check` reads it.
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { compilePlan } from '../../src/config/plan.ts'
import { configSchema } from '../../src/config/schema.ts'
import { documentsOf, filesOf, ROOT, textOf } from './read.ts'

const STAND_IN: Readonly<Record<string, string>> = {
  BANYAN_STORE: 'postgres://banyan:stand-in@postgres:5432/banyan',
  BANYAN_FLEET_SECRET: 'stand-in-for-a-secret-of-the-fleet',
  BANYAN_SEED: 'stand-in-for-a-seed',
  LEGACY_URL: 'http://10.0.0.5:3001',
  NEW_URL: 'http://10.0.0.9:3002',
}
const FLEET = {
  peers: 'dns:banyan-peers:9902',
  secret: STAND_IN.BANYAN_FLEET_SECRET,
  listen: '0.0.0.0:9902',
  directory: '/data',
}

const shipped = filesOf('deploy', 'routes.yaml')

t.test('there is one for each way to deploy a fleet', async t => {
  t.same(shipped, ['deploy/compose/routes.yaml', 'deploy/kubernetes/routes.yaml'])
})

t.test('every YAML file parses, without a key twice', async t => {
  for (const file of filesOf('deploy', '.yaml')) t.ok(documentsOf(file).length > 0, file)
})

t.test('the systemd unit lets it drain by its defaults, and leaves workers to it', async t => {
  const unit = textOf('deploy/banyan.service')
  const { graceMs, deadlineMs } = drainByDefault()
  t.ok(Number(/^TimeoutStopSec=([0-9]+)$/m.exec(unit)?.[1]) * 1000 > graceMs + deadlineMs)
  t.match(unit, /^KillMode=mixed$/m)
})

function drainByDefault() {
  const source = { file: null, loadedAt: 0, place: () => ({ file: '', line: 0, column: 0 }) }
  return compilePlan(configSchema.parse({}), source).plan.drain
}

const knowsFleets = configSchema.safeDecode({ store: STAND_IN.BANYAN_STORE!, fleet: FLEET } as never).success
const skip = knowsFleets ? false : 'this version’s schema does not know postgres:// and fleet yet'

for (const file of shipped) {
  t.test(`${file} starts`, { skip }, async t => {
    const path = join(ROOT, file)
    const loaded = await loadConfig({ file: path, env: STAND_IN })
    t.same(loaded.mistakes, [])
    const at = { file: path, loadedAt: 0, place: loaded.place }
    t.same(compilePlan(loaded.config!, at).mistakes, [])
  })

  t.test(`${file} takes secrets from the environment, and says which is missing`, async t => {
    const named = [...textOf(file).matchAll(/"\$\{(\w+)\}"/g)].map(([, name]) => name!)
    for (const secret of ['BANYAN_STORE', 'BANYAN_FLEET_SECRET', 'BANYAN_SEED']) t.ok(named.includes(secret), secret)
    const { mistakes } = await loadConfig({ file: join(ROOT, file), env: {} })
    for (const name of named) {
      t.ok(
        mistakes.some(({ message }) => message === `the environment has no ${name}`),
        name,
      )
    }
  })
}
