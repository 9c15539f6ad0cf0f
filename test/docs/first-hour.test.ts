// Runs docs/first-hour.md as it stands, against the demo's legacy and its replacement: every block succeeds, and no data changes.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { startNew } from '../../examples/orders/new.ts'
import { temporary } from '../e2e/harness.ts'

const root = join(import.meta.dirname, '../..')
const BLOCK = /^```(sh start|sh|yaml [\w.]+)\n([\s\S]*?)^```$/gm

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Of all rows of all tables. */
function dataOf(file: string): string {
  const db = new DatabaseSync(file, { readOnly: true })
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  const rows = tables.map(({ name }) => [name, db.prepare(`SELECT * FROM "${name}"`).all()])
  db.close()
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex')
}

t.test('the first hour, block by block', async t => {
  const services = temporary(t)
  const directory = temporary(t)
  const legacy = await startLegacy({ port: 0, directory: services, slow: { percent: 0, ms: 0 } })
  t.teardown(() => legacy.close())
  const fresh = await startNew({ port: 0, directory: services })
  t.teardown(() => fresh.close())
  const files = ['legacy.db', 'new.db'].map(name => join(services, name))
  const before = files.map(dataOf)

  // The page's own ports may be taken here; where operators listen it leaves to the defaults.
  const [proxy, sides, admin, health] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const listeners = `admin: { listen: 127.0.0.1:${admin} }\nhealth: { listen: 127.0.0.1:${health} }\n`
  writeFileSync(join(directory, 'listeners.yaml'), listeners)
  const here = (text: string) =>
    text
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${proxy}`)
      .replaceAll('127.0.0.1:8090', `127.0.0.1:${sides}`)
      .replaceAll('banyan start --legacy', 'banyan start -c listeners.yaml --legacy')
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    LEGACY: legacy.url,
    NEW: fresh.url,
    PROXY: `http://127.0.0.1:${proxy}`,
    BANYAN_ADMIN: `http://127.0.0.1:${admin}`,
  }
  const banyan = `banyan() { "${process.execPath}" "${join(root, 'bin/banyan.js')}" "$@"; }\nset -euo pipefail\n`

  let running: ChildProcess | null = null
  const stop = async () => {
    if (running === null) return
    const ended = new Promise(resolve => running?.once('exit', resolve))
    running.kill('SIGKILL')
    await ended
    running = null
  }
  t.teardown(stop)

  const start = async (script: string) => {
    await stop()
    const args = script
      .trim()
      .replace(/^banyan /, '')
      .replaceAll('"$LEGACY"', legacy.url)
      .split(' ')
    const child = spawn(process.execPath, [join(root, 'bin/banyan.js'), ...args], { cwd: directory, env })
    running = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      const hear = (piece: Buffer) => {
        said += piece
        if (said.includes('listening on')) resolve()
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('exit', code => reject(new Error(`banyan start ended with ${code}: ${said}`)))
    })
  }

  const run = (script: string) =>
    new Promise<{ code: number | null; said: string }>(resolve => {
      const child = spawn('bash', ['-c', banyan + script], { cwd: directory, env })
      let said = ''
      child.stdout.on('data', piece => {
        said += piece
      })
      child.stderr.on('data', piece => {
        said += piece
      })
      child.once('close', code => resolve({ code, said }))
    })

  const page = readFileSync(join(root, 'docs/first-hour.md'), 'utf8')
  let blocks = 0
  let all = ''
  for (const [, kind = '', text = ''] of page.matchAll(BLOCK)) {
    blocks++
    if (kind === 'sh start') await start(here(text))
    else if (kind === 'sh') {
      const { code, said } = await run(here(text))
      t.equal(code, 0, text.trim().slice(0, 60))
      if (code !== 0) t.comment(said)
      all += said
    } else writeFileSync(join(directory, kind.slice('yaml '.length)), here(text) + listeners)
  }
  await stop()
  t.ok(blocks >= 9, `${blocks} blocks`)
  t.match(all, /of 3 identical/)
  t.match(all, /cancel_reason +missing/, 'the first divergence')
  t.match(all, /rolled back: order on legacy.* in [0-9.]+ms/)
  t.match(all, /whole: \d+ entries/)
  t.same(files.map(dataOf), before, 'no data has changed')
})
