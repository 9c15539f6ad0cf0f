// What a store that several instances share is, beside being a store: one suite that every implementation has to pass.
import type { Test } from 'tap'
import type { Ears, Presence, Shared, Store } from '../../src/store/store.ts'
import { ascending, sampleState, save } from './store.ts'

const HOUR = 3_600_000

export interface SharedDatabase {
  open(instance: string): Promise<Store & { readonly shared: Shared }>
  /** Lets the store's clock go on by at least so much. */
  pass(ms: number): Promise<void>
}

/** Everything that was heard, in words, and a way to wait for it. */
export interface Heard extends Ears {
  readonly words: readonly string[]
  /** Resolves when these words have come. */
  until(word: string): Promise<void>
}

/** @param create a new, empty database; the suite closes what it opens */
export function sharedStoreContract(t: Test, name: string, create: (t: Test) => Promise<SharedDatabase>): void {
  async function opened<N extends readonly string[]>(st: Test, ...instances: N) {
    const database = await create(st)
    const stores: Awaited<ReturnType<SharedDatabase['open']>>[] = []
    for (const instance of instances) {
      const store = await database.open(instance)
      st.teardown(() => store.close())
      stores.push(store)
    }
    return { database, stores: stores as { [K in keyof N]: Awaited<ReturnType<SharedDatabase['open']>> } }
  }

  t.test(`${name}: control state and audit log are one for all`, async st => {
    const { stores } = await opened(st, 'a', 'b')
    const [a, b] = stores
    await save(a, 1)
    st.same(await b.load(), sampleState(1))
    await save(b, 2)
    await st.rejects(save(a, 2), { code: 'store_conflict', details: { given: 1, stored: 2 } })
    await save(a, 3)
    st.same(await b.verifyAudit(), { ok: true, entries: 3, brokenAt: null })
    st.same(await a.audit({ limit: 10, before: null }), await b.audit({ limit: 10, before: null }))
  })

  t.test(`${name}: of writers that race, each change is made from what is stored, once`, async st => {
    const { stores } = await opened(st, 'a', 'b', 'c')
    let conflicts = 0
    const write = async (store: Store) => {
      for (let done = 0; done < 15; ) {
        const after = (await store.load())?.revision ?? 0
        try {
          await save(store, after + 1, { after })
          done++
        } catch (error) {
          st.equal((error as { code?: string }).code, 'store_conflict')
          conflicts++
        }
      }
    }
    await Promise.all(stores.map(write))
    st.comment(`${conflicts} conflicts`)
    st.equal((await stores[0].load())?.revision, 45)
    const entries = await stores[1].audit({ limit: 100, before: null })
    st.same(
      entries.map(entry => [entry.seq, entry.revision]),
      ascending(45)
        .reverse()
        .map(n => [n, n]),
    )
    st.same(await stores[2].verifyAudit(), { ok: true, entries: 45, brokenAt: null })
  })

  t.test(`${name}: a lease is one for all, and whoever lost it writes nothing`, async st => {
    const { database, stores } = await opened(st, 'a', 'b')
    const [a, b] = stores
    const mine = (await a.lease('leader', 'a', HOUR))!
    await database.pass(2 * HOUR)
    const theirs = (await b.lease('leader', 'b', HOUR))!
    st.ok(theirs.token > mine.token)
    st.equal(await a.lease('leader', 'a', HOUR), null)
    await st.rejects(save(a, 1, { fence: { lease: 'leader', token: mine.token } }), { code: 'lease_lost' })
    await st.rejects(a.shared.sweep(0, { lease: 'leader', token: mine.token }), { code: 'lease_lost' })
    await save(b, 1, { fence: { lease: 'leader', token: theirs.token } })
    await b.shared.sweep(HOUR, { lease: 'leader', token: theirs.token })
  })

  t.test(`${name}: of many that ask for a lease at once, one gets it`, async st => {
    const { stores } = await opened(st, 'a', 'b', 'c')
    const asked = stores.flatMap((store, at) => ascending(4).map(n => store.lease('leader', `${at}-${n}`, HOUR)))
    st.equal((await Promise.all(asked)).filter(lease => lease !== null).length, 1)
  })

  t.test(`${name}: others hear what is told, in the order of the sender, and every commit`, async st => {
    const { stores } = await opened(st, 'a', 'b', 'c')
    const [a, b, c] = stores
    const [heardA, heardB] = [ear(), ear()]
    a.shared.listen(heardA)
    b.shared.listen(heardB)
    await arrives(c.shared, heardA, heardB)
    const long = '“'.repeat(2_333)
    await Promise.all([...ascending(30).map(n => a.shared.tell(`word ${n}`)), a.shared.tell(long)])
    await save(a, 1)
    await save(c, 2)
    await a.shared.tell('last\n"quoted"')
    await heardB.until('heard a: last\n"quoted"')
    const fromA = heardB.words.filter(word => word.startsWith('heard a: '))
    st.same(fromA, [...ascending(30).map(n => `heard a: word ${n}`), `heard a: ${long}`, 'heard a: last\n"quoted"'])
    await heardB.until('committed c: 2')
    st.same(
      heardB.words.filter(word => word.startsWith('committed')),
      ['committed a: 1', 'committed c: 2'],
    )
    await heardA.until('committed c: 2')
    st.notOk(
      heardA.words.some(word => word.startsWith('heard a: ')),
      'nobody hears what he told',
    )
    await st.rejects(a.shared.tell('“'.repeat(2_334)), { code: 'message_refused' })
    await st.rejects(a.shared.tell('a\0b'), { code: 'message_refused' })
    await st.rejects(save(a, 7), { code: 'store_conflict' })
    await a.shared.tell('after a refusal')
    await heardB.until('heard a: after a refusal')
    st.notOk(heardB.words.includes('committed a: 7'), 'what was refused is not told')
  })

  t.test(`${name}: who is present is seen, for a while`, async st => {
    const { database, stores } = await opened(st, 'a', 'b')
    const [a, b] = stores
    st.same(await a.shared.present(presence('a', 1), HOUR), [], 'nobody was there before')
    await database.pass(2 * HOUR)
    const seen = await b.shared.present(presence('b', 2), 3 * HOUR)
    st.match(seen, [presence('a', 1)])
    st.equal(seen.length, 1)
    st.ok(seen[0]!.agoMs >= 2 * HOUR)
    st.match(await b.shared.present(presence('b', 3), HOUR), [presence('b', 2)], 'a has not been there for an hour')
    st.match(await a.shared.present(presence('a', 4), HOUR), [presence('b', 3)])
    st.match((await a.shared.present(presence('a', 5), HOUR)).toSorted(byInstance), [
      presence('a', 4),
      presence('b', 3),
    ])
    await a.shared.leave('a')
    st.match(await b.shared.present(presence('b', 5), HOUR), [presence('b', 3)])
  })

  t.test(`${name}: records are each instance's own, and can be read by others`, async st => {
    const { stores } = await opened(st, 'a', 'b', 'ü')
    const [a, b, c] = stores
    await a.keep({
      put: [
        ['x/1', 'a1'],
        ['x/2', 'a2'],
        ['y/1', 'a3'],
        ['x', 'a4'],
      ],
      remove: [],
    })
    await b.keep({ put: [['x/1', 'b1']], remove: ['x/2'] })
    await c.keep({ put: [['x0', 'ü']], remove: [] })
    st.same(await b.kept(), [['x/1', 'b1']])
    st.same([...(await b.keptByOthers('x/'))].sort(), [
      ['a', 'x/1', 'a1'],
      ['a', 'x/2', 'a2'],
    ])
    st.equal((await b.keptByOthers('')).length, 5)
    st.same(await a.keptByOthers('x0'), [['ü', 'x0', 'ü']])
  })

  t.test(`${name}: records of one that is gone are taken over, once`, async st => {
    const { database, stores } = await opened(st, 'gone', 'alive', 'new', 'newer')
    const [gone, alive, fresh, fresher] = stores
    await gone.keep({ put: [['k', 'of the gone']], remove: [] })
    await gone.shared.present(presence('gone', 1), HOUR)
    await alive.keep({ put: [['k', 'of the living']], remove: [] })
    st.equal(await fresh.shared.inherit(HOUR), null, 'nobody is gone for that long')
    await database.pass(2 * HOUR)
    await alive.shared.present(presence('alive', 1), HOUR)
    st.equal(await alive.shared.inherit(HOUR), null, 'who has records takes no others')
    const [one, other] = await Promise.all([fresh.shared.inherit(HOUR), fresher.shared.inherit(HOUR)])
    st.same([one, other].sort(), ['gone', null])
    const heir = one === 'gone' ? fresh : fresher
    st.same(await heir.kept(), [['k', 'of the gone']])
    st.same(await gone.kept(), [])
    st.equal(await (one === 'gone' ? fresher : fresh).shared.inherit(HOUR), null)
    st.same(await alive.kept(), [['k', 'of the living']])
  })

  t.test(`${name}: what was left by those who are gone is swept`, async st => {
    const { database, stores } = await opened(st, 'gone', 'idle', 'busy', 'leader')
    const [gone, idle, busy, leader] = stores
    for (const store of [gone, idle, busy]) await store.keep({ put: [['k', 'v']], remove: [] })
    await gone.shared.present(presence('gone', 1), HOUR)
    await database.pass(2 * HOUR)
    await idle.shared.present(presence('idle', 1), HOUR)
    await busy.keep({ put: [['l', 'v']], remove: [] })
    const { token } = (await leader.lease('sweeper', 'leader', HOUR))!
    await leader.shared.sweep(3 * HOUR, { lease: 'sweeper', token })
    st.equal((await leader.keptByOthers('')).length, 4, 'nothing is that old')
    await leader.shared.sweep(HOUR, { lease: 'sweeper', token })
    st.same((await leader.keptByOthers('')).map(([instance, key]) => `${instance} ${key}`).sort(), [
      'busy k',
      'busy l',
      'idle k',
    ])
    const present = await leader.shared.present(presence('leader', 1), HOUR)
    st.same(
      present.map(row => row.instance),
      ['idle'],
    )
  })

  t.test(`${name}: says so when it is closed, also of what instances share`, async st => {
    const { stores } = await opened(st, 'a')
    const { shared, close } = stores[0]
    shared.listen(ear())
    await close()
    for (const call of [
      () => shared.tell('x'),
      () => shared.present(presence('a', 1), HOUR),
      () => shared.leave('a'),
      () => shared.inherit(HOUR),
      () => shared.sweep(HOUR, { lease: 'x', token: 1 }),
    ])
      await st.rejects(call() as Promise<unknown>, { code: 'store_closed' })
  })
}

export function presence(instance: string, revision: number): Presence {
  return {
    ...{ instance, version: '1.0.0', schema: 1, revision, configHash: 'ab'.repeat(32), startedAt: 1_790_000_000_000 },
    workers: [{ worker: 1, revision, pid: 4711 }],
    state: 'ready',
  }
}

export function ear(): Heard {
  const words: string[] = []
  const waiting = new Set<() => void>()
  const add = (word: string) => {
    words.push(word)
    for (const look of waiting) look()
  }
  return {
    words,
    heard: (from, text) => add(`heard ${from}: ${text}`),
    committed: (from, revision) => add(`committed ${from}: ${revision}`),
    missed: () => add('missed'),
    lost: () => add('lost'),
    until: word =>
      new Promise(resolve => {
        // An ear alone keeps no process alive.
        const alive = setInterval(() => {}, 1_000)
        const look = () => {
          if (!words.includes(word)) return
          clearInterval(alive)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

/** Tells until all of them hear: from then on, they listen. */
export async function arrives(from: Shared, ...heard: readonly Heard[]): Promise<void> {
  let arrived = false
  const all = Promise.all(heard.map(one => new Promise<void>(resolve => waitForAny(one, resolve)))).then(() => {
    arrived = true
  })
  while (!arrived) {
    await from.tell('hello')
    await Promise.race([all, new Promise(resolve => setTimeout(resolve, 20))])
  }
}

function waitForAny(heard: Heard, resolve: () => void): void {
  const look = () => (heard.words.some(word => word.endsWith(': hello')) ? resolve() : setTimeout(look, 10))
  look()
}

function byInstance(a: Presence, b: Presence): number {
  return a.instance < b.instance ? -1 : 1
}
