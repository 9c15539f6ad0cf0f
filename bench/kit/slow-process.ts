// Slow clients: some drip a head that never ends, some read a large answer in small sips. What is cut is opened again and counted.
import { connect, type Socket } from 'node:net'
import { answerParent } from './children.ts'
import { MIB } from './figures.ts'
import { requestOf } from './load.ts'

export type Kind = 'drip' | 'reader'

/** So many more of them. */
export interface SlowRequest {
  readonly port: number
  readonly kind: Kind
  readonly count: number
}

export interface SlowClients {
  /** Heads under way, not refused. */
  readonly dripping: number
  /** Answers begun, not cut. */
  readonly reading: number
  /** Connections that the other end gave up, since the beginning. */
  readonly cut: number
}

/** A byte of the head, or a sip of the answer. */
const EVERY_MS = 200
const SIP_BYTES = 4 * 1024
/** Their bytes come spread, as those of many people do. */
const GROUPS = 8
/**
 * More than the 4 MiB that Linux buffers for a sender on loopback, so that the proxy feels how slow the reader is. Not much more:
 * with 300 of them this is what the kernel holds, or a proxy that does not wait for its reader.
 */
const ANSWER_BYTES = 6 * MIB
const MOST_OPEN_MS = 20_000
/** For when nobody ends them. */
const MOST_LIFE_MS = 2 * 60_000

let clients: readonly SlowClient[] = []
let cut = 0
let ticking: NodeJS.Timeout | null = null
let group = 0
let endsAt = Number.POSITIVE_INFINITY

answerParent((question: SlowRequest | 'look' | 'end') => {
  if (question === 'look') return look()
  return question === 'end' ? end() : begin(question)
})

/** Answers when all of them are where they should be, or do not come there in time. */
async function begin({ port, kind, count }: SlowRequest): Promise<SlowClients> {
  const more = Array.from({ length: count }, (_, i) => new SlowClient(kind, port, i))
  clients = [...clients, ...more]
  ticking ??= setInterval(tick, EVERY_MS / GROUPS)
  const deadline = performance.now() + MOST_OPEN_MS
  while (more.some(client => !client.holds()) && performance.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, EVERY_MS / GROUPS))
  }
  endsAt = performance.now() + MOST_LIFE_MS
  return look()
}

function tick(): void {
  if (performance.now() > endsAt) {
    end()
    return
  }
  group = (group + 1) % GROUPS
  for (const [i, client] of clients.entries()) if (i % GROUPS === group && !client.goesOn()) cut++
}

function look(): SlowClients {
  const holding = (kind: Kind) => clients.filter(client => client.kind === kind && client.holds()).length
  return { dripping: holding('drip'), reading: holding('reader'), cut }
}

function end(): void {
  if (ticking !== null) clearInterval(ticking)
  ticking = null
  for (const client of clients) client.end()
  clients = []
  cut = 0
}

class SlowClient {
  readonly kind: Kind
  readonly #port: number
  readonly #request: string
  #socket: Socket
  /** Of the answer. What a drip gets is a refusal. */
  #gotBytes = 0

  constructor(kind: Kind, port: number, user: number) {
    this.kind = kind
    this.#port = port
    // The head of a drip lacks its empty line, and has a field without an end.
    const drip = `${requestOf('/bytes/sized/200', user).slice(0, -2)}X-Slow: `
    this.#request = kind === 'drip' ? drip : requestOf(`/bytes/sized/${ANSWER_BYTES}`, user)
    this.#socket = this.#open()
  }

  /** It is served, as slowly as it is. */
  holds(): boolean {
    if (this.#socket.destroyed || this.#socket.connecting) return false
    return this.kind === 'drip' ? this.#gotBytes === 0 : this.#gotBytes > 0
  }

  /** A little more; false: it had been given up, and begins again. */
  goesOn(): boolean {
    const refused = this.kind === 'drip' && this.#gotBytes > 0
    if (refused || this.#socket.destroyed) {
      this.#socket.destroy()
      this.#socket = this.#open()
      return false
    }
    if (this.kind === 'drip') this.#socket.write('x')
    else this.#socket.resume()
    return true
  }

  end(): void {
    this.#socket.destroy()
  }

  #open(): Socket {
    this.#gotBytes = 0
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(SIP_BYTES),
        // false ends the reading until it goes on; what is not read stays with the sender.
        callback: size => {
          if (this.#socket === socket) this.#gotBytes += size
          return false
        },
      },
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.write(this.#request)
    return socket
  }
}
