// A process that uses a store, for the tests that need another process, or one that dies: `node store-child.ts <mode> <path>`.
//
// Every line on stdout is one JSON array. It is written before anything else is done: what the parent has read, has happened.
import { rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BanyanError } from '../../src/model/errors.ts'
import { createSpill } from '../../src/store/spill.ts'
import type { SqliteStore } from '../../src/store/sqlite.ts'
import { sampleDraft, sampleState } from '../contracts/store.ts'

const rollback = { id: 'r1', units: '*', restored: [], trigger: 'operator', by: 'ada', at: 1, reason: null } as const
const [, , mode = '', path = '', from = ''] = process.argv
const source = from === '' ? new URL('../../src/store/sqlite.ts', import.meta.url) : pathToFileURL(from)
const { openSqliteStore } = (await import(source.href)) as typeof import('../../src/store/sqlite.ts')

const modes: Readonly<Record<string, () => Promise<void>>> = {
  /** Opens and stays. */
  async hold() {
    if ((await openOrSay()) !== null) setInterval(() => {}, 1_000_000)
  },
  /** Opens and goes without a word: an idle store must not keep the process. */
  async idle() {
    await openOrSay()
  },
  /** One commit, a proper end. */
  async once() {
    const store = await openOrSay()
    if (store === null) return
    say('acknowledged', (await commit(store, 1)).revision)
    await store.close()
  },
  /** A commit that nobody waits for, and no close. */
  async forget() {
    const store = await openOrSay()
    if (store !== null) commit(store, 1).then(entry => say('acknowledged', entry.revision))
  },
  /** Commits one after the other until killed. */
  async loop() {
    const store = await openOrSay()
    if (store === null) return
    for (let revision = await nextRevision(store); ; revision++)
      say('acknowledged', (await commit(store, revision)).revision)
  },
  /** Commits without waiting, so that many share a transaction, until killed. */
  async flood() {
    const store = await openOrSay()
    if (store === null) return
    let revision = await nextRevision(store)
    const one = async () => {
      for (;;) say('acknowledged', (await commit(store, revision++)).revision)
    }
    await Promise.all(Array.from({ length: 20 }, one))
  },
  /** Twenty commits on a disk that fails: each failure is said and answered with a higher revision. */
  async faulty() {
    let store: SqliteStore | null = null
    for (let attempt = 0; store === null && attempt < 5; attempt++) store = await openOrSay()
    if (store === null) return
    for (let revision = 1; revision <= 20; revision++) {
      try {
        say('acknowledged', (await commitOn(store, revision)).revision)
      } catch (error) {
        say('refused', (error as BanyanError).code, revision)
      }
    }
    await store.close()
    say('done')
  },
  /** Thirty records again and again, each time all of them the same, until killed. */
  async keep() {
    const store = await openOrSay()
    if (store === null) return
    for (let round = Number((await store.kept())[0]?.[1] ?? 0) + 1; ; round++) {
      await keep(store, round)
      say('kept', round)
    }
  },
  /** As `faulty`, with records kept before every commit. */
  async mixed() {
    const store = await openOrSay()
    if (store === null) return
    for (let revision = 1; revision <= 20; revision++) {
      await keep(store, revision).catch(error => say('not kept', error.code))
      await commitOn(store, revision).then(
        () => say('acknowledged', revision),
        error => say('refused', error.code, revision),
      )
    }
    await store.close()
    say('done')
  },
  /** On a small disk of its own: full, then not. */
  async full() {
    const store = await openOrSay()
    if (store === null) return
    const directory = dirname(path)
    const filler = join(directory, 'filler')
    const [prepared, unprepared] = ['prepared', 'unprepared'].map(name => createSpill({ path: join(directory, name) }))
    await commit(store, 1)
    await prepared!.reserve()
    fill(directory, filler)
    for (let revision = 2; revision < 4; revision++)
      await commitOn(store, revision, 'x'.repeat(300_000)).catch(error =>
        say('refused', error.code, error.hint !== null),
      )
    say('stored', (await store.load())?.revision)
    await unprepared!.append(rollback, sampleDraft(2)).catch(error => say('not spilled', error.code))
    await prepared!.append(rollback, sampleDraft(2))
    say('spilled', (await prepared!.read()).length)
    rmSync(filler)
    say('acknowledged', (await commitOn(store, 4, 'x'.repeat(300_000))).seq)
    say('verified', await store.verifyAudit())
    await store.close()
  },
}

await modes[mode]!()

async function openOrSay(): Promise<SqliteStore | null> {
  try {
    const store = await openSqliteStore({ path })
    say('open')
    return store
  } catch (error) {
    const { code, message, hint } = error as BanyanError
    say('refused', code, message, hint)
    return null
  }
}

async function nextRevision(store: SqliteStore): Promise<number> {
  return ((await store.load())?.revision ?? 0) + 1
}

function commit(store: SqliteStore, revision: number, { seed = 'seed', after = revision - 1 } = {}) {
  return store.commit({ ...sampleState(revision), seed }, sampleDraft(revision), { after })
}

/** After whatever is stored: a commit before it may have failed, or have been saved all the same. */
async function commitOn(store: SqliteStore, revision: number, seed = 'seed') {
  return commit(store, revision, { seed, after: (await store.load())?.revision ?? 0 })
}

function keep(store: SqliteStore, round: number): Promise<void> {
  return store.keep({ put: Array.from({ length: 30 }, (_, n) => [`key-${n}`, `${round}`]), remove: [] })
}

function fill(directory: string, filler: string): void {
  for (let size = statfsSync(directory).bsize * 64; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

function say(...words: readonly unknown[]): void {
  writeSync(1, `${JSON.stringify(words)}\n`)
}
