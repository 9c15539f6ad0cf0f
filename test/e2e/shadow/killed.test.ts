// `kill -9` while differences are being found and saved: what was known a while before is there afterwards, nothing is counted that
// was not sent, and the store opens as if nothing had been.
import { randomInt } from 'node:crypto'
import t, { type Test } from 'tap'
import { dice, sleep } from '../../upstream/kit.ts'
import { eventually, httpBackend, temporary } from '../harness.ts'
import { type Running, startProcess } from '../process.ts'
import { configOf, misfits, resultsOf, type Totals } from './shadowed.ts'

const LIVES = Number(process.env.LIVES ?? 1)
const FIELDS = Array.from({ length: 12 }, (_, i) => `field_${'abcdefghijkl'[i]}`)
/** What is found is saved once a second, and one turn may be missed. */
const SAVED_AFTER_MS = 3_000
const CLIENTS = 4
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31))

interface Known {
  readonly totals: Totals
  readonly counts: Readonly<Record<string, number>>
}

t.test('kill -9 under traffic that diverges', async t => {
  t.comment(`SEED=${SEED}`)
  const random = dice(SEED)
  const sent = Object.fromEntries(FIELDS.map(field => [field, 0]))
  const config = await sides(t)
  const cwd = temporary(t)
  let banyan = await startProcess(t, config, { cwd })

  /** Of one field, whoever is asked; not answered when the proxy is gone. */
  const send = async (to: Running, field: string) => {
    sent[field]! += 1
    const answer = await fetch(`${to.proxy}/orders?field=${field}`)
    await answer.arrayBuffer()
  }
  const keepSending = async (to: Running, goesOn: () => boolean) => {
    while (goesOn()) {
      await send(to, FIELDS[Math.floor(random() * FIELDS.length)] as string)
      // So that what is tried is dying, not load.
      await sleep(10)
    }
  }

  let before: Known | null = null
  for (let life = 0; life < LIVES; life++) {
    const running = banyan
    let isAlive = true
    const clients = Array.from({ length: CLIENTS }, () => keepSending(running, () => isAlive).catch(() => {}))
    const enough = (before?.totals.eligible ?? 0) + 100
    await eventually(async () => {
      before = await knownOf(running)
      return before.totals.eligible >= enough && Object.keys(before.counts).length === FIELDS.length
    }, 'all of them are known')
    await sleep(SAVED_AFTER_MS)
    await running.kill()
    isAlive = false
    await Promise.all(clients)

    banyan = await startProcess(t, config, { cwd })
    const known = before as unknown as Known
    const after: Known = await knownOf(banyan)
    const all = Object.values(sent).reduce((sum, count) => sum + count, 0)
    const wrong = FIELDS.filter(field => !isWithin(known.counts[field], after.counts[field], sent[field]))
    t.same(wrong, [], `life ${life}: ${JSON.stringify({ known: known.counts, after: after.counts, sent })}`)
    t.same(Object.keys(after.counts).sort(), FIELDS, 'and there are no others')
    t.ok(isWithin(known.totals.eligible, after.totals.eligible, all), `${after.totals.eligible} of ${all}`)
    t.same(misfits(after.totals), [])
    t.same(badLines(banyan), [], 'the store opens')
    t.match((await banyan.api('GET', '/audit/verify')).json, { ok: true })
    before = after
  }

  const last = await knownOf(banyan)
  for (const field of FIELDS) await send(banyan, field)
  await eventually(async () => {
    return (await knownOf(banyan)).totals.eligible === last.totals.eligible + FIELDS.length
  }, 'it goes on counting')
  const { counts, totals } = await knownOf(banyan)
  t.same(counts, Object.fromEntries(FIELDS.map(field => [field, last.counts[field]! + 1])))
  t.equal(resultsOf(totals).divergent, resultsOf(last.totals).divergent! + FIELDS.length)
})

/** New says one field more than legacy: that which it was asked for. */
async function sides(t: Test): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' }
  const legacy = await httpBackend(t, (_, reply) => reply.writeHead(200, headers).end('{"ok":true}'))
  const fresh = await httpBackend(t, ({ url = '' }, reply) => {
    const field = url.split('field=')[1]
    reply.writeHead(200, headers).end(field === undefined ? '{"ok":true}' : `{"ok":true,"${field}":1}`)
  })
  return configOf(legacy, fresh, {})
}

async function knownOf(running: Running): Promise<Known> {
  const { totals, items } = (await running.api('GET', '/routes/shop/divergences?limit=100')).json
  const found = items as readonly { readonly field: string; readonly count: number }[]
  return { totals, counts: Object.fromEntries(found.map(({ field, count }) => [field, count])) }
}

function isWithin(least = Number.NaN, count = Number.NaN, most = Number.NaN): boolean {
  return least <= count && count <= most
}

function badLines(running: Running): readonly string[] {
  const bad = running.lines().filter(({ level, msg }) => level === 'error' || /store|saved|differences/.test(msg))
  return bad.map(({ level, msg }) => `${level}: ${msg}`)
}
