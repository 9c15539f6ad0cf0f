// Cohorts through a real proxy, with lists in real files: who is meant gets the side at any weight, a list that changes counts
// without a reload, and nothing else of the configuration comes in force with it.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readBytes } from '../../src/config/files.ts'
import { loadConfig } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { configure } from '../../src/configured.ts'
import { type Banyan, eventually, startBanyan, temporary } from './harness.ts'
import { get, saying, scripted } from './scripted.ts'

interface Scene {
  readonly banyan: Banyan
  readonly file: (name: string) => string
  side(path: string, fields?: string): Promise<string>
  write(more?: object): void
}

const COHORTS = [
  { when: { keys: 'file:out.txt' }, side: 'legacy' },
  { when: { keys: 'file:beta.txt' }, side: 'new' },
  { when: { cidr: '127.0.0.0/8', header: { 'x-staff': 'present' } }, side: 'new' },
  { when: { cookie: { beta: 'prefix:y' } }, side: 'new' },
]

async function scene(t: Test, lists: Readonly<Record<string, string>>): Promise<Scene> {
  const directory = temporary(t)
  const file = (name: string) => join(directory, name)
  const [legacy, fresh] = [await scripted(t, saying('legacy')), await scripted(t, saying('new'))]
  const write = (more: object = {}) => {
    const both = { legacy: legacy.url, new: fresh.url, data: 'separate', sticky: ['header:x-user', 'cookie:sid'] }
    const config = {
      proxy: { listen: '127.0.0.1:0', drain: { grace: '0s', deadline: '2s' } },
      admin: { listen: '127.0.0.1:0' },
      health: { listen: '127.0.0.1:0' },
      store: 'memory:',
      split: { seed: '$' + '{SEED}', firstStart: 'declared' },
      routes: [{ id: 'shop', match: { path: '/shop/*' }, ...both, cohorts: COHORTS, ...more }],
    }
    writeFileSync(file('routes.yaml'), JSON.stringify(config))
  }
  for (const [name, text] of Object.entries(lists)) writeFileSync(file(name), text)
  write()
  const reread = async () => {
    const path = file('routes.yaml')
    const loaded = await loadConfig({ file: path, env: { SEED: 'test-seed' }, readFile: readBytes })
    return configure(loaded as never, shown, path, Date.now())
  }
  const banyan = await startBanyan(t, {}, { directory, configured: await reread(), reread })
  return {
    banyan,
    file,
    write,
    side: async (path, fields = '') => (await get(t, banyan.port, path, fields)).body,
  }
}

t.test('who is meant gets the side; the first cohort that fits; writes and rollback are stronger', async t => {
  const { banyan, side } = await scene(t, { 'out.txt': 'boss\n', 'beta.txt': '# testers\nann\nmüller\nboss\n' })
  const bytes = (text: string) => Buffer.from(text).toString('latin1')
  t.equal(await side('/shop/1', 'X-User: ann\r\n'), 'new')
  t.equal(await side('/shop/1', 'X-User: somebody\r\nCookie: sid=ann\r\n'), 'new')
  t.equal(await side('/shop/1', `X-User: ${bytes('müller')}\r\n`), 'new')
  t.equal(await side('/shop/1', 'X-User: boss\r\n'), 'legacy')
  t.equal(await side('/shop/1', 'X-User: bob\r\n'), 'legacy')
  t.equal(await side('/shop/1', 'X-Staff: 1\r\n'), 'new')
  t.equal(await side('/shop/1', 'Cookie: beta=yes\r\n'), 'new')
  t.equal(await side('/shop/1', 'Cookie: beta=no\r\n'), 'legacy')
  const { json } = await banyan.api('GET', '/routes/shop')
  t.match(json.reasons, { cohort: 6, weight: 2 })
  t.match(json.weight, { observed: 0, observedRequests: 2 }, 'the share is of those whom the weight decided')
  const posted = await fetch(`http://127.0.0.1:${banyan.port}/shop/1`, { method: 'POST', headers: { 'x-user': 'ann' } })
  t.equal(await posted.text(), 'legacy')
  await banyan.api('POST', '/routes/shop/pins', { key: 'ann', side: 'legacy', for: '1h' })
  t.equal(await side('/shop/1', 'X-User: ann\r\n'), 'legacy', 'the support desk')
  await banyan.api('DELETE', '/routes/shop/pins?key=ann')
  await banyan.api('POST', '/routes/shop/rollback', {})
  t.equal(await side('/shop/1', 'X-User: ann\r\n'), 'legacy')
  const explained = await banyan.api('POST', '/explain', { url: '/shop/1', headers: { 'x-user': 'ann' } })
  t.match(explained.json, { side: 'legacy', reason: 'rollback' })
})

t.test('a list that changes counts by itself, and nothing else of the configuration with it', async t => {
  const { banyan, side, file, write } = await scene(t, { 'out.txt': '', 'beta.txt': 'ann\n' })
  const before = (await banyan.api('GET', '/routes')).json.revision
  // Half-edited: the next reload would take it up.
  write({ weight: 100 })
  writeFileSync(file('beta.txt'), 'bob\n')
  await eventually(async () => (await side('/shop/1', 'X-User: bob\r\n')) === 'new', 'bob is in the list')
  t.equal(await side('/shop/1', 'X-User: ann\r\n'), 'legacy')
  t.equal(await side('/shop/1', 'X-User: cid\r\n'), 'legacy', 'the weight of the file is not in force')
  t.equal((await banyan.api('GET', '/routes')).json.revision, before)
  writeFileSync(file('beta.txt'), 'bob\x07\n')
  const warned = async () => {
    const { warnings } = (await banyan.api('GET', '/status')).json
    return warnings.filter((one: { code: string }) => one.code === 'key_list')
  }
  await eventually(async () => (await warned()).length === 1, 'a broken one is said')
  t.match(await warned(), [{ message: /line 1 of the list is not text/ }])
  t.equal(await side('/shop/1', 'X-User: bob\r\n'), 'new', 'and the one before stays')
  rmSync(file('beta.txt'))
  await eventually(async () => /does not exist/.test((await warned())[0]?.message), 'one that is gone, too')
  t.equal(await side('/shop/1', 'X-User: bob\r\n'), 'new')
  t.equal((await banyan.api('POST', '/config/reload', {})).status >= 400, true, 'a reload without the list is refused')
  t.equal(await side('/shop/1', 'X-User: bob\r\n'), 'new')
  writeFileSync(file('beta.txt'), 'dan\n')
  t.equal((await banyan.api('POST', '/config/reload', {})).status, 200)
  t.equal(await side('/shop/1', 'X-User: cid\r\n'), 'new', 'now the weight is in force')
  t.same(await warned(), [])
  await banyan.api('POST', '/routes/shop/rollback', {})
  writeFileSync(file('out.txt'), 'dan\n')
  await banyan.api('POST', '/routes/shop/restore', {})
  await eventually(
    async () => (await side('/shop/1', 'X-User: dan\r\n')) === 'legacy',
    'lists of the reload are followed',
  )
  t.notOk(
    banyan.lines.some(line => /\b(ann|bob|dan)\b/.test(line)),
    'no key is in the log',
  )
})
