// Holds the house: floors, doors of libraries, and what pure rooms may not know. Reads imports as text.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { included, roomFiles } from './room.ts'

const root = join(import.meta.dirname, '..')

/** Lower floors first. A file may import its own room and lower floors only. */
const FLOORS: Readonly<Record<string, number>> = {
  model: 0,
  evidence: 0,
  routing: 1,
  wire: 1,
  compare: 1,
  config: 2,
  upstream: 2,
  shadow: 2,
  store: 2,
  metrics: 2,
  telemetry: 2,
  inventory: 1,
  doctor: 2,
  'traffic.ts': 2,
  'sampling.ts': 2,
  'cookie-clash.ts': 1,
  'sightings.ts': 2,
  'log.ts': 2,
  'break-glass.ts': 2,
  'version.ts': 2,
  proxy: 3,
  control: 3,
  charts: 3,
  fleet: 3,
  admin: 4,
  cli: 5,
  'clock.ts': 6,
  plane: 6,
  'worker.ts': 6,
  'acts.ts': 6,
  'certificates.ts': 6,
  'key-lists.ts': 6,
  'ids.ts': 6,
  'instances.ts': 6,
  'configured.ts': 6,
  'decisions.ts': 6,
  'first-token.ts': 6,
  'listen.ts': 6,
  'reload.ts': 6,
  'shadowing.ts': 6,
  'stores.ts': 6,
  'traces.ts': 6,
  'app.ts': 6,
  'start.ts': 6,
  'demo.ts': 6,
  'main.ts': 6,
  'index.ts': 6,
}

/** The command line is a client of the API: of the rooms below it knows the words and the contract only. */
const CLI_MAY = new Set(['cli', 'model', 'inventory', 'compare', 'evidence', 'admin/api.ts', 'admin/api-compare.ts'])

/** Runs in a browser, and is a client of the API as the command line is: of the contract it knows the types. */
const DASHBOARD = 'src/admin/dashboard/'
const DASHBOARD_MAY = new Set(['model', 'compare'])

/** Where a library may come in. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  undici: ['src/upstream/'],
  'prom-client': ['src/metrics/'],
  fastify: ['src/admin/'],
  '@fastify/http-proxy': ['src/admin/sides.ts'],
  'node:sqlite': ['src/store/'],
  pg: ['src/store/', 'src/data/'],
  'lru-cache': ['src/admin/patience.ts', 'src/shadow/', 'src/ramp/', 'src/outbox/'],
  pino: ['src/log.ts'],
  'pino-pretty': ['src/log.ts'],
  yaml: ['src/config/'],
  zod: ['src/config/', 'src/admin/'],
  commander: ['src/cli/'],
  'json-p3': ['src/compare/'],
  saxes: ['src/compare/'],
  'xxhash-wasm': ['src/routing/bucket.ts'],
  preact: [DASHBOARD],
  'preact/hooks': [DASHBOARD],
  'preact/compat': [DASHBOARD],
  uplot: [DASHBOARD],
  'node:http': ['src/cli/', 'src/fleet/', 'src/telemetry/post.ts'],
  'node:https': ['src/cli/', 'src/fleet/', 'src/telemetry/post.ts'],
}

/** These think; they do not look at clocks, dice, files or sockets. */
const PURE = [
  'src/model/',
  'src/routing/',
  'src/wire/',
  'src/inventory/',
  'src/compare/',
  'src/evidence/',
  'src/control/reduce.ts',
  'src/control/reduce-rules.ts',
  'src/fleet/signed.ts',
  'src/fleet/message.ts',
  'src/fleet/owed-shape.ts',
  'src/fleet/members.ts',
  'src/fleet/warnings.ts',
  'src/config/compile.ts',
  'src/config/plan.ts',
]
const IMPURE =
  /\bDate\.now\b|\bMath\.random\b|performance\.now|randomBytes|process\.|from 'node:(fs|http|child_process|timers)/

interface Import {
  readonly file: string
  readonly from: string
  readonly typeOnly: boolean
}

const files = globSync(['src/**/*.{ts,tsx}', 'examples/**/*.ts'], { cwd: root }).sort()
const imports = files.flatMap(importsOf)

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = text.matchAll(/^(import|export)( type)?\b[^'"]*?from '([^']+)'|^import '([^']+)'/gm)
  return [...found].map(match => ({ file, from: (match[3] ?? match[4]) as string, typeOnly: match[2] !== undefined }))
}

/** `src/proxy/server.ts` → `proxy`; `src/app.ts` → `app.ts`. */
function roomOf(file: string): string {
  return file.split('/')[1] as string
}

t.test('arrows run down, and rooms of one floor do not meet', async t => {
  for (const { file, from, typeOnly } of imports) {
    if (!file.startsWith('src/') || !from.startsWith('.')) continue
    const target = relative(root, join(root, dirname(file), from))
    if (!target.startsWith('src/')) {
      t.equal(file, 'src/demo.ts', `${file} imports ${target}: only the demo knows the example`)
      continue
    }
    const [mine, theirs] = [roomOf(file), roomOf(target)]
    if (file.startsWith(DASHBOARD) && !target.startsWith(DASHBOARD) && !DASHBOARD_MAY.has(theirs) && !typeOnly) {
      t.fail(`${file} imports ${target}: the dashboard may know its types only`)
    }
    if (!file.startsWith(DASHBOARD) && target.startsWith(DASHBOARD))
      t.fail(`${file} imports ${target}, which is for browsers`)
    if (mine === theirs) continue
    const [floor, below] = [FLOORS[mine], FLOORS[theirs]]
    if (floor === undefined || below === undefined) {
      t.fail(`${file} → ${target}: a room without a floor`)
      continue
    }
    if (floor <= below && floor < 6) t.fail(`${file} (floor ${floor}) imports ${target} (floor ${below})`)
    if (mine === 'cli' && !CLI_MAY.has(theirs) && !CLI_MAY.has(target.slice(4))) t.fail(`${file} imports ${target}`)
  }
  t.ok(imports.length > 300, `${imports.length} imports read`)
})

t.test('one door for each library', async t => {
  for (const { file, from, typeOnly } of imports) {
    if (from.startsWith('.')) continue
    const doors = DOORS[from]
    if (doors === undefined) {
      if (!from.startsWith('node:')) t.fail(`${file} imports ${from}, which has no door`)
      continue
    }
    // A type crosses no door, and the examples are programs of their own.
    if (typeOnly || file.startsWith('examples/')) continue
    if (!doors.some(door => file.startsWith(door))) t.fail(`${file} imports ${from}: its door is ${doors.join(', ')}`)
  }
  t.pass('checked')
})

t.test('pure rooms neither look at clocks nor roll dice', async t => {
  for (const file of files.filter(file => PURE.some(place => file.startsWith(place)))) {
    const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    t.notMatch(code, IMPURE, file)
  }
})

t.test('every file says what it is for; none exports by default', async t => {
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8')
    t.match(text.split('\n', 1)[0], /^(\/\/ .{20,}|#!)/, file)
    t.notMatch(text, /^export default/m, file)
  }
})

t.test('no junk drawers', async t => {
  t.same(
    files.filter(file => /(^|\/)(utils?|helpers?|common|types|misc)\.ts$/.test(file)),
    [],
  )
  const barrels = files.filter(file => file.endsWith('/index.ts') && file !== 'src/index.ts')
  t.same(barrels, [])
})

t.test('every test is run, once', async t => {
  const rooms = globSync('test/all/*.ts', { cwd: root }).flatMap(file =>
    roomFiles(
      [...readFileSync(join(root, file), 'utf8').matchAll(/'([^']*\.test\.ts)'/g)].map(
        ([, pattern]) => pattern as string,
      ),
    ),
  )
  const alone = included().flatMap(pattern => globSync(pattern, { cwd: root }))
  const run = [...rooms, ...alone].filter(file => file.endsWith('.test.ts')).sort()
  t.same(run, globSync('test/**/*.test.ts', { cwd: root }).sort())
})
