// What a store is: one suite that every implementation has to pass.
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Rule } from '../../src/model/comparison.ts'
import type { AuditDraft, AuditEntry, ControlState, UnitState } from '../../src/model/control.ts'
import { EMPTY_CHAIN, follows } from '../../src/store/audit-chain.ts'
import type { CommitOptions, KeptRecord, Store } from '../../src/store/store.ts'

const HOUR = 3_600_000
const SEED = Number(process.env.SEED ?? 4711)

/**
 * @param open a new, empty store; the suite closes it
 * @param reopen closes a store and opens the same one again; leave it out where nothing survives
 */
export function storeContract(
  t: Test,
  name: string,
  open: () => Promise<Store>,
  reopen?: (store: Store) => Promise<Store>,
): void {
  async function opened(st: Test): Promise<Store> {
    const store = await open()
    st.teardown(() => store.close())
    return store
  }

  t.test(`${name}: nothing was saved yet`, async st => {
    const store = await opened(st)
    st.equal(await store.load(), null)
    st.same(await store.audit({ limit: 10, before: null }), [])
    st.same(await store.verifyAudit(), { ok: true, entries: 0, brokenAt: null })
  })

  t.test(`${name}: gives back what was committed`, async st => {
    const store = await opened(st)
    const state = fullState(7)
    const draft = sampleDraft(7, {
      before: { weight: null },
      after: { weight: 12.25, ключ: ['“”', '\u0000', '\ud83c\udf33'] },
    })
    const entry = await store.commit(state, draft, { after: 0 })
    st.same(await store.load(), state)
    st.match(entry, { ...draft, seq: 1, previous: EMPTY_CHAIN.hash })
    st.ok(follows(entry, null))
    st.strictSame(await store.audit({ limit: 10, before: null }), [entry])
  })

  t.test(`${name}: keeps only what JSON keeps, and hashes just that`, async st => {
    const store = await opened(st)
    const entry = await save(store, 1, { draft: sampleDraft(1, { after: { gone: undefined, kept: -0 } }) })
    st.strictSame(entry.after, { kept: 0 })
    st.same(await store.verifyAudit(), { ok: true, entries: 1, brokenAt: null })
  })

  t.test(`${name}: what was handed in or out can be changed without changing the store`, async st => {
    const store = await opened(st)
    const state = fullState(1)
    const pristine = structuredClone(state)
    const draft = sampleDraft(1, { after: { list: [1] } })
    const entry = await store.commit(state, draft, { after: 0 })
    const changed = [
      state,
      draft.after,
      entry.after,
      await store.load(),
      (await store.audit({ limit: 1, before: null }))[0],
    ]
    for (const value of changed) scribble(value)
    st.same(await store.load(), pristine)
    st.same(await store.verifyAudit(), { ok: true, entries: 1, brokenAt: null })
  })

  t.test(`${name}: refuses a revision that is not above the stored one`, async st => {
    const store = await opened(st)
    await save(store, 5, { after: 0 })
    for (const revision of [5, 4, 0, Number.NaN])
      await st.rejects(save(store, revision, { after: 5 }), { code: 'store_conflict' }, `${revision}`)
    st.equal((await store.load())?.revision, 5)
    st.equal((await store.audit({ limit: 10, before: null })).length, 1, 'a refused change leaves no entry')
    st.equal((await save(store, 9, { after: 5 })).seq, 2, 'revisions may leave gaps, entries do not')
  })

  t.test(`${name}: refuses a change that was made from another revision than the stored one`, async st => {
    const store = await opened(st)
    await st.rejects(save(store, 4, { after: 3 }), { code: 'store_conflict', details: { given: 3, stored: 0 } })
    await save(store, 4, { after: 0 })
    for (const after of [0, 3, 5, Number.NaN])
      await st.rejects(save(store, 8, { after }), { code: 'store_conflict', details: { given: after, stored: 4 } })
    st.equal((await store.load())?.revision, 4)
    st.equal((await save(store, 8, { after: 4 })).seq, 2, 'refused changes leave no entry')
  })

  t.test(`${name}: a lease has one holder, and its tokens grow`, async st => {
    const store = await opened(st)
    const first = (await store.lease('leader', 'a', HOUR))!
    st.ok(first.token > 0)
    st.equal(await store.lease('leader', 'b', HOUR), null, 'another has it')
    st.equal((await store.lease('other', 'b', HOUR))?.token, 1, 'another lease')
    const longer = (await store.lease('leader', 'a', 2 * HOUR))!
    st.equal(longer.token, first.token, 'prolonged')
    st.ok(longer.until > first.until)
    await store.release('leader', 'b')
    st.equal(await store.lease('leader', 'b', HOUR), null, 'only the holder gives it back')
    await store.release('leader', 'a')
    await store.release('leader', 'a')
    await store.release('never there', 'a')
    const second = (await store.lease('leader', 'b', 0))!
    st.ok(second.token > first.token)
    let third = await store.lease('leader', 'a', HOUR)
    while (third === null) third = await store.lease('leader', 'a', HOUR)
    st.ok(third.token > second.token, 'one that has ended is free')
    await store.release('leader', 'a')
    st.ok((await store.lease('leader', 'a', HOUR))!.token > third.token, 'taken again is taken anew')
  })

  t.test(`${name}: what is fenced with a lease that was lost is refused`, async st => {
    const store = await opened(st)
    const { token } = (await store.lease('leader', 'a', HOUR))!
    const fence = { lease: 'leader', token }
    await store.keep({ put: [['a', '1']], remove: [] }, fence)
    await save(store, 1, { fence })
    await store.release('leader', 'a')
    const lost = { code: 'lease_lost', details: fence }
    await st.rejects(save(store, 2, { fence }), lost)
    await st.rejects(store.keep({ put: [['b', '2']], remove: ['a'] }, fence), lost)
    const newer = (await store.lease('leader', 'b', HOUR))!
    await st.rejects(save(store, 2, { fence }), lost)
    await st.rejects(save(store, 2, { fence: { lease: 'never there', token: 1 } }), { code: 'lease_lost' })
    st.same(await store.kept(), [['a', '1']])
    st.equal((await save(store, 2, { fence: { lease: 'leader', token: newer.token } })).seq, 2)
    st.same(await store.verifyAudit(), { ok: true, entries: 2, brokenAt: null })
  })

  t.test(`${name}: pages through the audit log, newest first`, async st => {
    const store = await opened(st)
    for (let revision = 1; revision <= 25; revision++) await save(store, revision)
    const seqs: number[] = []
    for (let before: number | null = null; ; ) {
      const page: readonly AuditEntry[] = await store.audit({ limit: 10, before })
      if (page.length === 0) break
      st.ok(page.length <= 10)
      seqs.push(...page.map(entry => entry.seq))
      before = page.at(-1)!.seq
    }
    st.same(seqs, ascending(25).reverse())
    st.same(await store.audit({ limit: 0, before: null }), [])
    st.same(await store.audit({ limit: 10, before: 1 }), [])
    st.equal((await store.audit({ limit: 100, before: 1000 })).length, 25)
  })

  t.test(`${name}: chains every entry to the one before`, async st => {
    const store = await opened(st)
    for (let revision = 1; revision <= 10; revision++) await save(store, revision)
    let previous = EMPTY_CHAIN
    for (const entry of (await store.audit({ limit: 10, before: null })).toReversed()) {
      st.ok(follows(entry, previous), `entry ${entry.seq}`)
      previous = entry
    }
    st.same(await store.verifyAudit(), { ok: true, entries: 10, brokenAt: null })
  })

  t.test(`${name}: commits that are asked for at once are saved in their order, none is lost`, async st => {
    const store = await opened(st)
    const entries = await Promise.all(ascending(500).map(revision => save(store, revision)))
    st.same(
      entries.map(entry => [entry.seq, entry.revision]),
      ascending(500).map(n => [n, n]),
    )
    st.equal((await store.load())?.revision, 500)
    st.same(await store.verifyAudit(), { ok: true, entries: 500, brokenAt: null })
  })

  t.test(`${name}: one that conflicts does not fail the others`, async st => {
    const store = await opened(st)
    const asked = [
      ...[
        [0, 3],
        [0, 1],
        [3, 4],
        [0, 1],
        [4, 5],
        [5, 9],
        [5, 10],
        [9, 6],
        [9, 5],
        [9, 35],
        [9, 36],
      ],
      [35, 97],
    ] as const
    const results = await Promise.allSettled(asked.map(([after = 0, revision = 0]) => save(store, revision, { after })))
    st.same(
      results.map(result => (result.status === 'fulfilled' ? result.value.seq : result.reason.code)),
      [
        1,
        'store_conflict',
        2,
        'store_conflict',
        3,
        4,
        'store_conflict',
        'store_conflict',
        'store_conflict',
        5,
        'store_conflict',
        6,
      ],
    )
    st.equal((await store.load())?.revision, 97)
    st.same(await store.verifyAudit(), { ok: true, entries: 6, brokenAt: null })
  })

  t.test(`${name}: reads see the commits that were asked for before them`, async st => {
    const store = await opened(st)
    const [, first, , second] = await Promise.all([save(store, 1), store.load(), save(store, 2), store.load()])
    st.equal(first?.revision, 1)
    st.equal(second?.revision, 2)
  })

  t.test(`${name}: holds ten thousand units`, async st => {
    const store = await opened(st)
    for (const revision of [1, 2, 3]) {
      const state = bigState(revision, 10_000)
      await save(store, revision, { state })
      st.ok(sameJson(await store.load(), state))
    }
  })

  t.test(`${name}: keeps records, replaces and removes them`, async st => {
    const store = await opened(st)
    st.same(await store.kept(), [])
    st.same(await store.keptByOthers(''), [])
    await store.keep({ put: [], remove: ['never there'] })
    await store.keep({
      put: [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
      remove: [],
    })
    st.same(sorted(await store.kept()), [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
    await store.keep({
      put: [
        ['b', 'two'],
        ['d', '4'],
        ['d', 'four'],
      ],
      remove: ['a', 'd'],
    })
    st.same(
      sorted(await store.kept()),
      [
        ['b', 'two'],
        ['c', '3'],
        ['d', 'four'],
      ],
      'what is put stays, the last of a key',
    )
    await store.keep({ put: [['b', 'back']], remove: ['b', 'c', 'd'] })
    st.same(await store.kept(), [['b', 'back']], 'first removed, then put')
    await store.keep({ put: [], remove: [] })
    st.same(await store.kept(), [['b', 'back']])
  })

  t.test(`${name}: keys and texts are any texts (seed ${SEED})`, async st => {
    const store = await opened(st)
    const model = new Map<string, string>()
    const text = fc.oneof(
      fc.constantFrom('', '__proto__', 'a', 'a ', 'a\0', 'a\0b', '\ud83c\udf33', '\ufeff', "';--"),
      fc.string({ unit: 'binary', maxLength: 12 }),
    )
    const changes = fc.record({
      put: fc.array(fc.tuple(text, text), { maxLength: 5 }),
      remove: fc.array(text, { maxLength: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(changes, async ({ put, remove }) => {
        for (const key of remove) model.delete(key)
        for (const [key, value] of put) model.set(key, value)
        await store.keep({ put, remove })
        return sameJson(sorted(await store.kept()), sorted([...model]))
      }),
      { seed: SEED, numRuns: 60, endOnFailure: true },
    )
    st.ok(model.size > 10)
    const long = '“x”'.repeat(300_000)
    await store.keep({
      put: [...ascending(3).map(n => [`long ${n}`, long] as const), [long, '']],
      remove: [...model.keys()],
    })
    st.ok(
      sameJson(sorted(await store.kept()), [...ascending(3).map(n => [`long ${n}`, long]), [long, '']]),
      'long ones',
    )
  })

  t.test(`${name}: half a surrogate pair is kept as what UTF-8 makes of it`, async st => {
    const store = await opened(st)
    await store.keep({ put: [['\ud83c', 'a\udf33']], remove: [] })
    st.same(await store.kept(), [['\ufffd', 'a\ufffd']])
    await store.keep({ put: [], remove: ['\udf33'] })
    st.same(await store.kept(), [])
  })

  t.test(`${name}: keeps ten thousand records at once, in their order`, async st => {
    const store = await opened(st)
    const put = ascending(10_000).map(n => [`key-${n % 9_000}`, `${n} ${'x'.repeat(300)}`] as const)
    await store.keep({ put, remove: [] })
    const kept = new Map(await store.kept())
    st.ok(sameJson(sorted([...kept]), sorted([...new Map(put)])), 'the later one of the same key')
    await store.keep({ put: [['last', 'one']], remove: [...kept.keys()] })
    st.same(await store.kept(), [['last', 'one']])
  })

  t.test(`${name}: what is asked at once is kept in the order it was asked`, async st => {
    const store = await opened(st)
    const asked = ascending(50).map(n => store.keep({ put: [[`k${n % 7}`, `${n}`]], remove: [`k${(n + 3) % 7}`] }))
    const first = store.kept()
    await Promise.all([...asked, store.keep({ put: [['later', '']], remove: [] })])
    const model = new Map<string, string>()
    for (const n of ascending(50)) {
      model.delete(`k${(n + 3) % 7}`)
      model.set(`k${n % 7}`, `${n}`)
    }
    st.same(sorted(await first), sorted([...model]))
    st.same(sorted(await store.kept()), sorted([...model, ['later', '']]))
  })

  t.test(`${name}: commits overtake records, and neither sees the other`, async st => {
    const store = await opened(st)
    await save(store, 1)
    const order: string[] = []
    const put = ascending(5_000).map(n => [`${n}`, 'x'.repeat(200)] as const)
    const keeping = store.keep({ put, remove: [] }).then(() => order.push('kept'))
    await save(store, 2).then(() => order.push('committed'))
    await keeping
    if (store.kind !== 'memory') st.same(order, ['committed', 'kept'])
    st.same(await store.load(), sampleState(2))
    st.same(await store.verifyAudit(), { ok: true, entries: 2, brokenAt: null })
    st.equal((await store.kept()).length, 5_000)
  })

  t.test(`${name}: says which tables there are, and which it knows`, async st => {
    const store = await opened(st)
    const { stored, known } = await store.schema()
    st.equal(stored, known)
    st.ok(known >= 1)
  })

  t.test(`${name}: says so when it is closed`, async st => {
    const store = await open()
    const last = save(store, 1)
    const closing = store.close()
    st.equal((await last).seq, 1, 'what was asked before is still done')
    await closing
    await store.close()
    await st.rejects(store.load(), { code: 'store_closed' })
    await st.rejects(save(store, 2), { code: 'store_closed' })
    await st.rejects(store.audit({ limit: 1, before: null }), { code: 'store_closed' })
    await st.rejects(store.verifyAudit(), { code: 'store_closed' })
    await st.rejects(store.keep({ put: [['a', '1']], remove: [] }), { code: 'store_closed' })
    await st.rejects(store.kept(), { code: 'store_closed' })
    await st.rejects(store.keptByOthers(''), { code: 'store_closed' })
    await st.rejects(store.lease('leader', 'a', HOUR), { code: 'store_closed' })
    await st.rejects(store.release('leader', 'a'), { code: 'store_closed' })
  })

  if (reopen !== undefined)
    t.test(`${name}: records survive being closed and opened, those in hand, too`, async st => {
      let store = await open()
      st.teardown(() => store.close())
      for (let round = 1; round <= 3; round++) {
        const put = ascending(2_000).map(n => [`${n}`, `${round}`] as const)
        const keeping = store.keep({ put, remove: ['2001'] })
        store = await reopen(store)
        await keeping
        st.ok(sameJson(sorted(await store.kept()), sorted(put)), `round ${round}`)
      }
      st.equal(await store.load(), null, 'a store of records alone has no state')
    })

  if (reopen !== undefined)
    t.test(`${name}: survives being closed and opened`, async st => {
      let store = await open()
      st.teardown(() => store.close())
      for (let revision = 1; revision <= 5; revision++) {
        await save(store, revision, { state: fullState(revision) })
        store = await reopen(store)
        st.same(await store.load(), fullState(revision))
        await st.rejects(save(store, revision), { code: 'store_conflict' })
      }
      st.same(await store.verifyAudit(), { ok: true, entries: 5, brokenAt: null })
    })
}

/** Most tests count up by one. */
export function save(
  store: Store,
  revision: number,
  more: Partial<CommitOptions> & { readonly state?: ControlState; readonly draft?: AuditDraft } = {},
): Promise<AuditEntry> {
  const { state = sampleState(revision), draft = sampleDraft(revision), after = revision - 1, fence } = more
  return store.commit(state, draft, { after, ...(fence === undefined ? {} : { fence }) })
}

export function sampleState(revision: number): ControlState {
  return { revision, seed: 'c2VlZA', units: {}, rollbacks: [], ended: [], pins: [], rules: [], tokens: [], changed: {} }
}

export function sampleDraft(revision: number, more: Partial<AuditDraft> = {}): AuditDraft {
  return {
    at: 1_790_000_000_000 + revision,
    actor: { name: 'ada', tokenId: 't1', address: '10.0.0.9' },
    action: 'set-weight',
    subject: 'orders',
    reason: null,
    before: { percent: revision - 1 },
    after: { percent: revision },
    revision,
    ...more,
  }
}

export function bigState(revision: number, units: number): ControlState {
  const names = ascending(units).map(n => [`unit-${n}`, sampleUnit(n + revision)] as const)
  return { ...sampleState(revision), units: Object.fromEntries(names) }
}

export function ascending(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1)
}

function fullState(revision: number): ControlState {
  const said = { by: 'ada', at: 1_790_000_000_000, reason: 'größer “quoted” \u2028 \ud83c\udf33' }
  return {
    revision,
    seed: 'c2VlZA',
    // JSON.parse makes an own key of `__proto__`, as a hostile route id would be.
    units: JSON.parse(
      JSON.stringify({ orders: sampleUnit(1), proto: sampleUnit(2) }).replace('"proto"', '"__proto__"'),
    ),
    rollbacks: [
      { ...said, id: 'r1', units: '*', restored: ['orders'], trigger: 'break_glass' },
      { ...said, id: 'r2', units: ['orders', 'checkout'], restored: [], trigger: 'operator', reason: null },
    ],
    ended: [{ id: 'r0', at: 1_780_000_000_000 }],
    rules: [{ route: 'orders', rule: SAMPLE_RULE, by: 'ada', at: 1_790_000_000_000 }],
    pins: [{ ...said, id: 'pin-1', unit: 'orders', key: 'ab12', side: 'legacy', until: 1_800_000_000_000 }],
    tokens: [
      { id: 't1', name: 'ci', hash: 'ab'.repeat(32), scopes: ['read'], routes: null, createdAt: 1, expiresAt: null },
      {
        id: 't2',
        name: 'ops',
        hash: 'cd'.repeat(32),
        scopes: ['operate'],
        routes: ['orders'],
        createdAt: 2,
        expiresAt: 3,
      },
    ],
    changed: { '*': 2, orders: revision },
  }
}

const SAMPLE_RULE: Rule = {
  id: 'rule-1',
  does: 'normalise',
  as: 'pattern',
  pattern: '^“.*”$',
  replace: '',
  paths: ['$..[?@.a == "\u2028"]'],
  owner: null,
  reason: 'as planned',
  until: null,
}

function sampleUnit(n: number): UnitState {
  const said = { by: 'ada', at: 1_790_000_000_000 + n, reason: 'as planned' }
  return { weight: { ...said, percent: (n % 10_000) / 100 }, frozen: n % 3 === 0 ? said : null, held: n % 7 === 0 }
}

function sorted(records: readonly KeptRecord[]): readonly KeptRecord[] {
  return records.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** For values whose difference would be too long to print. */
function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function scribble(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const inner of Object.values(value)) scribble(inner)
  if (Array.isArray(value)) value.push('scribble')
  else Object.assign(value, { scribble: true })
}
