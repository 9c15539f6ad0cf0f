// What must outlive the process: whatever was answered as done is there after `kill -9`, and users keep their side when the
// store is lost.
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type ApiAnswer, call } from './harness.ts'
import { type Running, sidesOf } from './process.ts'
import { auditOf, type Entry, ids, ROUTES, scene, USERS } from './survivor.ts'

/** The moments of death are drawn anew with each run. */
const ROUNDS = Number(process.env.ROUNDS ?? 5)
t.test(`kill -9 under a loop of changes, ${ROUNDS} times`, async t => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
  t.comment(`SEED=${seed}`)
  const random = mulberry32(seed)
  const { start } = await scene(t)
  const acknowledged: Asked[] = []
  const first = await start()
  const unsplit = await first.api('PUT', '/routes/all/weight', { percent: 50 })
  t.equal(unsplit.json.durable, true)
  const sides = await sidesOf(first, USERS)
  t.ok(sides.includes('new') && sides.includes('legacy'))
  let banyan = first
  for (let round = 0; round < ROUNDS; round++) {
    const enough = acknowledged.length + 1 + Math.floor(random() * 25)
    await changeUntilKilled(banyan, random, acknowledged, enough)
    await banyan.ended
    banyan = await start()
    const entries = await auditOf(banyan)
    const lost = acknowledged.filter(asked => !isThere(asked, entries))
    t.same(lost, [], `round ${round}: all of ${acknowledged.length} answers are in the audit log`)
    t.match((await banyan.api('GET', '/audit/verify')).json, { ok: true, entries: entries.length })
    t.same(await stateOf(banyan), stateBy(entries), 'and the state is what the log says')
  }
  t.ok(acknowledged.length > ROUNDS, `${acknowledged.length} changes in ${ROUNDS} lives`)
  await banyan.api('POST', '/restore', {})
  t.same(await sidesOf(banyan, USERS), sides, 'every user is on the side of the first day')
})

t.test('each verb alone is there after kill -9 right after its answer', async t => {
  const { start } = await scene(t)
  let banyan = await start()
  const reborn = async (answer: ApiAnswer) => {
    await banyan.kill()
    t.match(answer, { status: 200, json: { durable: true, pending: [] } })
    banyan = await start()
    t.equal((await banyan.api('GET', '/status')).json.revision >= answer.json.revision, true)
    return (await banyan.api('GET', '/routes')).json.routes.find((route: { id: string }) => route.id === 'all')
  }
  t.match((await reborn(await banyan.api('PUT', '/routes/all/weight', { percent: 33.33 }))).weight, {
    effective: 33.33,
  })
  const sides = await sidesOf(banyan, USERS)
  t.ok((await reborn(await banyan.api('POST', '/routes/all/freeze', { reason: 'night' }))).frozen)
  const made = await banyan.api('POST', '/tokens', { name: 'oncall', scopes: ['rollback'] })
  await reborn(made)
  const oncall = { authorization: `Bearer ${made.json.secret}` }
  const rolledBack = await call(banyan.admin, 'POST', '/routes/all/rollback', { reason: 'pager' }, oncall)
  const after = await reborn(rolledBack)
  t.match(after, { weight: { desired: 33.33, effective: 0 }, rollbacks: [{ by: 'oncall', reason: 'pager' }] })
  t.notOk((await sidesOf(banyan, USERS)).includes('new'))
  t.match((await reborn(await banyan.api('POST', '/restore', {}))).weight, { effective: 33.33 })
  t.same(await sidesOf(banyan, USERS), sides)
  await reborn(await banyan.api('DELETE', `/tokens/${made.json.token.id}`))
  t.equal((await call(banyan.admin, 'GET', '/status', undefined, oncall)).status, 401, 'revoked stays revoked')
  await reborn(await banyan.api('POST', '/routes/all/unfreeze', {}))
  await reborn(await banyan.api('POST', '/seed/rotate', {}))
  const reshuffled = await sidesOf(banyan, USERS)
  t.notSame(reshuffled, sides)
  t.match((await reborn(await banyan.api('DELETE', '/routes/all/weight'))).weight, { effective: 0, desired: 0 })
  await reborn(await banyan.api('PUT', '/routes/all/weight', { percent: 33.33 }))
  t.same(await sidesOf(banyan, USERS), reshuffled, 'the new seed is kept too')
})

t.test('a lost store with split.seed: users keep their side, and what the file declares is held', async t => {
  const env = { BANYAN_SEED: 'the same in every pod' }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
  const { cwd, start } = await scene(t, { split: { seed: '${BANYAN_SEED}' } })
  const first = await start({ env, weight: 40 })
  t.notOk((await sidesOf(first, USERS)).includes('new'), 'held: nobody moves by itself')
  await first.api('PUT', '/routes/all/weight', { percent: 40 })
  const sides = await sidesOf(first, USERS)
  t.ok(sides.includes('new') && sides.includes('legacy'))
  await first.kill()
  rmSync(join(cwd, '.banyan'), { recursive: true })

  const second = await start({ env, weight: 40 })
  t.notOk((await sidesOf(second, USERS)).includes('new'))
  const status = (await second.api('GET', '/status')).json
  t.match(
    status.routes.map((route: { state: string; effective: number }) => [route.state, route.effective]),
    Array.from({ length: 4 }, () => ['held', 0]),
  )
  t.match(
    status.warnings.filter((warning: { code: string }) => warning.code === 'held'),
    Array.from({ length: 4 }, () => ({ message: /held at 0 %.* declares 40 %/ })),
  )
  t.equal((await second.line(/^fresh store/)).level, 'warn')
  await second.api('DELETE', '/routes/all/weight')
  t.same(await sidesOf(second, USERS), sides, 'returned to the file: the same users are on new')
  await second.kill()
  const third = await start({ env, weight: 40 })
  t.same(await sidesOf(third, USERS), sides, 'what was let go is not held again')
})

t.test('a lost store with split.firstStart: declared is no event for anybody', async t => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
  const { cwd, start } = await scene(t, { split: { seed: '${BANYAN_SEED}', firstStart: 'declared' } })
  const env = { BANYAN_SEED: 'another' }
  const first = await start({ env, weight: 40 })
  const sides = await sidesOf(first, USERS)
  t.ok(sides.includes('new') && sides.includes('legacy'))
  await first.kill()
  rmSync(join(cwd, '.banyan'), { recursive: true })
  const second = await start({ env, weight: 40 })
  t.same(await sidesOf(second, USERS), sides)
  t.same((await second.api('GET', '/status')).json.warnings, [])
})

/** An answer that said `durable: true`, and what the audit log must therefore hold. */
interface Asked {
  readonly revision: number
  readonly entry: Partial<Entry>
}

/** Four callers at once, until enough was answered: then it dies in the turn of that very answer, the others half done. */
async function changeUntilKilled(
  banyan: Running,
  random: () => number,
  acknowledged: Asked[],
  enough: number,
): Promise<void> {
  let over = false
  const callers = Array.from({ length: 4 }, async () => {
    while (!over) {
      const change = anyChange(random)
      const answer = await banyan.api(change.method, change.path, change.body).catch(() => null)
      if (answer === null || over) return
      const entry = answer.status === 200 && answer.json.durable ? change.entry(answer.json) : null
      if (entry !== null) acknowledged.push({ revision: answer.json.revision, entry })
      if (acknowledged.length >= enough) {
        over = true
        banyan.signal('SIGKILL')
      }
    }
  })
  await Promise.all(callers)
}

interface AnyChange {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** null: repeating the verb may have changed nothing. */
  // biome-ignore lint/suspicious/noExplicitAny: each verb has its own answer
  readonly entry: (answer: any) => Partial<Entry> | null
}

/** The weight of `all` stays, so that its users can be asked at the end. */
function anyChange(random: () => number): AnyChange {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const id = pick(['a', 'b', 'c'])
  const percent = Math.floor(random() * 10_001) / 100
  const changes: readonly AnyChange[] = [
    {
      method: 'PUT',
      path: `/routes/${id}/weight`,
      body: { percent },
      entry: () => ({ action: 'set-weight', subject: id, after: { weight: percent } }),
    },
    { method: 'DELETE', path: `/routes/${id}/weight`, entry: () => null },
    { method: 'POST', path: `/routes/${id}/freeze`, body: {}, entry: () => null },
    { method: 'POST', path: `/routes/${id}/unfreeze`, body: {}, entry: () => null },
    ...[`/routes/${pick(ROUTES)}`, ''].map(subject => ({
      method: 'POST',
      path: `${subject}/rollback`,
      body: {},
      entry: (answer: { rollback: string }) => ({ action: 'rollback', after: { rollback: answer.rollback } }),
    })),
    ...[`/routes/${pick(ROUTES)}`, ''].map(subject => ({
      method: 'POST',
      path: `${subject}/restore`,
      body: {},
      entry: ({ ended }: { ended: string[] }) => (ended.length === 0 ? null : { action: 'restore', after: { ended } }),
    })),
    {
      method: 'POST',
      path: '/tokens',
      body: { name: `t${Math.floor(random() * 2 ** 40)}`, scopes: ['read'] },
      entry: ({ token }) => ({ action: 'create-token', subject: token.id }),
    },
  ]
  return pick([...changes, changes[0] as AnyChange, changes[0] as AnyChange])
}

/** Whether the log holds what was answered. The answer's revision is the one in force: a rollback may have raised it since. */
function isThere({ revision, entry }: Asked, entries: readonly Entry[]): boolean {
  return entries.some(one => one.revision <= revision && isDeepStrictEqual({ ...one, ...overlay(entry, one) }, one))
}

function overlay(entry: Partial<Entry>, one: Entry): Partial<Entry> {
  return entry.after === undefined ? entry : { ...entry, after: { ...one.after, ...entry.after } }
}

interface Standing {
  readonly routes: Readonly<Record<string, { percent: number | null; frozen: boolean; rollbacks: readonly string[] }>>
  readonly tokens: readonly string[]
}

/** What the running one says. */
async function stateOf(banyan: Running): Promise<Standing> {
  const [{ json: routes }, { json: tokens }] = await Promise.all([
    banyan.api('GET', '/routes'),
    banyan.api('GET', '/tokens'),
  ])
  return {
    routes: Object.fromEntries(
      // biome-ignore lint/suspicious/noExplicitAny: as the API says
      routes.routes.map((route: any) => [
        route.id,
        { percent: route.set?.percent ?? null, frozen: route.frozen !== null, rollbacks: ids(route.rollbacks) },
      ]),
    ),
    tokens: ids(tokens.tokens),
  }
}

/** What the log adds up to. */
function stateBy(entries: readonly Entry[]): Standing {
  const routes = Object.fromEntries(
    ROUTES.map(id => [id, { percent: null as number | null, frozen: false, rollbacks: new Set<string>() }]),
  )
  const tokens: string[] = []
  for (const { action, subject, after } of entries) {
    const concerned = subject === '*' ? Object.values(routes) : [routes[subject]].filter(one => one !== undefined)
    if (action === 'create-token') tokens.push(subject)
    else if (action === 'rollback') for (const route of concerned) route.rollbacks.add(after.rollback)
    else if (action === 'restore')
      for (const route of concerned) for (const id of after.ended) route.rollbacks.delete(id)
    else if (action !== 'first-start')
      for (const route of concerned) Object.assign(route, { percent: after.weight, frozen: after.frozen })
  }
  const plain = Object.entries(routes).map(([id, route]) => [id, { ...route, rollbacks: [...route.rollbacks].sort() }])
  return { routes: Object.fromEntries(plain), tokens: tokens.sort() }
}

function mulberry32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
