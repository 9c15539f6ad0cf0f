// Sends and takes large bodies, one after another on one kept-alive connection, and checks each.
import { connect, type Socket } from 'node:net'
import type { Taken } from '../peers/full-origin.ts'
import { BodyCheck, framingField, piecesOf, pour } from './bodies.ts'
import { answerParent } from './children.ts'
import { between, readCores } from './core-use.ts'
import { MessageReader } from './messages.ts'
import type { TransferRequest, Transfers } from './transfers.ts'

/** Large on purpose: whoever takes the bytes here has to be cheaper than the proxy. */
const BUFFER_BYTES = 256 * 1024
const MOST_BODY_MS = 60_000
/** Then a turn is given up. */
const MOST_WRONG = 3

answerParent(async (request: TransferRequest): Promise<Transfers> => {
  const line = new Line(request)
  try {
    await line.transferFor(request.warmupMs)
    const bodies = line.bodies
    const before = readCores(request.pids)
    await line.transferFor(request.measureMs)
    const after = readCores(request.pids)
    const { wrong, firstWrong } = line
    return { ...between(before, after), bodies: line.bodies - bodies, wrong, firstWrong }
  } finally {
    line.end()
  }
})

class Line {
  bodies = 0
  wrong = 0
  firstWrong: string | null = null
  readonly #request: TransferRequest
  #socket: Socket | null = null
  #head = ''
  #check = new BodyCheck()
  #json = ''
  /** Ends the transfer that is under way; null: it was right. */
  #settle: (complaint: string | null) => void = () => {}

  constructor(request: TransferRequest) {
    this.#request = request
  }

  /** At least one body; the last one is never cut. */
  async transferFor(ms: number): Promise<void> {
    const until = performance.now() + ms
    do {
      const complaint = await this.#transfer()
      if (complaint === null) {
        this.bodies++
        continue
      }
      this.wrong++
      this.firstWrong ??= complaint
      this.end()
    } while (performance.now() < until && this.wrong < MOST_WRONG)
  }

  end(): void {
    this.#socket?.destroy()
    this.#socket = null
  }

  #transfer(): Promise<string | null> {
    const { way, bytes } = this.#request
    this.#socket ??= this.#open()
    const socket = this.#socket
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#settle(`not over after ${MOST_BODY_MS} ms`), MOST_BODY_MS)
      this.#settle = complaint => {
        this.#settle = () => {}
        clearTimeout(timer)
        resolve(complaint)
      }
      const common = 'Host: shop.example.com\r\nX-User-Id: user-0042\r\n'
      if (way.direction === 'down') {
        socket.write(`GET /bytes/${way.framing}/${bytes} HTTP/1.1\r\n${common}\r\n`)
      } else {
        const head = `POST /upload HTTP/1.1\r\n${common}${framingField(way.framing, bytes)}\r\n\r\n`
        pour(socket, head, piecesOf(way.framing, bytes))
      }
    })
  }

  #open(): Socket {
    const reader = new MessageReader({
      head: text => {
        this.#head = text
        this.#check = new BodyCheck()
        this.#json = ''
      },
      body: (bytes, from, to) => {
        if (this.#request.way.direction === 'down') this.#check.take(bytes, from, to)
        else this.#json += bytes.toString('latin1', from, to)
      },
      end: () => this.#settle(this.#complaint()),
    })
    const socket = connect({
      port: this.#request.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(BUFFER_BYTES),
        callback: (size, buffer) => {
          try {
            reader.take((buffer as Buffer).subarray(0, size))
          } catch (error) {
            this.#settle(String(error))
          }
          return true
        },
      },
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = null
      this.#settle('the connection was closed')
    })
    return socket
  }

  #complaint(): string | null {
    const { way, bytes } = this.#request
    if (!this.#head.startsWith('HTTP/1.1 200')) return `${this.#head}\n${this.#json}`.slice(0, 500)
    if (way.direction === 'down') return this.#check.complaint(bytes)
    return Object.assign(new BodyCheck(), JSON.parse(this.#json) as Taken).complaint(bytes)
  }
}
