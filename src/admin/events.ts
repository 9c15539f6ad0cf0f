// Server-sent events: what changed, as it changes, with ids that a client can resume from.
import type { ServerResponse } from 'node:http'

/** Events kept for those who come back. */
const KEPT = 1_000
const LISTENERS = 64
const HEARTBEAT_MS = 15_000
/** A listener that reads too slowly is let go; it can resume. */
const MAX_BEHIND_BYTES = 1024 * 1024
/** Who has not read so much yet is told what is true when it has. */
const LIVE_BEHIND_BYTES = 256 * 1024

export interface Events {
  publish(type: string, data: unknown): void
  /** Takes the response over until its client leaves or `holds` is false. False: too many listen already. */
  listen(res: ServerResponse, lastEventId: string | null, holds?: () => boolean): boolean
  /**
   * What is true now: without an id, and not kept for anybody. `whole` goes to those who have not had it, or did not take the
   * one before; `change` to all others.
   */
  live(type: string, whole: () => unknown, change: unknown): void
  readonly count: () => number
  /** Once: told when somebody begins to listen. */
  joined(tell: () => void): void
  close(): void
}

interface Listener {
  readonly holds: () => boolean
  needsWhole: boolean
}

interface Kept {
  readonly number: number
  readonly text: string
}

/** `epoch` tells ids of this process from those of an earlier one, which cannot be resumed from. */
export function createEvents(epoch: string): Events {
  const kept: Kept[] = []
  const listeners = new Map<ServerResponse, Listener>()
  let number = 0
  let joined = () => {}
  /** Of the largest live event: nobody is too slow for having been sent it. */
  let wholeBytes = 0

  const heartbeat = setInterval(() => {
    for (const res of listeners.keys()) send(res, ': still here\n\n')
  }, HEARTBEAT_MS)
  heartbeat.unref()

  function send(res: ServerResponse, text: string): void {
    if (listeners.get(res)?.holds() === false) {
      listeners.delete(res)
      res.end()
      return
    }
    if (res.writableLength > MAX_BEHIND_BYTES + wholeBytes) {
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
      listeners.set(res, { holds, needsWhole: true })
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
      joined()
      return true
    },
    live(type, whole, change) {
      const textOf = (data: unknown) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
      let wholeText: string | null = null
      const changeText = textOf(change)
      for (const [res, listener] of listeners) {
        if (res.writableLength > LIVE_BEHIND_BYTES) listener.needsWhole = true
        else if (listener.needsWhole) {
          wholeText ??= textOf(whole())
          wholeBytes = Math.max(wholeBytes, Buffer.byteLength(wholeText))
          listener.needsWhole = false
          send(res, wholeText)
        } else send(res, changeText)
      }
    },
    count: () => listeners.size,
    joined(tell) {
      joined = tell
    },
    close() {
      clearInterval(heartbeat)
      for (const res of listeners.keys()) res.end()
      listeners.clear()
    },
  }
}
