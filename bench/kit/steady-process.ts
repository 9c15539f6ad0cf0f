// A normal client: asks at a steady rate, whatever became of what it asked before, and tells how long the answers took.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { AnswerReader, createTally, type Tally } from './answers.ts'
import { answerParent } from './children.ts'
import { between, type Pids, readCores } from './core-use.ts'
import { percentile } from './figures.ts'
import { requestOf } from './load.ts'
import type { Timed } from './turns.ts'

export interface SteadyRequest {
  readonly port: number
  readonly perSecond: number
  /** Asked for so long before: a proxy that was idle has to find its pace. What fails then counts. */
  readonly warmupMs: number
  readonly measureMs: number
  readonly pids: Pids
}

export interface Steady extends Timed {
  readonly asked: number
  /** Not answered in time, or answered otherwise than expected. */
  readonly failed: number
  readonly firstFailed: string | null
  /** Waiting for a free connection counts; what failed counts as long as was waited for it. */
  readonly p50Ms: number
  readonly p99Ms: number
}

const LINES = 16
const ANSWER_BYTES = 200
/** Who waits longer has not been served. */
const MOST_WAIT_MS = 5_000
const REQUEST = requestOf(`/bytes/sized/${ANSWER_BYTES}`, 42)

answerParent(async ({ port, perSecond, warmupMs, measureMs, pids }: SteadyRequest): Promise<Steady> => {
  const tally = createTally()
  const lines: Line[] = []
  for (let i = 0; i < LINES; i++) lines.push(await Line.open(port, tally))
  const wholeMs = warmupMs + measureMs
  const total = Math.round((perSecond * wholeMs) / 1000)
  let before = readCores(pids)
  let isWarm = false
  const from = performance.now()
  /** When those that wait for a free connection began to. */
  const waiting: number[] = []
  let asked = 0
  let next = 0
  for (;;) {
    const now = performance.now()
    if (!isWarm && now >= from + warmupMs) {
      isWarm = true
      before = readCores(pids)
      for (const line of lines) line.forget()
    }
    const idle = waiting.length === 0 && !lines.some(line => line.isBusy())
    if ((idle && now > from + wholeMs) || now > from + wholeMs + MOST_WAIT_MS) break
    if (lines.every(line => line.isBroken())) break
    for (; asked < total && from + (asked * 1000) / perSecond <= now; asked++) waiting.push(now)
    // In turn: one that is never used would be closed for it.
    for (let i = 0; i < LINES && waiting.length > 0; i++) {
      const line = lines[next++ % LINES] as Line
      if (line.isFree()) line.ask(waiting.shift() as number)
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const used = between(before, readCores(pids))
  for (const line of lines) line.end()
  const served = lines.flatMap(line => line.tookMs).filter(ms => ms <= MOST_WAIT_MS)
  const failed = asked - served.length - lines.reduce((sum, { forgotten }) => sum + forgotten, 0)
  const took = [...served, ...Array<number>(failed).fill(MOST_WAIT_MS)]
  return {
    ...used,
    asked,
    failed,
    firstFailed: failed > 0 ? (tally.firstWrong ?? `no answer within ${MOST_WAIT_MS} ms`) : null,
    p50Ms: percentile(took, 0.5),
    p99Ms: percentile(took, 0.99),
  }
})

/** One kept-alive connection. When it breaks, what it had asked has failed, and the others ask on. */
class Line {
  tookMs: number[] = []
  /** Answers of the warm-up. */
  forgotten = 0
  readonly #socket: Socket
  #since: number | null = null
  #broken = false

  static async open(port: number, tally: Tally): Promise<Line> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Line(socket, tally)
  }

  private constructor(socket: Socket, tally: Tally) {
    this.#socket = socket
    const reader = new AnswerReader(tally, ANSWER_BYTES)
    socket.on('error', error => {
      tally.firstWrong ??= error.message
    })
    socket.on('data', (bytes: Buffer) => {
      const complete = reader.take(bytes, bytes.length)
      if (complete < 0) socket.destroy()
      if (complete <= 0 || this.#since === null) return
      this.tookMs.push(performance.now() - this.#since)
      this.#since = null
    })
    socket.on('close', () => {
      this.#broken = true
      tally.firstWrong ??= 'a connection was closed'
    })
  }

  forget(): void {
    this.forgotten = this.tookMs.filter(ms => ms <= MOST_WAIT_MS).length
    this.tookMs = []
  }

  isBusy(): boolean {
    return this.#since !== null && !this.#broken
  }

  isFree(): boolean {
    return this.#since === null && !this.#broken
  }

  isBroken(): boolean {
    return this.#broken
  }

  /** `since`: when it was to be asked. */
  ask(since: number): void {
    this.#since = since
    this.#socket.write(REQUEST)
  }

  end(): void {
    this.#socket.destroy()
  }
}
