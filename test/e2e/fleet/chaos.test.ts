// Anything may be killed, frozen or cut off at any time, while operators go on: nothing that was acknowledged is lost, nothing is
// written twice, and in the end all agree. CHAOS_SECONDS and SEED choose how long, and what happens.
import t from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { type Replica, startFleet } from './fleet.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const SECONDS = Number(process.env.CHAOS_SECONDS ?? 30)

interface Accepted {
  readonly id: string
  readonly durable: boolean
}

t.test(
  `everything fails at some time (seed ${SEED}, ${SECONDS} s)`,
  { skip: noPostgres, timeout: (SECONDS + 100) * 1000 },
  async t => {
    const random = mulberry32(SEED)
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
    const kit = await startFleet(t, { replicas: 3 })
    const rollbacks: Accepted[] = []
    const ended = new Set<string>()
    /** A restore of them was asked: even without an answer it may have happened, and then the log says so. */
    const asked = new Set<string>()
    /** Weights that were answered as durable, by their revision. */
    const weights = new Map<number, number>()
    const said: string[] = []
    const end = performance.now() + SECONDS * 1000
    const troubles: Promise<unknown>[] = []

    async function trouble(): Promise<void> {
      const replica = pick(kit.replicas)
      const ms = 300 + random() * 1_500
      const pause = () => new Promise(resolve => setTimeout(resolve, ms))
      switch (pick(['kill', 'kill', 'cut', 'slow', 'freeze', 'postgres'])) {
        case 'kill': {
          const { running } = replica
          if (running === null) return
          said.push(`kill ${replica.name}`)
          replica.running = null
          await running.kill()
          await pause()
          await kit.start(replica)
          return
        }
        case 'cut':
          said.push(`cut ${replica.name}`)
          replica.way.cut()
          await pause()
          replica.way.heal()
          return
        case 'slow':
          replica.way.delayMs = 200
          await pause()
          replica.way.delayMs = 0
          return
        case 'freeze':
          said.push('freeze')
          kit.postgres.freeze()
          await pause()
          kit.postgres.thaw()
          return
        case 'postgres':
          said.push('kill postgres')
          await kit.postgres.kill()
          await pause()
          await kit.postgres.start()
      }
    }

    async function command(): Promise<void> {
      const replica = pick(kit.replicas)
      const { running } = replica
      if (running === null) return
      const what = pick(['weight', 'weight', 'rollback', 'rollback-all', 'restore', 'freeze', 'unfreeze'])
      const percent = Math.floor(random() * 101)
      const standing = rollbacks.filter(({ id }) => !ended.has(id))
      const named = standing.length === 0 ? null : pick(standing).id
      const paths: Record<string, readonly [string, string, unknown]> = {
        weight: ['PUT', '/routes/orders/weight', { percent }],
        rollback: ['POST', '/routes/orders/rollback', {}],
        'rollback-all': ['POST', '/rollback', {}],
        restore: ['POST', '/restore', { rollbacks: named === null ? [] : [named] }],
        freeze: ['POST', '/routes/orders/freeze', {}],
        unfreeze: ['POST', '/routes/orders/unfreeze', {}],
      }
      if (what === 'restore' && named === null) return
      const [method, path, body] = paths[what] as readonly [string, string, unknown]
      if (what === 'restore' && named !== null) asked.add(named)
      const answer = await running.api(method, path, body).catch(() => null)
      if (answer === null || answer.status !== 200) return
      if (what === 'weight' && answer.json.durable) weights.set(answer.json.revision, percent)
      if (what.startsWith('rollback') && !rollbacks.some(({ id }) => id === answer.json.rollback)) {
        rollbacks.push({ id: answer.json.rollback, durable: answer.json.durable })
      }
      if (what === 'restore') for (const id of answer.json.ended) ended.add(id)
      // In force where it was said, as soon as it is answered.
      if (what.startsWith('rollback')) {
        const served = await fetch(`${running.proxy}/orders/1`, { headers: { 'x-user-id': 'u1' } }).catch(() => null)
        await served?.arrayBuffer()
        const isStanding = rollbacks.some(({ id }) => id === answer.json.rollback && !asked.has(id))
        if (served !== null && served.status === 200 && isStanding) {
          t.equal(served.headers.get('x-served-by'), 'legacy', `after ${answer.json.rollback} at ${replica.name}`)
        }
      }
    }
    const operating = Array.from({ length: 3 }, async () => {
      while (performance.now() < end) {
        await command()
        await new Promise(resolve => setTimeout(resolve, random() * 60))
      }
    })
    while (performance.now() < end) {
      // One at a time for each thing: two of them on the same are no new case.
      troubles.push(trouble())
      await troubles.at(-1)
      await new Promise(resolve => setTimeout(resolve, random() * 300))
    }
    await Promise.all(operating)
    await Promise.all(troubles)
    t.comment(`${said.length} troubles, ${rollbacks.length} rollbacks, ${ended.size} ended, ${weights.size} weights`)

    await kit.settled()
    const [first] = kit.replicas as [Replica]
    const views = await Promise.all(kit.replicas.map(one => kit.api(one, 'GET', '/routes/orders')))
    const states = views.map(({ json }) =>
      JSON.stringify([json.weight.desired, json.weight.effective, json.frozen !== null]),
    )
    t.equal(new Set(states).size, 1, 'all replicas agree')
    const statuses = await Promise.all(kit.replicas.map(one => kit.api(one, 'GET', '/status')))
    const standing = statuses.map(({ json }) =>
      json.rollbacks
        .map(({ id }: { id: string }) => id)
        .sort()
        .join(' '),
    )
    t.equal(new Set(standing).size, 1, 'on the rollbacks, too')
    const inForce = new Set(standing[0]?.split(' '))
    for (const id of ended) t.notOk(inForce.has(id), `${id} was ended`)

    const { entries } = (await kit.api(first, 'GET', '/audit?limit=1000')).json
    t.match((await kit.api(first, 'GET', '/audit/verify')).json, { ok: true })
    const written = entries.flatMap((one: { action: string; after: { rollback?: string } }) =>
      one.action === 'rollback' ? [one.after.rollback] : [],
    )
    t.equal(new Set(written).size, written.length, 'no rollback is written twice')
    for (const { id } of rollbacks) t.ok(written.includes(id), `${id} is written`)
    const restored = entries.flatMap((one: { action: string; after: { ended: string[] } }) =>
      one.action === 'restore' ? one.after.ended : [],
    )
    t.equal(new Set(restored).size, restored.length, 'no rollback is ended twice')
    for (const { id } of rollbacks) {
      if (ended.has(id)) t.ok(restored.includes(id), `that ${id} was ended is written`)
      else if (!inForce.has(id)) t.ok(asked.has(id) && restored.includes(id), `${id} was answered, and nobody ended it`)
    }
    for (const [revision, percent] of weights) {
      const of = entries.filter((one: { revision: number }) => one.revision === revision)
      t.equal(of.length, 1, `revision ${revision} once`)
      t.match(of[0], { action: 'set-weight', after: { weight: percent } })
    }
    const newest = entries.find((one: { action: string }) => one.action === 'set-weight')
    if (newest !== undefined) t.equal(views[0]?.json.weight.desired, newest.after.weight, 'the last one stands')
  },
)

function mulberry32(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), 1 | a)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}
