// The other instances by their addresses: the way of a rollback that needs no store.
//
// Where addresses come from a name, it is asked again and again, and its last answer kept while it gives none. Which instance
// an address is, it says itself: in its answers. All are greeted every few seconds, so that ourselves are recognised, the
// connections are open when they are needed, and a wrong secret shows before a rollback has to find out. A greeting carries
// what is not in the store yet: whoever could not be reached learns it when it comes back.
import { lookup as systemLookup } from 'node:dns/promises'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { PeerAddresses } from '../config/fleet-schema.ts'
import type { Owed } from '../model/control.ts'
import { codeOf } from '../model/errors.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { MAX_BODY_BYTES, type PushAnswer, writePush } from './message.ts'
import { post } from './post.ts'

const TIMEOUT_MS: Milliseconds = 1_000

export interface PeersParts {
  readonly instance: string
  readonly peers: PeerAddresses
  readonly secret: string
  readonly now: () => EpochMs
  /** Never the same twice; up to 64 letters and digits. */
  readonly nonce: () => string
  /** All addresses of a name. Default: the system's. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** Default: 1 s for one request, all in all. */
  readonly timeoutMs?: Milliseconds
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

/** One address. */
export interface Peer {
  /** An origin. */
  readonly url: string
  /** Who answered there last; null: nobody yet. */
  readonly instance: string | null
  /** It was us. */
  readonly self: boolean
  /** Why the last request failed, in a word; null: it did not. */
  readonly trouble: string | null
}

export interface Pushed {
  readonly peer: Peer
  /** Never rejects: null is no answer, and the peer's `trouble` says why. */
  readonly answer: Promise<PushAnswer | null>
}

export interface Peers {
  /** Asks the name again and greets every address with what it should know. Resolves when all have answered or failed. */
  refresh(owedTo: (peer: Peer) => readonly Owed[]): Promise<void>
  /** To every address but our own, at once. */
  push(owed: Owed): readonly Pushed[]
  /** Whether they are there. */
  greet(some: readonly Peer[]): readonly Pushed[]
  list(): readonly Peer[]
  /** Why the name gives no addresses, in a word; null: it does. */
  nameTrouble(): string | null
  close(): void
}

interface Known {
  readonly url: string
  instance: string | null
  self: boolean
  trouble: string | null
}

export function createPeers(parts: PeersParts): Peers {
  const { instance, secret, log } = parts
  const timeoutMs = parts.timeoutMs ?? TIMEOUT_MS
  const lookup = parts.lookup ?? lookupAll
  const agents = {
    'http:': new HttpAgent({ keepAlive: true, maxFreeSockets: 2 }),
    'https:': new HttpsAgent({ keepAlive: true, maxFreeSockets: 2 }),
  }
  let known: readonly Known[] = parts.peers.kind === 'urls' ? parts.peers.urls.map(unknown) : []
  let nameTrouble: string | null = null
  let asking: Promise<void> | null = null
  let closed = false

  async function refresh(owedTo: (peer: Peer) => readonly Owed[]): Promise<void> {
    if (parts.peers.kind === 'dns') {
      const { host, port } = parts.peers
      // A name server that hangs is not asked twice, and nobody waits for it longer than for a peer.
      asking ??= resolve(host, port).finally(() => {
        asking = null
      })
      await Promise.race([asking, after(timeoutMs)])
    }
    await Promise.all(known.flatMap(peer => bodiesOf(owedTo(peer)).map(body => send(peer, body))))
  }

  function greet(some: readonly Peer[]): readonly Pushed[] {
    const [body] = bodiesOf([])
    return known
      .filter(peer => some.includes(peer))
      .flatMap(peer => (body === undefined ? [] : [{ peer, answer: send(peer, body) }]))
  }

  async function resolve(host: string, port: number): Promise<void> {
    try {
      const addresses = await lookup(host)
      const urls = [
        ...new Set(addresses.map(address => `http://${address.includes(':') ? `[${address}]` : address}:${port}`)),
      ]
      if (urls.length === 0) throw Object.assign(new Error('no address'), { code: 'ENODATA' })
      known = urls.sort().map(url => known.find(peer => peer.url === url) ?? unknown(url))
      nameTrouble = null
    } catch (error) {
      const trouble = codeOf(error) ?? 'failed'
      if (nameTrouble === null)
        log('warn', 'the name of the peers has no addresses now: the last ones are kept', { host, trouble })
      nameTrouble = trouble
    }
  }

  function push(owed: Owed): readonly Pushed[] {
    const bodies = bodiesOf([owed])
    return known.filter(peer => !peer.self).flatMap(peer => bodies.map(body => ({ peer, answer: send(peer, body) })))
  }

  async function send(peer: Known, body: Buffer): Promise<PushAnswer | null> {
    const agent = agents[new URL(peer.url).protocol as keyof typeof agents]
    try {
      const answer = await post({ url: peer.url, agent, secret, body, timeoutMs })
      if (peer.trouble !== null) log('info', 'a peer answers again', { peer: peer.url, replica: answer.from })
      peer.instance = answer.from
      peer.self = answer.from === instance
      peer.trouble = null
      return answer
    } catch (error) {
      const trouble = codeOf(error) ?? 'failed'
      // Once for each reason: it is tried again every few seconds.
      if (peer.trouble !== trouble && !closed) log('warn', 'a peer does not answer', { peer: peer.url, trouble })
      peer.trouble = trouble
      return null
    }
  }

  /** In as many bodies as they need, each with what peers take; at least one. */
  function bodiesOf(owed: readonly Owed[]): readonly Buffer[] {
    const body = writePush({ from: instance, at: parts.now(), nonce: parts.nonce(), owed })
    if (body.length <= MAX_BODY_BYTES) return [body]
    if (owed.length === 1) {
      log('error', 'a rollback is too large for the peers: they learn it by the store', {
        rollback: owed[0]?.rollback.id,
      })
      return []
    }
    const half = Math.floor(owed.length / 2)
    return [...bodiesOf(owed.slice(0, half)), ...bodiesOf(owed.slice(half))]
  }

  return {
    refresh,
    push,
    greet,
    list: () => known,
    nameTrouble: () => nameTrouble,
    close() {
      closed = true
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function unknown(url: string): Known {
  return { url, instance: null, self: false, trouble: null }
}

async function lookupAll(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true })
  return found.map(({ address }) => address)
}

function after(ms: Milliseconds): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref())
}
