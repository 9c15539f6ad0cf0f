// Hears a backend out that listens no more. One that answers 413 and closes while the upload runs has said all that matters,
// but Node destroys a socket at the first write that fails, with the answer in it unread.
import type { Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'

/** What has come is read at once, and nothing more can come. */
const LAST_WORDS_MS: Milliseconds = 1_000

type Written = (error?: Error | null) => void

/**
 * From now on a write that fails ends the writing alone: it stays under way, so that whoever writes is held back, and what
 * came is still read. `failed` is told; the socket is gone soon after. What is returned undoes it.
 */
export function hearOut(socket: Socket, failed: (error: Error) => void): () => void {
  let isDeaf = false
  const write = socket._write
  const writeMany = socket._writev as NonNullable<Socket['_writev']>
  // Nearly always the same one comes.
  let told: Written | null = null
  let settled: Written = () => {}

  function settle(written: Written): Written {
    if (written === told) return settled
    told = written
    settled = error => {
      if (error === undefined || error === null || socket.destroyed) {
        written(error)
        return
      }
      isDeaf = true
      failed(error)
      expire(socket, error)
    }
    return settled
  }

  socket._write = (chunk, encoding, written) => {
    if (!isDeaf) write.call(socket, chunk, encoding, settle(written))
  }
  socket._writev = (chunks, written) => {
    if (!isDeaf) writeMany.call(socket, chunks, settle(written))
  }
  return () => {
    socket._write = write
    socket._writev = writeMany
  }
}

/** A reader that holds it back has the time that it needs. */
function expire(socket: Socket, error: Error): void {
  const timer = setTimeout(() => {
    if (socket.isPaused()) timer.refresh()
    else socket.destroy(error)
  }, LAST_WORDS_MS)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}
