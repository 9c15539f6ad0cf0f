// The load generator, a process of its own: raw sockets, requests made in advance, and nothing done but counting answers.
import { connect, type Socket } from 'node:net'
import { AnswerReader, createTally, type Tally } from './answers.ts'
import { answerParent } from './children.ts'
import { between, readCores } from './core-use.ts'
import type { LoadRequest, Round } from './load.ts'

/** Connections that broke are opened again, but not for ever. */
const MOST_RECONNECTS = 1_000
const BUFFER_BYTES = 16 * 1024

interface Stop {
  now: boolean
}

/** Ends the measuring of the load that runs before its time. */
let cutShort = () => {}

answerParent((question: LoadRequest | 'stop') => {
  if (question !== 'stop') return run(question)
  cutShort()
})

async function run(request: LoadRequest): Promise<Round> {
  const requests = request.requests.map(text => Buffer.from(text, 'latin1'))
  const tally = createTally()
  const stop: Stop = { now: false }
  const lines = Array.from({ length: request.connections }, (_, i) => {
    // Each connection begins elsewhere in the list, so that users arrive mixed.
    const first = Math.floor((i * requests.length) / request.connections)
    return new Line(request, requests, first, tally, stop)
  })
  await sleep(request.warmupMs)
  const before = reading(request, tally)
  await Promise.race([
    sleep(request.measureMs),
    new Promise<void>(resolve => {
      cutShort = resolve
    }),
  ])
  const after = reading(request, tally)
  stop.now = true
  for (const line of lines) line.end()
  return {
    ...between(before.cores, after.cores),
    done: after.done - before.done,
    byNew: after.byNew - before.byNew,
    // From the first byte on: a wrong answer while warming up is as wrong.
    wrong: tally.wrong,
    firstWrong: tally.firstWrong,
  }
}

function reading({ pids }: LoadRequest, tally: Tally) {
  return { done: tally.done, byNew: tally.byNew, cores: readCores(pids) }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** One keep-alive connection that always has one request on its way. */
class Line {
  readonly #request: LoadRequest
  readonly #requests: readonly Buffer[]
  readonly #tally: Tally
  readonly #stop: Stop
  #next: number
  #socket: Socket

  constructor(request: LoadRequest, requests: readonly Buffer[], first: number, tally: Tally, stop: Stop) {
    this.#request = request
    this.#requests = requests
    this.#next = first
    this.#tally = tally
    this.#stop = stop
    this.#socket = this.#open()
  }

  end(): void {
    this.#socket.destroy()
  }

  #open(): Socket {
    const reader = new AnswerReader(this.#tally, this.#request.length)
    // One buffer a connection, used again and again: no allocation for each answer.
    const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
    const socket = connect({
      port: this.#request.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer,
        callback: size => {
          const complete = reader.take(buffer, size)
          if (complete < 0) socket.destroy()
          else if (complete > 0 && !this.#stop.now) this.#send(socket)
          return true
        },
      },
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.#broken())
    socket.once('connect', () => this.#send(socket))
    return socket
  }

  #send(socket: Socket): void {
    const next = this.#next
    this.#next = next + 1 === this.#requests.length ? 0 : next + 1
    socket.write(this.#requests[next] as Buffer)
  }

  #broken(): void {
    if (this.#stop.now) return
    this.#tally.wrong++
    this.#tally.firstWrong ??= 'a connection was closed'
    if (this.#tally.wrong < MOST_RECONNECTS) this.#socket = this.#open()
  }
}
