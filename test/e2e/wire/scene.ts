// What a case plays in: a mark that makes its requests its own among all that share the proxy, clients, a script for the
// backend, what the backend got, and a victim: an innocent request that must get its own answer.
import assert, { AssertionError } from 'node:assert'
import type { Backend, Script } from './backend.ts'
import { type Answer, Client } from './client.ts'
import type { Received } from './received.ts'
import { excerpt, Watched } from './watched.ts'

export const echo: Script = async request => {
  await request.whole()
  request.answer()
}

/** What a scene plays against. */
export interface Stage {
  readonly proxyPort: number
  readonly backend: Backend
  /** Methods that this proxy takes no requests with; the matrix leaves them out. */
  readonly without: readonly string[]
}

export class Scene extends Watched {
  readonly stage: Stage
  readonly backend: Backend
  readonly mark: string
  readonly received: Received[] = []
  /** Rejects when a script fails; a run is raced with it. */
  readonly failure: Promise<never>
  #script: Script = echo
  readonly #clients: Client[] = []
  readonly #inner: Scene[] = []

  constructor(stage: Stage) {
    super()
    const { backend } = stage
    this.stage = stage
    this.backend = backend
    this.mark = backend.nextMark()
    let fail: (error: unknown) => void = () => {}
    this.failure = new Promise((_, reject) => {
      fail = reject
    })
    this.failure.catch(() => {})
    backend.attach(this.mark, {
      script: request => this.#script(request),
      received: request => {
        this.received.push(request)
        this.changed()
      },
      failed: error => fail(error),
    })
  }

  path(rest = ''): string {
    return `/${this.mark}${rest}`
  }

  /** What the backend does with each request of this scene; the default echoes the request line. */
  serve(script: Script): void {
    this.#script = script
  }

  client(): Client {
    const client = new Client(this.stage.proxyPort)
    this.#clients.push(client)
    return client
  }

  /** Another scene with a mark of its own, that ends with this one. */
  scene(): Scene {
    const inner = new Scene(this.stage)
    this.#inner.push(inner)
    inner.failure.catch(() => {})
    return inner
  }

  /** A new connection, these bytes, and the answer to them. */
  async ask(bytes: string, method = bytes.slice(0, bytes.indexOf(' '))): Promise<Answer> {
    const client = this.client()
    await client.send(bytes)
    return this.during(client.answer(method))
  }

  /** The same, and the answer is 200. */
  async ok(bytes: string): Promise<Answer> {
    const answer = await this.ask(bytes)
    if (answer.status !== 200) {
      throw new AssertionError({ message: `200 expected for ${excerpt(bytes)}, not ${excerpt(answer.head.raw)}` })
    }
    return answer
  }

  /** A GET of this scene with more fields, as bytes. */
  get(rest = '', fields = ''): string {
    return `GET ${this.path(rest)} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`
  }

  post(rest = '', fields = 'Content-Length: 5\r\n', body = 'hello'): string {
    return `POST ${this.path(rest)} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n${body}`
  }

  /** The backend's nth request of this scene. */
  request(at = 0): Promise<Received> {
    return this.during(
      this.until(
        () => this.received[at],
        `request ${at + 1} of the scene at the backend`,
        () => this.received.map(one => one.line).join(', '),
      ),
    )
  }

  /** An innocent request on a new connection gets its own answer. */
  async victim(): Promise<void> {
    const scene = this.scene()
    const client = scene.client()
    await client.send(scene.get('/victim'))
    await scene.isServed(client, '/victim')
    client.end()
  }

  /** The next answer on this connection is the one to `rest` of this scene, by the default script. */
  async isServed(client: Client, rest: string, method = 'GET'): Promise<Answer> {
    const answer = await this.during(client.answer(method))
    const own = `${method} ${this.path(rest)}`
    if (answer.status !== 200 || answer.values('x-echo')[0] !== own) {
      throw new AssertionError({ message: `${own} got somebody else’s answer: ${excerpt(answer.head.raw)}` })
    }
    if (method !== 'HEAD') assert.equal(answer.body.data, own, 'the body of its own answer')
    return answer
  }

  /** The lines of what the backend got for this scene, in order. */
  lines(): string[] {
    return this.received.map(request => request.line)
  }

  /** Fails at once when a script does. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.failure])
  }

  /** Bytes at the backend that were no request of anybody. */
  checkDesyncs(): void {
    const mine = this.backend.desyncs.filter(one => one.mark === this.mark)
    if (mine.length > 0) throw new AssertionError({ message: `desync: ${mine.map(one => one.message).join('; ')}` })
    for (const inner of this.#inner) inner.checkDesyncs()
  }

  /** Leaves nothing behind: no client, no half-done dialogue upstream. */
  close(): void {
    for (const inner of this.#inner) inner.close()
    for (const client of this.#clients) client.socket.destroy()
    for (const request of this.received) {
      // A connection whose dialogue is over may be carrying somebody else's request by now.
      const over = request.scripted && request.wrote
      if (!over && request.connection.requests.at(-1) === request) request.connection.socket.destroy()
    }
    this.backend.detach(this.mark)
  }
}
