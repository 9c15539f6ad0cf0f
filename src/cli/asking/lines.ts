// Reads files line by line without trusting them: a line has a bound, a file may be a pipe, standard input or gzip.
import { createReadStream } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { MAX_LINE } from '../../inventory/access-log.ts'
import { CliError, type CliIo, EXIT } from '../io.ts'
import { unreadable } from './unreadable.ts'

const NEWLINE = 10

/** One after another; `-` is standard input. Rejects with CliError. */
export async function* linesOf(names: readonly string[], io: CliIo, over: AbortSignal): AsyncGenerator<string> {
  for (const name of names) {
    try {
      yield* splitLines(name === '-' ? io.stdin : open(name, io), over)
    } catch (error) {
      // Not 1: that says that the proxy makes a difference.
      throw new CliError(EXIT.usage, `${name} cannot be read: ${unreadable(error as NodeJS.ErrnoException)}`, {
        cause: error,
      })
    }
  }
}

function open(name: string, io: CliIo): AsyncIterable<Uint8Array> {
  const file = createReadStream(isAbsolute(name) ? name : join(io.cwd, name))
  if (!name.endsWith('.gz')) return file
  const unpacked = createGunzip()
  file.on('error', error => unpacked.destroy(error))
  return file.pipe(unpacked)
}

/** Ends also while nothing comes, as from a terminal or a pipe that waits. */
async function* untilOver<T>(chunks: AsyncIterable<T>, over: AbortSignal): AsyncGenerator<T> {
  const stopped = new Promise<null>(resolve => over.addEventListener('abort', () => resolve(null), { once: true }))
  const source = chunks[Symbol.asyncIterator]()
  let waits = true
  try {
    while (!over.aborted) {
      waits = true
      const next = await Promise.race([source.next(), stopped])
      if (next === null) return
      waits = false
      if (next.done === true) return
      yield next.value
    }
  } finally {
    // A source that is waited for would only end when something comes.
    if (!waits) await source.return?.()
  }
}

/** Lines without their ends; of one that is too long a beginning that is still too long. */
export async function* splitLines(
  chunks: AsyncIterable<string | Uint8Array>,
  over: AbortSignal,
): AsyncGenerator<string> {
  // Bytes, four for a character at most: one character more than may be is enough to say so.
  const most = 4 * (MAX_LINE + 1)
  let held: Buffer[] = []
  let size = 0
  const take = (piece: Buffer): void => {
    if (size < most) held.push(Buffer.from(piece.subarray(0, most - size)))
    size += piece.length
  }
  const line = (): string => {
    const text = Buffer.concat(held).toString('utf8').replace(/\r$/, '')
    held = []
    size = 0
    return text
  }
  for await (const chunk of untilOver(chunks, over)) {
    const bytes = Buffer.from(chunk as Uint8Array)
    let from = 0
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      take(bytes.subarray(from, at))
      yield line()
      from = at + 1
    }
    take(bytes.subarray(from))
  }
  if (size > 0) yield line()
}
