// The schema of a backend: where it is, how its addresses share the load, what it can take, and how it speaks.
import { z } from 'zod'
import { QUIRKS } from '../model/route.ts'
import { backendUrl, hostName, hostPolicy } from './addresses.ts'
import { balance, httpVersion, probePath, probePathOrNone, repeatable } from './backend-forms.ts'
import { pem } from './certificate.ts'
import { inherited } from './later.ts'
import { countOrNone, duration, durationOrNone, percent, share, size, text } from './values.ts'

const MOST = 1_000_000
const KIB = 2 ** 10

// ---- in blocks, merged key by key with those of the backend that a side names

const timeouts = {
  connect: durationOrNone()
    .describe(
      'opening a connection, TLS included; the wait for one of `connections` to come free is not counted, but by `total`',
    )
    .prefault('5s'),
  head: durationOrNone().describe('from the request’s last byte to the answer’s head').prefault('none'),
  idle: durationOrNone().describe('between two pieces of the answer’s body; any progress restarts it').prefault('none'),
  total: durationOrNone().describe('the whole exchange, a second try included').prefault('none'),
}

const tls = {
  verify: z.boolean().describe('checks the backend’s certificate; false is loud in status').prefault(true),
  ca: pem().exactOptional().describe('authorities to trust instead of the system’s, as file:PATH'),
  servername: hostName().exactOptional().describe('name to send and check instead of the URL’s host'),
  minVersion: z
    .enum(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])
    .exactOptional()
    .describe('oldest TLS version spoken; default Node’s, TLSv1.2. An older one is loud in status'),
  ciphers: text().exactOptional().describe('OpenSSL cipher list; default Node’s. Loud in status'),
  legacyRenegotiation: z.boolean().describe('allows servers without RFC 5746; loud in status').prefault(false),
}

const queue = {
  size: z.int().min(0).max(MOST).describe('requests that may wait; more are answered 503').prefault(200),
  wait: duration(1).describe('how long, at most').prefault('2s'),
}

const retry = {
  methods: z
    .array(repeatable())
    .describe('asked once more when a reused connection was closed before any byte of an answer; empty: off')
    .prefault(['GET', 'HEAD', 'OPTIONS', 'TRACE']),
  budget: percent()
    .describe('retries at the same time, as a share of the requests under way; three are always allowed')
    .prefault('20%'),
}

const wire = {
  accept: z
    .array(z.enum(QUIRKS))
    .describe(
      'quirks of its answers that are let in, re-framed and counted; close-delimited is an unannounced end: an HTTP/1.1 answer with neither length, coding nor `Connection: close`. Profile `transparent` lets in http-1.0, close-delimited and unsolicited-100, which are legal HTTP',
    )
    .prefault([]),
  version: httpVersion().describe('HTTP version of requests to it').prefault('1.1'),
  reuse: z
    .enum(['always', 'never'])
    .describe('whether a connection is used again; never: one exchange each')
    .prefault('always'),
  chunkedRequests: z
    .enum(['stream', 'buffer'])
    .describe('buffer, for backends that need a Content-Length: chunked bodies are read whole first')
    .prefault('stream'),
  bufferLimit: size(KIB, KIB ** 3)
    .describe('longest body that is read whole; more is answered 413')
    .prefault('16MiB'),
}

// ---- as a whole

const healthObject = z.strictObject({
  path: probePath().describe('asked with GET; 2xx and 3xx are healthy'),
  interval: duration(100).describe('between two probes of one address').prefault('5s'),
  timeout: duration(1).describe('no answer until then is a failed probe').prefault('2s'),
  healthy: z.int().min(1).max(100).describe('so many good probes in a row bring an address back').prefault(2),
  unhealthy: z.int().min(1).max(100).describe('so many failed probes in a row take it out').prefault(3),
})

export type HealthConfig = z.output<typeof healthObject>

// Objects come first in these unions: on the way back to the words of the file a text form would take anything.
const health = () =>
  z.codec(z.union([healthObject, probePathOrNone()]), z.custom<HealthConfig | null>(), {
    decode: value => (typeof value === 'string' ? healthObject.parse({ path: value }) : value),
    encode: value => value,
  })

const circuit = () =>
  z.codec(
    z.union([
      z.strictObject({
        errors: share().describe('share of failed requests in the window that opens it').prefault('50%'),
        min: z.int().min(1).max(MOST).describe('with fewer requests in the window it stays closed').prefault(20),
        window: duration(1000).describe('how far it looks back').prefault('10s'),
        open: duration(1).describe('between two requests that try whether it is well again').prefault('5s'),
      }),
      z.literal('none'),
    ]),
    z.custom<CircuitConfig | null>(),
    {
      decode: value => (value === 'none' ? null : value),
      encode: value => value ?? 'none',
    },
  )

export interface CircuitConfig {
  readonly errors: number
  readonly min: number
  readonly window: number
  readonly open: number
}

const settings = {
  host: hostPolicy()
    .describe('the Host header that the backend gets: `preserve` keeps the client’s, a name replaces it')
    .prefault('preserve'),
  connections: z
    .int()
    .min(1)
    .max(65_535)
    .describe('connections for requests to each of its addresses, at most; upgraded ones (WebSocket) do not count')
    .prefault(128),
  balance: balance()
    .describe(
      'how several urls share the load: least: the one with the fewest requests under way; round: in turn; cookie:NAME: a cookie of ours keeps a client on one address',
    )
    .prefault('least'),
  health: health().describe('probes of each address: the path alone, a mapping, or none').prefault('none'),
  slowStart: duration()
    .exactOptional()
    .describe('an address that comes (back) gets its full share after this; default 10s with `health`, else 0s'),
  maxConcurrent: countOrNone(MOST)
    .describe('requests at the same time, over all of its addresses; more wait in the queue')
    .prefault('none'),
  circuit: circuit().describe('stops asking a backend whose requests fail; {} takes the defaults').prefault('none'),
}

const url = backendUrl().exactOptional().describe('where it is')

const WORDS = {
  queue: 'where requests wait for one of `maxConcurrent` places',
  retry: 'repeating what a backend cannot have acted on, or may act on twice without harm',
  timeouts: 'time limits of one exchange; none is no limit',
  tls: 'for https',
  wire: 'what is known of the way it speaks; anything but the defaults is for backends that cannot be mended',
} as const

export const backendSchema = z
  .strictObject({
    url,
    urls: z
      .array(backendUrl())
      .min(1)
      .max(256)
      .exactOptional()
      .describe('the same for several addresses of one service, all http or all https'),
    ...settings,
    queue: z.strictObject(queue).describe(WORDS.queue).prefault({}),
    retry: z.strictObject(retry).describe(WORDS.retry).prefault({}),
    timeouts: z.strictObject(timeouts).describe(WORDS.timeouts).prefault({}),
    tls: z.strictObject(tls).describe(WORDS.tls).prefault({}),
    wire: z.strictObject(wire).describe(WORDS.wire).prefault({}),
  })
  .describe('one service, named once and used by many routes; `url` or `urls` says where')

export type BackendConfig = z.output<typeof backendSchema>

/** What a side may say over the words of its backend, or beside a url of its own. */
export const sideSettings = {
  url,
  ...inherited(settings),
  queue: z.strictObject(inherited(queue)).exactOptional().describe(WORDS.queue),
  retry: z.strictObject(inherited(retry)).exactOptional().describe(WORDS.retry),
  timeouts: z.strictObject(inherited(timeouts)).exactOptional().describe(WORDS.timeouts),
  tls: z.strictObject(inherited(tls)).exactOptional().describe(WORDS.tls),
  wire: z.strictObject(inherited(wire)).exactOptional().describe(WORDS.wire),
}
