// One question on a connection of its own: does the address take connections at all, and, where there is a request to ask
// it with, does it answer with 2xx or 3xx.
import type { Milliseconds } from '../model/units.ts'
import type { Connect, Target } from './connect.ts'
import { takeBytes } from './read-buffer.ts'

/** Quirks of an answer do not matter here. */
const STATUS = /^HTTP\/1\.[01] ([1-9]\d\d)[ \r\n]/
const LONGEST_LINE = 1024

/** `done` is called once, unless the returned function ends it before. */
export function probe(
  connect: Connect,
  target: Target,
  request: string | null,
  timeoutMs: Milliseconds,
  done: (ok: boolean) => void,
): () => void {
  let text = ''
  let isOver = false
  const finish = (ok: boolean): void => {
    if (isOver) return
    stop()
    done(ok)
  }
  const stop = (): void => {
    isOver = true
    clearTimeout(timer)
    socket.destroy()
  }
  const socket = connect(target, () => {
    if (request === null) finish(true)
    else socket.write(request, 'latin1')
  })
  const timer = setTimeout(finish, timeoutMs, false)
  timer.unref()
  socket.on('error', () => finish(false))
  socket.on('end', () => finish(false))
  socket.on('close', () => finish(false))
  takeBytes(socket, chunk => {
    text += chunk.toString('latin1', 0, LONGEST_LINE)
    // Informational answers may come first.
    text = text.replace(/^(HTTP\/1\.[01] 1\d\d[\s\S]*?\r?\n\r?\n)+/, '')
    const status = STATUS.exec(text)?.[1]
    if (status !== undefined && !status.startsWith('1')) finish(status < '400')
    else if (text.length > LONGEST_LINE) finish(false)
  })
  return stop
}
