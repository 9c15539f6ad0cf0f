// Requests of a HAR file, as a browser's developer tools save it: `log.entries[].request`, as lines of a list. Only method and
// URL are taken: cookies and other credentials in it are not sent anywhere.
import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { CliError, type CliIo, EXIT } from '../io.ts'
import { linesOf } from './lines.ts'
import { unreadable } from './unreadable.ts'

const MAX_BYTES = 256 * 1024 * 1024

interface HarEntry {
  readonly request?: { readonly method?: unknown; readonly url?: unknown }
}

/** Lines of files of any kind that requests are read from, one after another; `-` is standard input. Rejects with CliError. */
export async function* requestLinesOf(names: readonly string[], io: CliIo, over: AbortSignal): AsyncGenerator<string> {
  for (const name of names) {
    if (/\.har$/i.test(name)) yield* await harLines(name, io)
    else yield* linesOf([name], io, over)
  }
}

/** `GET https://shop.example.com/orders`. An entry without a request is a line that cannot be read. */
export function linesOfHar(text: string): readonly string[] {
  const { log } = JSON.parse(text) as { readonly log?: { readonly entries?: unknown } }
  if (!Array.isArray(log?.entries)) throw new Error('it has no log.entries')
  return log.entries.map((entry: HarEntry | null) => {
    const { method, url } = entry?.request ?? {}
    return typeof method === 'string' && typeof url === 'string'
      ? `${method} ${url.replace(/#.*$/s, '')}`
      : '(no request)'
  })
}

async function harLines(name: string, { cwd }: CliIo): Promise<readonly string[]> {
  const path = isAbsolute(name) ? name : join(cwd, name)
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES / 1024 / 1024} MiB`)
    return linesOfHar((await readFile(path, 'utf8')).replace(/^\uFEFF/, ''))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not JSON' : unreadable(error as NodeJS.ErrnoException)
    throw new CliError(EXIT.usage, `${name} cannot be read: ${why}`, { cause: error })
  }
}
