// A disk without room under divergences: clients notice nothing, control is honest about what it saved, what was learned is
// shown from memory, and saved as soon as there is room again.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { eventually, httpBackend, temporary } from '../harness.ts'
import { BIN, manyUsers, type Running, sidesOf, startProcess } from '../process.ts'
import { fillUp, noMount, smallDisk } from '../small-disk.ts'
import { configOf, misfits, resultsOf } from './shadowed.ts'

const USERS = manyUsers(20)
const BODIES = { legacy: '{"ok":true}', new: '{"ok":true,"fresh_only":1}' }
/** More than the doctor calls none left; what records leave to control state is 8 MiB. */
const DISK_MIB = 40
const ROOM_FOR_CONTROL = 4 * 2 ** 20
/** After a failed save the next one waits 10 s: at this signal they are over. */
const LATER = 'SIGCONT'
const LATER_BIN = `const real = performance.now.bind(performance)
let skew = 0
performance.now = () => real() + skew
process.on('${LATER}', () => { skew += 10_000 })
await import('${pathToFileURL(BIN)}')`

interface Item {
  readonly field: string
  readonly count: number
}

t.test('a full disk under traffic that diverges', { skip: noMount }, async t => {
  const cwd = temporary(t)
  const disk = await smallDisk(t, join(cwd, '.banyan'), DISK_MIB)
  const config = await sides(t)
  const bin = join(cwd, 'later.mjs')
  writeFileSync(bin, LATER_BIN)
  const banyan = await startProcess(t, config, { cwd, bin, under: disk.under })
  const written = () => ['state.db', 'state.db-wal'].some(file => disk.read(file).includes('_only'))

  disk.fill(ROOM_FOR_CONTROL)
  const split = await banyan.api('PUT', '/routes/shop/weight', { percent: 50 })
  t.match(split, { status: 200, json: { durable: true } })
  // Once, before the first attempt to save: its counts come up again only because that failed.
  t.equal((await fetch(`${banyan.proxy}/early`)).status, 200)
  const clients = sendAll(banyan)
  t.teardown(clients.stop)
  const unsaved = await banyan.line(/^what was learned of differences could not be saved/)
  t.match(unsaved, { level: 'warn', error: /no space left for records/ })
  t.match((await banyan.api('PUT', '/routes/shop/weight', { percent: 60 })).json, { durable: true }, 'control has room')

  t.match(await fillUp(disk, banyan, 'early'), { status: 503, json: { code: 'store_full', hint: /Make space/ } })
  const { checks } = (await banyan.api('GET', '/doctor')).json
  t.match(checks.filter(hasCode('store_space')), [{ level: 'bad' }])
  t.ok((await sidesOf(banyan, USERS)).includes('new'))
  const rollback = await banyan.api('POST', '/routes/shop/rollback', { reason: 'disk full' })
  t.match(rollback, { status: 200, json: { durable: false } }, 'only in the local file, and says so')
  t.same(new Set(await sidesOf(banyan, USERS)), new Set(['legacy']), 'and in force')
  const status = (await banyan.api('GET', '/status')).json
  t.match(status.store, { healthy: false, unsaved: 1 })
  for (const code of ['unsaved_rollback', 'divergences_unsaved']) t.ok(status.warnings.some(hasCode(code)), code)

  const { sent, wrong } = await clients.stop()
  t.same(wrong, [], `${sent} answers were right`)
  const all = sent + 2 * USERS.length
  const found = [
    { divergent: 1, items: ['early_only 1'], misfits: [] },
    { divergent: all, items: [`fresh_only ${all}`], misfits: [] },
  ]
  await eventually(async () => isDeepStrictEqual(await knownOf(banyan), found), 'all of it is shown, from memory')
  t.notOk(written(), 'none of it is on the disk')

  disk.mend()
  await eventually(async () => (await banyan.api('GET', '/status')).json.store.unsaved === 0, 'the rollback is saved')
  banyan.signal(LATER)
  await banyan.line(/^what was learned of differences is saved again/)
  t.notOk((await banyan.api('GET', '/status')).json.warnings.some(hasCode('divergences_unsaved')))
  t.equal(banyan.lines().filter(({ msg }) => msg === unsaved.msg).length, 1, 'told once')
  await banyan.kill()
  const again = await startProcess(t, config, { cwd, under: disk.under })
  t.same(await knownOf(again), found)
  t.match((await again.api('GET', '/status')).json.rollbacks, [{ id: rollback.json.rollback }])
  t.match((await again.api('GET', '/audit/verify')).json, { ok: true })
})

t.test('the process ends while the disk is full: what is lost is said', { skip: noMount }, async t => {
  const cwd = temporary(t)
  const disk = await smallDisk(t, join(cwd, '.banyan'), DISK_MIB)
  const banyan = await startProcess(t, await sides(t), { cwd, under: disk.under })
  disk.fill(ROOM_FOR_CONTROL)
  t.equal((await fetch(`${banyan.proxy}/orders/1`)).status, 200)
  await banyan.line(/^what was learned of differences could not be saved/)
  banyan.signal('SIGTERM')
  t.match(await banyan.line(/^what was learned of differences is lost in part/), { level: 'error' })
})

/** New says one field more than legacy. */
async function sides(t: Test): Promise<Record<string, unknown>> {
  const side = (name: keyof typeof BODIES) =>
    httpBackend(t, ({ url }, reply) => {
      const body = url === '/early' ? BODIES[name].replace('fresh', 'early') : BODIES[name]
      reply.writeHead(200, { 'content-type': 'application/json', 'x-served-by': name }).end(body)
    })
  const config = configOf(await side('legacy'), await side('new'), { route: { sticky: ['header:x-user-id'] } })
  const [shop] = config.routes as [object]
  return { ...config, routes: [{ ...shop, id: 'early', match: { path: '/early' } }, shop] }
}

/** Four clients, one request after the other. */
function sendAll({ proxy }: Running) {
  const wrong: string[] = []
  let sent = 0
  let goesOn = true
  const clients = Array.from({ length: 4 }, async () => {
    while (goesOn) {
      const headers = { 'x-user-id': `client-${sent++}` }
      const said = await fetch(`${proxy}/orders/1`, { headers }).then(
        async answer => `${answer.status} ${answer.headers.get('x-served-by')} ${await answer.text()}`,
        error => String(error),
      )
      if (said !== `200 legacy ${BODIES.legacy}` && said !== `200 new ${BODIES.new}`) wrong.push(said)
    }
  })
  const stop = async () => {
    goesOn = false
    await Promise.all(clients)
    return { sent, wrong }
  }
  return { stop }
}

/** Of both routes. */
async function knownOf({ api }: Running) {
  const answers = await Promise.all(['early', 'shop'].map(id => api('GET', `/routes/${id}/divergences`)))
  return answers.map(({ json: { totals, items } }) => ({
    ...resultsOf(totals),
    items: (items as Item[]).map(({ field, count }) => `${field} ${count}`),
    misfits: misfits(totals),
  }))
}

function hasCode(wanted: string) {
  return ({ code }: { readonly code: string }) => code === wanted
}
