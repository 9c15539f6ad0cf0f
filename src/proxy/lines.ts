// One connection's requests, one at a time and in order. A client that pipelines gets what it would get without: an unsafe
// request never overtakes or is overtaken (RFC 9112, 9.3.2), and one connection cannot take many of a backend's.
import type { Duplex } from 'node:stream'

/** So many heads may wait on a connection before it is not read further. */
const MOST_WAITING = 32

interface Line {
  busy: boolean
  readonly waiting: (() => void)[]
}

export interface Lines {
  /** Begins now, or when the requests before it on the connection are over. */
  enter(socket: Duplex, begin: () => void): void
  /** The request that began is over. */
  leave(socket: Duplex): void
  /** True while an answer is under way, or still to come. */
  isBusy(socket: Duplex): boolean
}

export function createLines(): Lines {
  const lines = new WeakMap<Duplex, Line>()
  return {
    enter(socket, begin) {
      let line = lines.get(socket)
      if (line === undefined) {
        const made: Line = { busy: false, waiting: [] }
        line = made
        lines.set(socket, made)
      }
      if (line.busy) {
        line.waiting.push(begin)
        if (line.waiting.length === MOST_WAITING) socket.pause()
        return
      }
      line.busy = true
      begin()
    },
    leave(socket) {
      const line = lines.get(socket)
      // What waited for a client that left is asked of nobody.
      if (line === undefined || socket.destroyed) return
      if (line.waiting.length === MOST_WAITING) socket.resume()
      const next = line.waiting.shift()
      if (next === undefined) line.busy = false
      else next()
    },
    isBusy: socket => lines.get(socket)?.busy ?? false,
  }
}
