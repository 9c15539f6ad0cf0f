// Spans on their way to a collector: a bounded queue, batches one after another, a few tries each. A collector that is slow,
// dead or foul costs spans, which are counted, and nothing else: no request waits here, and no more memory is taken than this.
import type { SpanResult } from '../model/trace.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import type { Post, Posted } from './post.ts'

/** Of all spans that wait, about 5,000 of them; what comes on top is dropped. */
const MOST_CHARACTERS = 4 * 1024 * 1024
const MOST_IN_BATCH = 512
const EVERY_MS: Milliseconds = 2_000
const TIMEOUT_MS: Milliseconds = 10_000
/** Of one batch. */
const MOST_TRIES = 5
const FIRST_PAUSE_MS: Milliseconds = 1_000
const LONGEST_PAUSE_MS: Milliseconds = 30_000
/** A collector that comes and goes does not fill the log. */
const WARN_EVERY_MS: Milliseconds = 60_000

export interface ExporterParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /** 0 ≤ … < 1. */
  readonly random: () => number
  readonly post: Post
  /** The body of one export. */
  readonly bodyOf: (spans: readonly string[]) => string
  readonly counted: (result: SpanResult, times: number) => void
  readonly log: (level: 'info' | 'warn', message: string, details?: Record<string, unknown>) => void
}

export class Exporter {
  readonly #parts: ExporterParts
  readonly #timer: NodeJS.Timeout
  #waiting: string[] = []
  #characters = 0
  /** Settles when nothing is under way; null: nothing is. */
  #sending: Promise<void> | null = null
  #isClosing = false
  /** Ends a pause between two tries. */
  #wake: (() => void) | null = null
  #isFailing = false
  #warnedAt: Milliseconds | null = null
  /** Of the failure that is now. */
  #isWarned = false

  constructor(parts: ExporterParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#send(), EVERY_MS)
    this.#timer.unref()
  }

  add(span: string): void {
    if (this.#isClosing || this.#characters + span.length > MOST_CHARACTERS) {
      this.#parts.counted('dropped', 1)
      return
    }
    this.#waiting.push(span)
    this.#characters += span.length
    if (this.#waiting.length >= MOST_IN_BATCH) this.#send()
  }

  /** One try for what is left; what has not gone by then is dropped. */
  async close(deadlineMs: Milliseconds): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#timer)
    this.#wake?.()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, deadlineMs)
    })
    await Promise.race([this.#sendAll(), late])
    clearTimeout(timer)
    if (this.#waiting.length > 0) this.#parts.counted('dropped', this.#waiting.length)
    this.#waiting = []
    this.#characters = 0
  }

  #send(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return
    this.#sending = this.#sendBatches().finally(() => {
      this.#sending = null
    })
  }

  async #sendAll(): Promise<void> {
    await this.#sending
    this.#send()
    await this.#sending
  }

  /** The last one may be small only if the timer, or the end, has asked for it. */
  async #sendBatches(): Promise<void> {
    do {
      const batch = this.#waiting.splice(0, MOST_IN_BATCH)
      for (const span of batch) this.#characters -= span.length
      await this.#deliver(batch)
    } while (this.#waiting.length >= (this.#isClosing ? 1 : MOST_IN_BATCH))
  }

  async #deliver(batch: readonly string[]): Promise<void> {
    const { post, bodyOf, counted } = this.#parts
    const body = Buffer.from(bodyOf(batch))
    for (let tries = 1; ; tries++) {
      const posted = await post(body, TIMEOUT_MS)
      if (posted.kind === 'taken') {
        const rejected = Math.min(posted.rejected, batch.length)
        counted('exported', batch.length - rejected)
        if (rejected > 0) counted('failed', rejected)
        this.#works()
        return
      }
      this.#fails(posted.why)
      if (!posted.mayTryAgain || tries >= MOST_TRIES || this.#isClosing) {
        counted('failed', batch.length)
        return
      }
      await this.#pause(tries, posted)
    }
  }

  /** Twice as long each time, and not all replicas at once; at least as long as the collector wants. */
  #pause(tries: number, { afterMs }: Extract<Posted, { kind: 'refused' }>): Promise<void> {
    const spread = 0.75 + this.#parts.random() / 2
    const ms = Math.max(FIRST_PAUSE_MS * 2 ** (tries - 1) * spread, afterMs ?? 0)
    return new Promise(resolve => {
      const over = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
      const timer = setTimeout(over, Math.min(ms, LONGEST_PAUSE_MS))
      timer.unref()
      this.#wake = over
    })
  }

  #works(): void {
    // Said once for each warning: a collector that comes and goes does not fill the log.
    if (this.#isFailing && this.#isWarned) this.#parts.log('info', 'traces: the collector takes spans again')
    this.#isFailing = false
    this.#isWarned = false
  }

  #fails(why: string): void {
    const now = this.#parts.clock.monotonic()
    const isNews = !this.#isFailing && (this.#warnedAt === null || now - this.#warnedAt >= WARN_EVERY_MS)
    this.#isFailing = true
    if (!isNews) return
    this.#warnedAt = now
    this.#isWarned = true
    this.#parts.log('warn', 'traces: the collector does not take spans; requests are served as ever', { why })
  }
}
