// The audit log over HTTP: one entry for each accepted change and none for others, pages, and a chain that shows tampering.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import { type HttpBackend, named, startBanyan, temporary } from './harness.ts'
import { houseOf, operatorOf, startHouse } from './operator.ts'

t.test('exactly one entry for an accepted change; none for a refused or an idle one', async t => {
  const { banyan, api } = await startHouse(t, { split: { firstStart: 'declared' } })
  const made = (await api('POST', '/tokens', { name: 'a', scopes: ['read'] })).json.token.id
  type Row = readonly [entries: number, method: string, path: string, body?: unknown, headers?: Record<string, string>]
  const rows: readonly Row[] = [
    [1, 'PUT', '/routes/orders/weight', { percent: 30, reason: 'up' }],
    [0, 'PUT', '/routes/orders/weight', { percent: 300 }],
    [0, 'PUT', '/routes/orders/weight', { percent: 31 }, { 'if-match': '"1"' }],
    [0, 'PUT', '/routes/old/weight', { percent: 31 }],
    [0, 'PUT', '/routes/nowhere/weight', { percent: 31 }],
    [1, 'POST', '/routes/orders/freeze', {}],
    [0, 'POST', '/routes/orders/freeze', {}],
    [0, 'PUT', '/routes/orders/weight', { percent: 31 }],
    [1, 'POST', '/routes/orders/unfreeze', {}],
    [0, 'POST', '/routes/orders/unfreeze', {}],
    [1, 'DELETE', '/routes/orders/weight'],
    [0, 'DELETE', '/routes/orders/weight'],
    [1, 'POST', '/routes/cart/rollback', {}],
    [0, 'POST', '/routes/pay/rollback', {}],
    [0, 'POST', '/routes/fresh/rollback', {}],
    [1, 'POST', '/rollback', {}],
    [0, 'POST', '/rollback', {}],
    [0, 'POST', '/restore', { rollbacks: ['rb-0'] }],
    [1, 'POST', '/routes/orders/restore', {}],
    [0, 'POST', '/routes/orders/restore', {}],
    [1, 'POST', '/restore', {}],
    [0, 'POST', '/restore', {}],
    [1, 'POST', '/routes/orders/restore', { percent: 3 }],
    [1, 'POST', '/tokens', { name: 'b', scopes: ['read'] }],
    [0, 'POST', '/tokens', { name: 'b', scopes: ['read'] }],
    [1, 'DELETE', `/tokens/${made}`],
    [0, 'DELETE', `/tokens/${made}`],
    [1, 'POST', '/seed/rotate', {}],
    [0, 'POST', '/config/reload', {}],
    [0, 'POST', '/explain', { url: '/orders/1' }],
    [0, 'GET', '/status'],
    [0, 'GET', '/audit'],
  ]
  const count = async () => (await api('GET', '/audit/verify')).json.entries as number
  let before = await count()
  for (const [entries, method, path, body, headers] of rows) {
    const { status, json } = await api(method, path, body, headers)
    const after = await count()
    t.equal(after - before, entries, `${method} ${path} ${JSON.stringify(body) ?? ''} → ${status}`)
    before = after
    if (entries === 0 || json.revision === undefined) continue
    const [newest] = (await api('GET', '/audit?limit=1')).json.entries
    t.equal(newest.revision, json.revision, 'the entry has the revision of the answer')
  }
  await Promise.all([1, 2, 3, 4, 5].map(percent => api('PUT', '/routes/orders/weight', { percent })))
  t.equal(await count(), before + 5, 'also at the same time')
  t.same((await api('GET', '/audit/verify')).json, { ok: true, entries: before + 5, brokenAt: null })
  t.equal(banyan.app.control.owed().length, 0)
})

t.test('an entry says who, from where, what, why, before and after', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret, token } = (await api('POST', '/tokens', { name: 'ann', scopes: ['operate'] })).json
  const ann = operatorOf(t, banyan, secret)
  const { revision } = (await ann('PUT', '/routes/orders/weight', { percent: 30, reason: 'canary is green' })).json
  await ann('POST', '/routes/orders/rollback', { reason: 'it is not' })
  await ann('DELETE', '/routes/orders/weight?reason=from%20the%20query')
  const { entries } = (await api('GET', '/audit?limit=4')).json
  t.match(entries[2], {
    actor: { name: 'ann', tokenId: token.id, address: '127.0.0.1' },
    action: 'set-weight',
    subject: 'orders',
    reason: 'canary is green',
    before: { weight: null, frozen: false, held: false },
    after: { weight: 30, frozen: false, held: false },
    revision,
  })
  t.match(entries[1], { action: 'rollback', reason: 'it is not', after: { units: ['orders'], trigger: 'operator' } })
  t.match(entries[0], {
    action: 'unset-weight',
    reason: 'from the query',
    before: { weight: 30 },
    after: { weight: null },
  })
  t.match(entries[3], {
    action: 'create-token',
    actor: { name: 'environment', tokenId: 'env' },
    after: { name: 'ann' },
  })
  t.notOk(JSON.stringify(entries).includes(secret))
})

t.test('pages: newest first, each entry once, an end', async t => {
  const { api } = await startHouse(t)
  for (let percent = 1; percent <= 10; percent++) await api('PUT', '/routes/orders/weight', { percent })
  for (const limit of [1, 2, 3, 11, 12, 1000]) {
    const seqs: number[] = []
    let next: number | null = null
    let pages = 0
    do {
      const { json } = await api('GET', `/audit?limit=${limit}${next === null ? '' : `&before=${next}`}`)
      t.ok(json.entries.length <= limit && json.entries.length > 0)
      seqs.push(...json.entries.map((entry: { seq: number }) => entry.seq))
      next = json.next
      pages++
    } while (next !== null)
    t.same(seqs, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], `limit ${limit}`)
    t.equal(pages, Math.ceil(11 / limit))
  }
  t.same((await api('GET', '/audit?before=1')).json, { entries: [], next: null })
  t.equal((await api('GET', '/audit?before=9999&limit=1')).json.entries[0].seq, 11)
  const { entries } = (await api('GET', '/audit')).json
  for (const [i, entry] of entries.entries()) {
    t.equal(entry.previous, entries[i + 1]?.hash ?? '0'.repeat(64), `entry ${entry.seq} follows from the one before`)
  }
})

t.test('in a file: it survives a restart, and a changed entry shows', async t => {
  const directory = temporary(t)
  const path = join(directory, 'state.db')
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const begin = () => begun(t, legacy, fresh, directory, path)
  const first = await begin()
  for (let percent = 1; percent <= 5; percent++) await first.api('PUT', '/routes/orders/weight', { percent })
  const kept = (await first.api('GET', '/audit')).json
  await first.banyan.stop()

  const second = await begin()
  t.same((await second.api('GET', '/audit')).json, kept)
  t.same((await second.api('GET', '/audit/verify')).json, { ok: true, entries: 6, brokenAt: null })
  t.equal((await second.api('GET', '/routes/orders')).json.weight.desired, 5)
  await second.banyan.stop()

  const database = new DatabaseSync(path)
  const [table] = database
    .prepare("select name, sql from sqlite_schema where name like '%audit%' and type = 'table'")
    .all()
  const column = /(\w+)\s+TEXT/i.exec(String(table?.sql))?.[1]
  const where = `from ${table?.name} where seq = 4`
  const text = String(database.prepare(`select ${column} as entry ${where}`).get()?.entry)
  t.ok(text.includes('"orders"'), 'an entry is where this test looks for it')
  const forged = text.replace('"orders"', '"others"')
  database.prepare(`update ${table?.name} set ${column} = ? where seq = 4`).run(forged)
  database.close()
  const third = await begin()
  t.same((await third.api('GET', '/audit/verify')).json, { ok: false, entries: 6, brokenAt: 4 })
})

async function begun(t: Test, legacy: HttpBackend, fresh: HttpBackend, directory: string, path: string) {
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), store: `sqlite:${path}` }, { directory })
  return { banyan, api: operatorOf(t, banyan) }
}
