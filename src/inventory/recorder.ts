// Keeps the inventory of the proxy's own traffic: samples of it in, the API's answer out; and reads the entries of logs as the
// same.
import { headerOf, type Sample } from '../model/exchange.ts'
import type { Clock } from '../model/units.ts'
import type { LogEntry } from './log-entry.ts'
import { type Inventory, type Seen, Sketch } from './sketch.ts'
import { templateOf } from './template.ts'

export interface InventoryRecorder {
  take(sample: Sample): void
  view(): Inventory
}

/** Since now. */
export function createInventory(clock: Pick<Clock, 'now'>): InventoryRecorder {
  const since = clock.now()
  const sketch = new Sketch()
  return {
    take: sample => sketch.take(seenOf(sample)),
    view: () => sketch.view({ source: 'live', since, until: clock.now() }),
  }
}

function seenOf({ exchange, head, requestBytes, answerHeaders, answerBytes, standsFor }: Sample): Seen {
  const destination = headerOf(head.headers, 'sec-fetch-dest')
  const contentType = headerOf(answerHeaders, 'content-type')
  const isCall = headerOf(head.headers, 'x-requested-with') !== null || destination === 'empty'
  const isHtml = contentType?.toLowerCase().includes('html') === true
  return {
    method: methodOf(head.method),
    target: escaped(head.target),
    status: exchange.status,
    requestBytes,
    answerBytes,
    durationMs: exchange.totalMs,
    at: null,
    caller: head.address,
    host: head.host === '' ? null : head.host,
    from: destination === 'document' ? null : pageOf(headerOf(head.headers, 'referer'), head.host),
    setCookies: valuesOf(answerHeaders, 'set-cookie'),
    contentType,
    isPage: destination === 'document' || destination === 'iframe' || (destination === null && isHtml && !isCall),
    isFailure: exchange.failure !== null,
    standsFor,
  }
}

/** A log says nothing of headers. A page is what others name as their referrer, which is known afterwards only. */
export function seenInLog(entry: LogEntry): Seen {
  return {
    method: entry.method,
    target: entry.target,
    status: entry.status,
    requestBytes: null,
    answerBytes: entry.bytes,
    durationMs: entry.durationMs,
    at: entry.at,
    caller: entry.caller,
    host: entry.host,
    from: pageOf(entry.referer, entry.host),
    setCookies: [],
    contentType: null,
    isPage: false,
    isFailure: false,
    standsFor: 1,
  }
}

/** The template of a page of the same host; of any host where that is not known. */
function pageOf(referer: string | null, host: string | null): string | null {
  if (referer === null || referer.length > 2048) return null
  const [, authority = '', path = ''] = /^https?:\/\/([^/?#]*)([^?#]*)/i.exec(referer) ?? []
  if (authority === '') return null
  const name = authority.replace(/:\d+$/, '').toLowerCase()
  return host === null || host === '' || name === host ? templateOf(path === '' ? '/' : path) : null
}

/** A client may send any: what cannot be the name of one that is known to anybody is not kept. */
function methodOf(method: string): string {
  return /^[A-Z][A-Z-]{1,15}$/.test(method) ? method : 'OTHER'
}

/** Bytes beyond ASCII, as a client ought to have sent them. */
function escaped(target: string): string {
  if (/^[!-~]*$/.test(target)) return target
  return target.replace(/[^!-~]/g, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function valuesOf(headers: readonly string[], name: string): readonly string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name)
}
