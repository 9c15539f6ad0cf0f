// Server-sent events by fetch, which can send headers where EventSource cannot: read, resumed after a loss, never polled.
import { BASE, ownHeaders } from './call.ts'

export interface EventEars {
  event(type: string, data: unknown): void
  /** It is open; nothing was missed if it could resume. */
  open(): void
  /** It ended, or never began; it is tried again after a while. */
  lost(): void
  /** It will not be tried again: who asks may not listen (403), or is nobody (401). */
  refused(status: number): void
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
/** The server says something every 15 s at least. */
const SILENT_MS = 40_000

/** Until the returned function is called. */
export function listenToEvents(ears: EventEars): () => void {
  const ended = new AbortController()
  let lastId: string | null = null
  let waitMs = FIRST_WAIT_MS

  async function once(): Promise<void> {
    const silence = new AbortController()
    const silent = () => silence.abort()
    let timer = setTimeout(silent, SILENT_MS)
    try {
      const response = await fetch(`${BASE}/events`, {
        headers: { ...ownHeaders(), ...(lastId === null ? {} : { 'Last-Event-ID': lastId }) },
        signal: AbortSignal.any([ended.signal, silence.signal]),
        cache: 'no-store',
      })
      if (response.status === 401 || response.status === 403) {
        ended.abort()
        ears.refused(response.status)
        return
      }
      if (!response.ok || response.body === null) return
      ears.open()
      waitMs = FIRST_WAIT_MS
      const parse = createParser((type, data, id) => {
        if (id !== null) lastId = id
        if (type !== null) ears.event(type, data)
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        clearTimeout(timer)
        timer = setTimeout(silent, SILENT_MS)
        parse(value)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async function always(): Promise<void> {
    while (!ended.signal.aborted) {
      await once().catch(() => {})
      if (ended.signal.aborted) return
      ears.lost()
      await new Promise(resolve => setTimeout(resolve, waitMs))
      waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)
    }
  }

  void always()
  return () => ended.abort()
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
