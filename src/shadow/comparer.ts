// Hands pairs of answers to a thread of their own and brings back what was found. What one turn of the event loop brings goes
// over in one message; so many may wait, and no more.
//
// Should the thread die, what it had in hand is `undecided`, and the next pair gets a new thread: an answer that kills the
// comparer must not be able to stop comparing, or anything else.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Job } from '../compare/examine.ts'
import type { AnswerCopy, ComparePolicy, Finding } from '../model/comparison.ts'

/** For trees of two bodies at `maxBody`, with room to spare. */
const THREAD_HEAP_MIB = 512
/** One message; larger ones would hold up the first of them. */
const MOST_AT_ONCE = 64

/** Findings are booked where clients are served: no more of them in one turn. */
const MOST_PLACES_A_TURN = 100

/** A body is a part of the bytes that come with the message. */
export interface Packed {
  readonly status: number
  readonly headers: readonly string[]
  readonly length: number
  readonly complete: boolean
  readonly blocks: readonly string[] | null
  readonly from: number
  readonly size: number
}

export type PackedJob = Omit<Job, 'policy' | 'legacy' | 'new'> & {
  readonly policy: number
  readonly legacy: Packed
  readonly new: Packed
}

export interface Batch {
  /** Policies that the thread has not seen, by number. */
  readonly policies: readonly (readonly [number, ComparePolicy])[]
  /** `PackedJob[]` as JSON: cheaper to hand over than objects. */
  readonly jobs: string
  readonly bytes: ArrayBuffer
}

/** In the order of the jobs, as JSON. */
export type BatchFound = string

export interface Comparer {
  /** null: too many wait already. */
  compare(job: Job): Promise<Finding> | null
  readonly waiting: number
  close(): Promise<void>
}

export interface ComparerOptions {
  /** Most pairs that may wait. */
  readonly most: () => number
  readonly broken: (why: string) => void
  /** Instead of our own thread: for tests of what becomes of one that fails. */
  readonly thread?: URL
}

const THREAD = new URL(`./compare-thread${extname(import.meta.url)}`, import.meta.url)

interface Waiting {
  readonly job: Job
  readonly resolve: (finding: Finding) => void
}

export function createComparer({ most, broken, thread = THREAD }: ComparerOptions): Comparer {
  let worker: Worker | null = null
  let known = new WeakMap<ComparePolicy, number>()
  let nextPolicy = 0
  let waiting: Waiting[] = []
  let underWay: readonly Waiting[] = []
  let isScheduled = false
  let isClosed = false

  function compare(job: Job): Promise<Finding> | null {
    if (isClosed || waiting.length + underWay.length >= most()) return null
    return new Promise(resolve => {
      waiting.push({ job, resolve })
      if (isScheduled || underWay.length > 0) return
      isScheduled = true
      setImmediate(pump)
    })
  }

  function pump(): void {
    isScheduled = false
    if (underWay.length > 0 || waiting.length === 0 || isClosed) return
    underWay = waiting.slice(0, MOST_AT_ONCE)
    waiting = waiting.slice(MOST_AT_ONCE)
    try {
      worker ??= start()
      const batch = pack(underWay.map(one => one.job))
      worker.postMessage(batch, [batch.bytes])
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error))
    }
  }

  function start(): Worker {
    known = new WeakMap()
    const started = new Worker(thread, {
      name: 'banyan-compare',
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
    })
    started.unref()
    let why = 'it ended without an error'
    started.on('message', found)
    started.on('error', error => {
      why = error.message
    })
    started.on('exit', () => {
      if (worker === started) worker = null
      if (!isClosed) failed(why)
    })
    return started
  }

  function found(text: BatchFound): void {
    const findings = JSON.parse(text) as readonly Finding[]
    const done = underWay
    underWay = []
    const turn = (from: number) => {
      let places = 0
      let i = from
      for (; i < done.length && places < MOST_PLACES_A_TURN; i++) {
        const finding = findings[i] ?? undecided('the comparer lost it')
        places += finding.places.length
        done[i]?.resolve(finding)
      }
      if (i < done.length) setImmediate(turn, i)
    }
    turn(0)
    pump()
  }

  function failed(why: string): void {
    broken(why)
    const lost = underWay
    underWay = []
    for (const { resolve } of lost) resolve(undecided(`the comparer’s thread ended: ${why}`))
    pump()
  }

  function pack(jobs: readonly Job[]): Batch {
    const policies: [number, ComparePolicy][] = []
    let size = 0
    for (const { legacy, new: fresh } of jobs) size += legacy.body.start.length + fresh.body.start.length
    const bytes = new Uint8Array(size)
    let at = 0
    const packed = ({ status, headers, body }: AnswerCopy): Packed => {
      const { length, complete, start, blocks } = body
      bytes.set(start, at)
      at += start.length
      return { status, headers, length, complete, blocks, from: at - start.length, size: start.length }
    }
    const texts = jobs.map(({ policy, legacy, new: fresh, ...rest }): PackedJob => {
      let number = known.get(policy)
      if (number === undefined) {
        number = nextPolicy++
        known.set(policy, number)
        policies.push([number, policy])
      }
      return { ...rest, policy: number, legacy: packed(legacy), new: packed(fresh) }
    })
    return { policies, jobs: JSON.stringify(texts), bytes: bytes.buffer }
  }

  return {
    compare,
    get waiting() {
      return waiting.length + underWay.length
    },
    async close() {
      isClosed = true
      await worker?.terminate()
      for (const { resolve } of [...underWay, ...waiting]) resolve(undecided('the proxy ended'))
    },
  }
}

export function undecided(why: string): Finding {
  return { result: 'undecided', why, places: [], suppressed: [], exemplar: null }
}
