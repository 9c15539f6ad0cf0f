// A client's request body on its way to one backend: streams, keeps back-pressure, and asks once more before its first
// byte. undici writes a request's head together with the first piece of the body, so "before the first byte" is
// "before anything reaches the socket".
import { Readable } from 'node:stream'

export class RequestBody extends Readable {
  readonly #source: Readable
  readonly #mayStart: () => boolean
  #flowing = false
  #started = false

  /** `mayStart` is asked once; when it says no, nothing was taken from the source and another body may be made of it. */
  constructor(source: Readable, mayStart: () => boolean) {
    super({ highWaterMark: 64 * 1024 })
    this.#source = source
    this.#mayStart = mayStart
  }

  override _read(): void {
    if (this.#flowing) {
      this.#source.resume()
      return
    }
    this.#flowing = true
    this.#source.on('data', this.#take)
    this.#source.on('end', this.#finish)
    this.#source.on('error', this.#fail)
    this.#source.on('close', this.#cut)
    if (this.#source.readableEnded) queueMicrotask(this.#finish)
    else this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#release()
    done(error)
  }

  #take = (chunk: Buffer): void => {
    if (!this.#begin()) {
      this.#release()
      this.#source.unshift(chunk)
      return
    }
    if (!this.push(chunk)) this.#source.pause()
  }

  #finish = (): void => {
    if (this.#begin() && !this.destroyed) this.push(null)
  }

  #fail = (error: Error): void => {
    this.destroy(error)
  }

  /** The client went away in the middle: never end cleanly. */
  #cut = (): void => {
    if (!this.#source.readableEnded) this.destroy(new Error('the client went away during its upload'))
  }

  #begin(): boolean {
    if (!this.#started) this.#started = this.#mayStart()
    return this.#started
  }

  #release(): void {
    // Never attached: the source may belong to a later body by now.
    if (!this.#flowing) return
    this.#source.off('data', this.#take)
    this.#source.off('end', this.#finish)
    this.#source.off('error', this.#fail)
    this.#source.off('close', this.#cut)
    this.#source.pause()
  }
}
