// Server-sent events: what changed, as it changes, with ids that a client can resume from.
import type { ServerResponse } from 'node:http'

/** Events kept for those who come back. */
const KEPT = 1_000
const LISTENERS = 64
const HEARTBEAT_MS = 15_000
/** A listener that reads too slowly is let go; it can resume. */
const MAX_BEHIND_BYTES = 1024 * 1024

export interface Events {
  publish(type: string, data: unknown): void
  /** Takes the response over until its client leaves or `holds` is false. False: too many listen already. */
  listen(res: ServerResponse, lastEventId: string | null, holds?: () => boolean): boolean
  close(): void
}

interface Kept {
  readonly number: number
  readonly text: string
}

/** `epoch` tells ids of this process from those of an earlier one, which cannot be resumed from. */
export function createEvents(epoch: string): Events {
  const kept: Kept[] = []
  const listeners = new Map<ServerResponse, () => boolean>()
  let number = 0

  const heartbeat = setInterval(() => {
    for (const res of listeners.keys()) send(res, ': still here\n\n')
  }, HEARTBEAT_MS)
  heartbeat.unref()

  function send(res: ServerResponse, text: string): void {
    if (listeners.get(res)?.() === false) {
      listeners.delete(res)
      res.end()
      return
    }
    if (res.writableLength > MAX_BEHIND_BYTES) {
      listeners.delete(res)
      res.destroy()
      return
    }
    res.write(text)
  }

  return {
    publish(type, data) {
      number++
      const text = `id: ${epoch}-${number}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
      kept.push({ number, text })
      if (kept.length > KEPT) kept.shift()
      for (const res of listeners.keys()) send(res, text)
    },
    listen(res, lastEventId, holds = () => true) {
      if (listeners.size >= LISTENERS) return false
      listeners.set(res, holds)
      res.on('close', () => listeners.delete(res))
      // An id to come back with, also for those who leave before anything happened.
      if (lastEventId === null) res.write(`: banyan\nid: ${epoch}-${number}\n\n`)
      else {
        res.write(': banyan\n\n')
        const seen = Number(lastEventId.startsWith(`${epoch}-`) ? lastEventId.slice(epoch.length + 1) : Number.NaN)
        const oldest = kept[0]?.number ?? number + 1
        if (Number.isInteger(seen) && seen >= oldest - 1 && seen <= number) {
          for (const event of kept) if (event.number > seen) send(res, event.text)
        } else {
          send(res, `id: ${epoch}-${number}\nevent: reset\ndata: {"why":"events were missed; read the state anew"}\n\n`)
        }
      }
      return true
    },
    close() {
      clearInterval(heartbeat)
      for (const res of listeners.keys()) res.end()
      listeners.clear()
    },
  }
}
