// Server-sent events: what changed, as it changes, with ids that a client can resume from.
import type { ServerResponse } from 'node:http'
import { BanyanError } from '../model/errors.ts'

/** Events kept for those who come back. */
const KEPT = 1_000
const LISTENERS = 64
/** Of one token, or one person. */
const SHARE = 32
/** Seconds: nobody knows when one leaves. */
const COME_BACK = 10
const HEARTBEAT_MS = 15_000
/** A listener that reads too slowly is let go; it can resume. */
const MAX_BEHIND_BYTES = 1024 * 1024
/** Who has not read so much yet is told what is true when it has. */
const LIVE_BEHIND_BYTES = 256 * 1024

export interface Events {
  publish(type: string, data: unknown): void
  /**
   * Takes the response over until its client leaves or `holds` is false. Throws where too many listen already: of the same holder,
   * or of all; but then who has the most gives one up for who has fewer, and only shares that are even keep anybody out.
   */
  listen(res: ServerResponse, lastEventId: string | null, holder: string, holds?: () => boolean): void
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
  readonly holder: string
  readonly holds: () => boolean
  needsWhole: boolean
}

interface Kept {
  readonly number: number
  readonly text: string
}

const refusal = {
  hint: `one token may listen ${SHARE} times, all together ${LISTENERS}: end one that nobody needs, or come back later`,
  details: { retryAfter: COME_BACK },
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

  function makeRoom(holder: string): void {
    const shares = Map.groupBy(listeners, ([, listener]) => listener.holder)
    const own = shares.get(holder)?.length ?? 0
    if (own >= SHARE) throw new BanyanError('listener_share', `this token listens ${own} times already`, refusal)
    if (listeners.size < LISTENERS) return
    const most = [...shares.values()].reduce((one, other) => (other.length > one.length ? other : one))
    const [oldest] = most[0] as (typeof most)[number]
    if (most.length <= own + 1) throw new BanyanError('too_many_listeners', `${LISTENERS} listen already`, refusal)
    listeners.delete(oldest)
    oldest.end()
  }

  return {
    publish(type, data) {
      number++
      const text = `id: ${epoch}-${number}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
      kept.push({ number, text })
      if (kept.length > KEPT) kept.shift()
      for (const res of listeners.keys()) send(res, text)
    },
    listen(res, lastEventId, holder, holds = () => true) {
      makeRoom(holder)
      listeners.set(res, { holder, holds, needsWhole: true })
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
