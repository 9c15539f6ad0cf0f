// The way to the other instances that needs no store: signed requests to each of them. Where they are is written down, or a
// name's addresses, asked for anew every few seconds. Each is asked now and then whether it is there, so that a way that is
// closed shows before it is needed.
import { lookup as lookupSystem } from 'node:dns/promises'
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps, Agent as SecureAgent } from 'node:https'
import type { Owed } from '../model/control.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { type Push, type Pushed, readPushed } from './messages.ts'
import { FLEET_PATH, MOST_PUSH_BYTES } from './receive.ts'
import { isSigned, SIGNATURE_HEADER, signAnswer, signRequest } from './signed.ts'

const ANSWER_WITHIN_MS: Milliseconds = 1_000
const LOOK_UP_EVERY_MS: Milliseconds = 5_000
const HELLO_EVERY_MS: Milliseconds = 10_000

/** `dns`: every address of a name, on one port. */
export type Whereabouts =
  | { readonly kind: 'dns'; readonly name: string; readonly port: number }
  | { readonly kind: 'urls'; readonly urls: readonly string[] }

export interface PeersParts {
  readonly where: Whereabouts
  readonly secret: string
  readonly instance: string
  readonly clock: Clock
  /** Addresses of a name; the system's by default. */
  readonly lookup?: (name: string) => Promise<readonly string[]>
}

export interface Peers {
  /** To all of them at once; told of each answer as it comes. Resolves when all have answered, or failed. */
  push(owed: readonly Owed[], answered: (pushed: Pushed) => void): Promise<void>
  /** Those that did not answer when they were asked last, with why. */
  silent(): readonly { readonly url: string; readonly why: string }[]
  close(): void
}

export function createPeers(parts: PeersParts): Peers {
  const { where, secret, instance, clock } = parts
  const lookup = parts.lookup ?? addressesOf
  const agents = { http: new Agent({ keepAlive: true }), https: new SecureAgent({ keepAlive: true }) }
  let urls: readonly string[] = where.kind === 'urls' ? where.urls : []
  let lookedUp: Promise<void> = Promise.resolve()
  const troubles = new Map<string, string>()
  /** Ourselves, by the answer. */
  const own = new Set<string>()

  async function look(): Promise<void> {
    if (where.kind === 'urls') return
    try {
      const found = await lookup(where.name)
      if (found.length === 0) throw new Error('it has no address')
      urls = found.map(address => `http://${address.includes(':') ? `[${address}]` : address}:${where.port}`)
      troubles.delete(where.name)
      for (const url of troubles.keys()) if (url.startsWith('http') && !urls.includes(url)) troubles.delete(url)
    } catch (error) {
      // Those of before may still be there.
      troubles.set(where.name, String((error as Error).message ?? error))
    }
  }

  function post(url: string, body: string, signature: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const target = new URL(FLEET_PATH, url)
      const isSecure = target.protocol === 'https:'
      const asked = (isSecure ? requestHttps : requestHttp)(target, {
        method: 'POST',
        agent: isSecure ? agents.https : agents.http,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          [SIGNATURE_HEADER]: signature,
        },
      })
      // From the first byte to the last, whoever dawdles.
      const timer = setTimeout(
        () => asked.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)),
        ANSWER_WITHIN_MS,
      )
      asked.on('close', () => clearTimeout(timer))
      asked.on('error', reject)
      asked.on('response', response => {
        readText(response).then(text => {
          if (!isSigned(oneOf(response.headers[SIGNATURE_HEADER]), signAnswer(secret, signature, text))) {
            reject(new Error(`it answered ${response.statusCode}, not signed with our secret`))
          } else if (response.statusCode !== 200) reject(new Error(`it answered ${response.statusCode}: ${text}`))
          else resolve(text)
        }, reject)
      })
      asked.end(body)
    })
  }

  async function pushTo(url: string, body: string, signature: string, answered: (pushed: Pushed) => void) {
    try {
      const pushed = readPushed(await post(url, body, signature))
      if (pushed === null) throw new Error('its answer is none that this version knows')
      troubles.delete(url)
      if (pushed.instance === instance) own.add(url)
      else answered(pushed)
    } catch (error) {
      troubles.set(url, String((error as Error).message ?? error))
    }
  }

  async function push(owed: readonly Owed[], answered: (pushed: Pushed) => void): Promise<void> {
    const message: Push = { v: 1, from: instance, at: clock.now(), owed }
    const body = JSON.stringify(message)
    const signature = signRequest(secret, 'POST', FLEET_PATH, body)
    await Promise.all(urls.filter(url => !own.has(url)).map(url => pushTo(url, body, signature, answered)))
  }

  lookedUp = look()
  const looking = setInterval(() => {
    own.clear()
    lookedUp = look()
  }, LOOK_UP_EVERY_MS)
  const greeting = setInterval(() => void push([], () => {}), HELLO_EVERY_MS)
  looking.unref()
  greeting.unref()

  return {
    async push(owed, answered) {
      if (urls.length === 0) await lookedUp
      await push(owed, answered)
    },
    silent: () => [...troubles].map(([url, why]) => ({ url, why })),
    close() {
      clearInterval(looking)
      clearInterval(greeting)
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookupSystem(name, { all: true })).map(({ address }) => address)
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of response) {
    length += (piece as Buffer).length
    if (length > MOST_PUSH_BYTES) throw new Error('its answer is too long')
    pieces.push(piece as Buffer)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function oneOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
