// Server-sent events by fetch, which can send headers where EventSource cannot: read, resumed after a loss.
//
// A browser has six connections to one host, and a stream takes one for as long as it is open: with a stream in each of six tabs none
// would be left for a rollback. So one tab listens and tells the others; when it goes, another takes its place. Where the browser
// has no locks (a page without TLS from another host), a tab that nobody sees does not listen.
import { BASE, ownHeaders } from './call.ts'

export interface EventEars {
  event(type: string, data: unknown): void
  /** It is open; nothing was missed if it could resume. */
  open(): void
  /** It ended, or never began; it is tried again after a while. */
  lost(): void
  /** Who asks may not listen (403), is nobody (401), or too many listen already (429, 503), which is tried again. */
  refused(status: number): void
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
/** The server says something every 15 s at least. */
const SILENT_MS = 40_000

const SHARED = 'banyan.events'

/** What the tab that listens tells the others. */
type Told =
  | { readonly kind: 'event'; readonly type: string; readonly data: unknown; readonly id: string | null }
  | { readonly kind: 'open' | 'lost' }
  | { readonly kind: 'refused'; readonly status: number }

/** Until the returned function is called. */
export function listenToEvents(ears: EventEars): () => void {
  const ended = new AbortController()
  const channel = new BroadcastChannel(SHARED)
  let lastId: string | null = null
  const hear = (told: Told): void => {
    if (ended.signal.aborted) return
    if (told.kind === 'event') {
      if (told.id !== null) lastId = told.id
      ears.event(told.type, told.data)
    } else if (told.kind === 'refused') ears.refused(told.status)
    else ears[told.kind]()
  }
  const tell = (told: Told): void => {
    hear(told)
    if (!ended.signal.aborted) channel.postMessage(told)
  }
  channel.onmessage = ({ data }) => hear(data as Told)
  if (navigator.locks === undefined) void whileSeen(seen => stream(() => lastId, tell, seen), ended.signal)
  else
    void navigator.locks
      .request(SHARED, { signal: ended.signal }, () => stream(() => lastId, tell, ended.signal))
      .catch(() => {})
  return () => {
    ended.abort()
    channel.close()
  }
}

/** Without locks: each tab by itself, while it is looked at. */
async function whileSeen(listen: (seen: AbortSignal) => Promise<void>, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    if (document.visibilityState === 'hidden') {
      await new Promise(resolve => document.addEventListener('visibilitychange', resolve, { once: true }))
      continue
    }
    const hidden = new AbortController()
    const look = () => document.visibilityState === 'hidden' && hidden.abort()
    document.addEventListener('visibilitychange', look)
    await listen(AbortSignal.any([hidden.signal, ended]))
    document.removeEventListener('visibilitychange', look)
  }
}

/** Until the signal is aborted, or who asks may not listen. */
async function stream(resumeFrom: () => string | null, tell: (told: Told) => void, ended: AbortSignal): Promise<void> {
  let waitMs = FIRST_WAIT_MS
  let isOver = false

  async function once(): Promise<void> {
    const silence = new AbortController()
    const silent = () => silence.abort()
    let timer = setTimeout(silent, SILENT_MS)
    const lastId = resumeFrom()
    try {
      const response = await fetch(`${BASE}/events`, {
        headers: { ...ownHeaders(), ...(lastId === null ? {} : { 'Last-Event-ID': lastId }) },
        signal: AbortSignal.any([ended, silence.signal]),
        cache: 'no-store',
      })
      if (!response.ok || response.body === null) {
        isOver = response.status === 401 || response.status === 403
        // Too many listen: it asks like those who may not, and tries again now and then.
        const isFull = response.status === 429 || response.status === 503
        if (isOver || isFull) tell({ kind: 'refused', status: response.status })
        if (isFull) waitMs = LONGEST_WAIT_MS
        return
      }
      tell({ kind: 'open' })
      waitMs = FIRST_WAIT_MS
      const parse = createParser((type, data, id) => {
        if (type !== null) tell({ kind: 'event', type, data, id })
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        clearTimeout(timer)
        timer = setTimeout(silent, SILENT_MS)
        parse(value)
      }
      tell({ kind: 'lost' })
    } catch {
      if (!ended.aborted) tell({ kind: 'lost' })
    } finally {
      clearTimeout(timer)
    }
  }

  while (!ended.aborted && !isOver) {
    await once()
    if (ended.aborted || isOver) return
    await new Promise(resolve => setTimeout(resolve, waitMs))
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)
  }
}

/** Pieces of a stream → events. `type` null: an id alone, to come back with. */
export function createParser(
  told: (type: string | null, data: unknown, id: string | null) => void,
): (piece: string) => void {
  let rest = ''
  return piece => {
    const blocks = (rest + piece).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      let [type, id] = [null as string | null, null as string | null]
      const data: string[] = []
      for (const line of block.split('\n')) {
        if (line.startsWith('event: ')) type = line.slice(7)
        else if (line.startsWith('id: ')) id = line.slice(4)
        else if (line.startsWith('data: ')) data.push(line.slice(6))
      }
      if (data.length === 0) type = null
      told(type, data.length === 0 ? null : JSON.parse(data.join('\n')), id)
    }
  }
}
