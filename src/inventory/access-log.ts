// Reads access logs and lists of URLs, line by line, in whatever format a line is. A line that cannot be read is data too: it
// carries the reason, from a short fixed list, so that reasons can be counted.
import { readCommonLine } from './common-log.ts'
import { readJsonLine } from './json-log.ts'
import { type Broken, isBroken, type LogEntry, type UrlEntry } from './log-entry.ts'
import type { TimeUnit } from './log-time.ts'
import { readRequest } from './request-line.ts'

export { BROKEN, type Broken, type BrokenReason, isBroken, type LogEntry, type UrlEntry } from './log-entry.ts'

/** Characters; what is longer is not looked at. Who reads a file may cut lines beyond it. */
export const MAX_LINE = 64 * 1024

export interface LogReading {
  /** Of a whole number alone at the end of a combined line. Apache's `%D` is microseconds, its `%T` seconds. */
  readonly wholeTime: TimeUnit
}

/** `line` is without its end, decoded as UTF-8. */
export function parseLogLine(line: string, reading: LogReading = { wholeTime: 'us' }): LogEntry | Broken {
  if (line.length > MAX_LINE) return { broken: 'too-long' }
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return { broken: 'empty' }
  if (text.startsWith('{')) return readJsonLine(text)
  return readCommonLine(text, reading.wholeTime) ?? { broken: 'format' }
}

/** `/path`, `GET /path`, `https://host/path`, `POST https://host/path`; `#` begins a comment where a line begins. */
export function parseUrlLine(line: string): UrlEntry | Broken {
  if (line.length > MAX_LINE) return { broken: 'too-long' }
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return { broken: 'empty' }
  const space = text.search(/\s/)
  const read =
    text.startsWith('/') || space === -1
      ? readRequest('GET', text, null)
      : readRequest(text.slice(0, space), text.slice(space + 1), null)
  // `*` asks a server about itself, and is no path.
  return !isBroken(read) && read.target === '*' ? { broken: 'target' } : read
}
