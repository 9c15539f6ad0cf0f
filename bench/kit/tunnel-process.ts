// Holds WebSockets open and says nothing on them; asked, it sends a frame through each and looks whether it comes back.
import { connect, type Socket } from 'node:net'
import { answerParent } from './children.ts'
import { MessageReader } from './messages.ts'
import { acceptOf, frameOf, handshakeOf, keyOf } from './websocket.ts'

/** Opens so many more, and answers when all of them are open. */
export interface OpenRequest {
  readonly port: number
  readonly count: number
}

/** How many did not echo what they were sent, and what the first of them did. */
export interface Echoed {
  readonly wrong: number
  readonly firstWrong: string | null
}

/** Handshakes at the same time. */
const AT_ONCE = 50
const MOST_HANDSHAKE_MS = 20_000
const MOST_ECHO_MS = 20_000

const tunnels: Tunnel[] = []
let rounds = 0

answerParent((question: OpenRequest | 'echo' | 'close') => {
  if (question === 'echo') return echoAll()
  if (question !== 'close') return open(question)
  for (const tunnel of tunnels.splice(0)) tunnel.close()
})

async function open({ port, count }: OpenRequest): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, left) }, (_, i) => new Tunnel(port, tunnels.length + i))
    tunnels.push(...batch)
    await Promise.all(batch.map(tunnel => tunnel.opened))
  }
}

async function echoAll(): Promise<Echoed> {
  rounds++
  const complaints: (string | null)[] = []
  for (let at = 0; at < tunnels.length; at += AT_ONCE) {
    const batch = tunnels.slice(at, at + AT_ONCE).map((tunnel, i) => tunnel.echo(`${at + i} of round ${rounds}`))
    complaints.push(...(await Promise.all(batch)))
  }
  const wrong = complaints.filter(one => one !== null)
  return { wrong: wrong.length, firstWrong: wrong[0] ?? null }
}

class Tunnel {
  readonly opened: Promise<void>
  readonly #socket: Socket
  #closed = false
  /** What has come since the handshake. */
  #got = Buffer.alloc(0)
  #changed: () => void = () => {}

  constructor(port: number, i: number) {
    const key = keyOf(i)
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#closed = true
      this.#changed()
    })
    this.#socket.write(handshakeOf('/live', i % 1000, key))
    this.opened = this.#handshake(key)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Sends a text and waits for it. Returns what was wrong. */
  async echo(text: string): Promise<string | null> {
    const frame = frameOf(text)
    this.#got = Buffer.alloc(0)
    this.#socket.write(frame)
    await this.#until(() => this.#got.length >= frame.length, MOST_ECHO_MS)
    if (this.#got.equals(frame)) return null
    return `${this.#closed ? 'closed' : 'open'}, and instead of ${JSON.stringify(text)} came ${JSON.stringify(this.#got.toString('latin1'))}`
  }

  async #handshake(key: string): Promise<void> {
    let head = ''
    const reader = new MessageReader({
      head(text) {
        head = text
        reader.stop()
      },
      body() {},
      end() {},
    })
    this.#socket.on('data', (bytes: Buffer) => {
      const taken = head === '' ? reader.take(bytes) : 0
      this.#got = Buffer.concat([this.#got, bytes.subarray(taken)])
      this.#changed()
    })
    await this.#until(() => head !== '', MOST_HANDSHAKE_MS)
    if (head.startsWith('HTTP/1.1 101') && head.includes(acceptOf(key))) return
    throw new Error(head === '' ? 'a handshake was not answered' : `a handshake was answered:\n${head}`)
  }

  /** Until it is so, the socket is closed, or the time is over. */
  #until(isSo: () => boolean, mostMs: number): Promise<void> {
    return new Promise(resolve => {
      const over = () => {
        clearTimeout(timer)
        this.#changed = () => {}
        resolve()
      }
      const timer = setTimeout(over, mostMs)
      this.#changed = () => {
        if (isSo() || this.#closed) over()
      }
      this.#changed()
    })
  }
}
