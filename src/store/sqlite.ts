// The store in one SQLite file: hands the work to a thread of its own, so that no fsync ever holds up a request.
//
// One batch is under way at a time. What is asked meanwhile waits and goes together as the next batch, in the order it was
// asked; the thread saves the commits of a batch in one transaction (group commit). Kept records stand in a line of their own,
// from which one piece at a time goes when nothing else waits. Should the thread die, what it had in hand is rejected and the
// next batch gets a new thread.
import { extname, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import { type ChainHead, EMPTY_CHAIN } from './audit-chain.ts'
import { piecesOf } from './kept-pieces.ts'
import { storeClosed } from './refusals.ts'
import type { Answers, Fault, KeptSlice, Reply, Request, SqliteSettings, ThreadOptions } from './sqlite-protocol.ts'
import type { AuditCheck, CommitOptions, Fence, KeptChanges, KeptRecord, Store } from './store.ts'

export interface SqliteOptions {
  /** The file. It and its directory are made when missing, readable for this user only. */
  readonly path: string
  /** Bound of the file in pages of 4096 bytes; none by default. For tests of a full disk. */
  readonly maxPages?: number
}

export interface SqliteStore extends Store {
  readonly kind: 'sqlite'
  /** How the open connection is really set, for the doctor. */
  settings(): Promise<SqliteSettings>
}

/** How many entries one slice of `verifyAudit` walks while commits wait: some 20 ms. */
const VERIFY_SLICE = 1000
/** Bounds what one transaction, and one message between threads, may hold. */
const MAX_BATCH = 128

/**
 * Opens the store and holds its file against other processes until `close` or the end of this one. An open store does not
 * keep the process alive; a request under way does. `close` waits for everything that was asked before it.
 *
 * @throws BanyanError, here and from every method: `store_in_use`, `store_too_new`, `store_unreadable` (no database,
 * damaged, another program's), `store_unwritable`, `store_full`, `store_io`, `store_moved` (file removed while in use),
 * `store_conflict`, `lease_lost`, `store_closed`, `store_failed`. A store that failed may be asked again: the file is then opened anew.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SqliteStore> {
  const path = resolve(options.path)
  const thread = createThread({ path, maxPages: options.maxPages ?? null })

  async function load(): Promise<ControlState | null> {
    const text = await thread.ask({ op: 'load' })
    return text === null ? null : (parse(text, path) as ControlState)
  }

  async function commit(state: ControlState, draft: AuditDraft, { after, fence }: CommitOptions) {
    const texts = { state: JSON.stringify(state), draft: JSON.stringify(draft) }
    const asked = { op: 'commit', revision: state.revision, after, fence: fence ?? null, ...texts } as const
    return parse(await thread.ask(asked), path) as AuditEntry
  }

  async function audit(page: { readonly limit: number; readonly before: number | null }) {
    const texts = await thread.ask({ op: 'audit', limit: page.limit, before: page.before })
    return texts.map(text => parse(text, path) as AuditEntry)
  }

  async function verifyAudit(): Promise<AuditCheck> {
    let after: ChainHead = EMPTY_CHAIN
    for (;;) {
      const { entries, brokenAt, next } = await thread.ask({ op: 'verify', after, limit: VERIFY_SLICE })
      if (next === null) return { ok: brokenAt === null, entries, brokenAt }
      after = next
    }
  }

  async function keep(changes: KeptChanges, fence: Fence | null = null): Promise<void> {
    await Promise.all(piecesOf(changes).map(piece => thread.ask({ op: 'keep', fence, ...piece })))
  }

  async function kept(): Promise<readonly KeptRecord[]> {
    const all: KeptRecord[] = []
    for (let after: number | null = 0; after !== null; ) {
      const { records, next }: KeptSlice = await thread.ask({ op: 'kept', after })
      for (const record of records) all.push(record)
      after = next
    }
    return all
  }

  const lease = (name: string, holder: string, forMs: Milliseconds) => thread.ask({ op: 'lease', name, holder, forMs })

  async function release(name: string, holder: string): Promise<void> {
    await thread.ask({ op: 'release', name, holder })
  }

  async function keptByOthers() {
    if (thread.isClosed()) throw storeClosed()
    return []
  }

  try {
    await thread.ask({ op: 'open' })
  } catch (error) {
    await thread.close()
    throw error
  }
  const settings = () => thread.ask({ op: 'settings' })
  const schema = async () => {
    const { schemaVersion, knownSchema } = await settings()
    return { stored: schemaVersion, known: knownSchema }
  }
  return {
    kind: 'sqlite',
    shared: null,
    ...{
      load,
      commit,
      audit,
      verifyAudit,
      keep,
      kept,
      keptByOthers,
      lease,
      release,
      schema,
      settings,
      close: thread.close,
    },
  }
}

interface Job {
  readonly request: Request
  resolve(value: unknown): void
  reject(error: BanyanError): void
}

/** Goes when nothing else waits; `close` is the last of all. */
const LEISURELY: ReadonlySet<Request['op']> = new Set<Request['op']>(['keep', 'kept', 'close'])

function createThread(options: ThreadOptions) {
  let worker: Worker | null = null
  const waiting: Job[] = []
  const leisurely: Job[] = []
  let underWay: readonly Job[] = []
  let closing: Promise<void> | null = null

  function ask<R extends Request>(request: R): Promise<Answers[R['op']]> {
    return closing === null ? enqueue(request) : Promise.reject(storeClosed())
  }

  function close(): Promise<void> {
    closing ??= stop()
    return closing
  }

  async function stop(): Promise<void> {
    if (worker === null && isIdle()) return
    // A thread that dies instead of closing has nothing left to save either.
    await enqueue({ op: 'close' }).catch(() => null)
    await worker?.terminate()
  }

  function enqueue<R extends Request>(request: R): Promise<Answers[R['op']]> {
    return new Promise((resolve, reject) => {
      const line = LEISURELY.has(request.op) ? leisurely : waiting
      line.push({ request, resolve: value => resolve(value as Answers[R['op']]), reject })
      pump()
    })
  }

  function pump(): void {
    if (underWay.length > 0 || isIdle()) return
    underWay = waiting.length > 0 ? waiting.splice(0, MAX_BATCH) : leisurely.splice(0, 1)
    try {
      worker ??= start()
      worker.ref()
      worker.postMessage(underWay.map(job => job.request))
    } catch (error) {
      // No thread to be had, say: the system's limit is reached.
      fail(error)
    }
  }

  function start(): Worker {
    const started = new Worker(threadFile(), {
      name: 'banyan-store',
      workerData: options,
      // Also keeps the process's own flags away from the thread; it needs none of them.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    let cause: unknown = null
    started.on('message', finish)
    started.on('error', error => {
      cause = error
    })
    started.on('exit', () => {
      worker = null
      fail(cause)
    })
    return started
  }

  function finish(replies: readonly Reply[]): void {
    const done = takeUnderWay()
    replies.forEach((reply, at) => {
      const job = done[at]!
      if (reply.ok) job.resolve(reply.value)
      else job.reject(revive(reply.fault))
    })
    if (isIdle()) worker?.unref()
    pump()
  }

  function fail(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : 'it ended without an error'
    for (const job of takeUnderWay())
      job.reject(
        new BanyanError('store_failed', `The thread of the store ${options.path} ended (${why}).`, {
          hint: 'What was being saved may or may not be there. The next change starts a new thread.',
          details: { path: options.path },
          cause,
        }),
      )
    pump()
  }

  function isIdle(): boolean {
    return waiting.length === 0 && leisurely.length === 0
  }

  function takeUnderWay(): readonly Job[] {
    const taken = underWay
    underWay = []
    return taken
  }

  return { ask, close, isClosed: () => closing !== null }
}

/** From sources the thread is a `.ts` file, built it is a `.js` file: whatever this file is. */
function threadFile(): URL {
  return new URL(`./sqlite-thread${extname(import.meta.url)}`, import.meta.url)
}

function revive({ code, message, hint, details }: Fault): BanyanError {
  return new BanyanError(code, message, { ...(hint === null ? {} : { hint }), details })
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BanyanError('store_unreadable', `The store ${path} holds a record that is no JSON.`, {
      hint: 'Somebody changed it by hand: put a backup in its place.',
      details: { path },
      cause,
    })
  }
}
