// The schema of the listener that clients see: limits, patience, TLS, and the answers that the proxy gives by itself.
import { z } from 'zod'
import { address, network } from './addresses.ts'
import { certificate, privateKey } from './certificate.ts'
import { shadowBounds } from './shadow-schema.ts'
import { countOrNone, duration, form, rate, size, sizeOrNone, spreading, Wrong } from './values.ts'

const MOST = 1_000_000
const MOST_WORKERS = 256
const KIB = 2 ** 10

const limits = z.strictObject({
  head: size(4 * KIB, KIB * KIB)
    .describe('request line and headers; more is answered 431')
    .prefault('64KiB'),
  fields: z.int().min(1).max(10_000).describe('header fields of a request; more is answered 431').prefault(200),
  target: size(KIB, KIB * KIB)
    .describe('request target; a longer one is answered 414')
    .prefault('16KiB'),
  body: sizeOrNone().describe('bytes of a request’s body; more is answered 413').prefault('none'),
  connections: z.int().min(1).max(MOST).describe('client connections at the same time').prefault(10_000),
  perAddress: countOrNone(MOST).describe('connections of one client address at the same time').prefault('none'),
})

const timeouts = z.strictObject({
  requestHead: duration(1).describe('from the first byte of a request to the end of its head').prefault('10s'),
  keepAlive: duration(1)
    .describe('between two requests on a connection; longer than that of the balancer in front')
    .prefault('75s'),
  stall: duration(1)
    .describe('a request’s body, or a client that reads its answer, without any progress')
    .prefault('60s'),
  minRate: rate()
    .describe('slowest body of a request, as bytes a second over ten seconds; none: no limit')
    .prefault('100B'),
})

export const proxy = z.strictObject({
  listen: address().describe('where clients come in').prefault('0.0.0.0:8080'),
  workers: z
    .union([z.int().min(1).max(MOST_WORKERS), z.literal('auto')])
    .describe('processes that share the port; auto: one per available core. Limits are of all together')
    .prefault(1),
  profile: z
    .enum(['transparent', 'standard'])
    .describe(
      'transparent: what exceeds limits.fields, target or body, or timeouts.stall or minRate, passes and is only reported (ten times the stall ends it all the same); standard: it is refused. Timeouts towards backends are the same in both',
    )
    .prefault('transparent'),
  clientIp: z
    .strictObject({
      from: z.array(network()).describe('peers whose X-Forwarded-* and Forwarded count; empty: nobody’s').prefault([]),
      hops: z.int().min(1).max(32).describe('how many such proxies stand in a row').prefault(1),
    })
    .describe('how the address of a client is found')
    .prefault({}),
  proxyProtocol: z
    .boolean()
    .describe('peers named in clientIp.from begin each connection with a PROXY protocol header')
    .prefault(false),
  limits: limits.describe('limits of the listener; see profile').prefault({}),
  timeouts: timeouts.describe('patience with clients').prefault({}),
  drain: z
    .strictObject({
      grace: duration().describe('readiness fails, the listener goes on: time for balancers to notice').prefault('5s'),
      deadline: duration().describe('from then on: time for requests in flight to end').prefault('30s'),
      tunnels: spreading('over the deadline')
        .describe('how WebSockets and event streams end: keep until the deadline, or cut one after another')
        .prefault('spread'),
    })
    .describe('what happens on SIGTERM')
    .prefault({}),
  shadow: shadowBounds
    .describe('what asking the other side, too, may take of this process, over all routes')
    .prefault({}),
  errors: z
    .strictObject({
      page: errorPage()
        .describe(
          'what browsers see: our own page, or HTML with {status}, {title}, {detail}, {code} and {exchange}; other clients get problem+json or text',
        )
        .prefault('default'),
    })
    .describe('answers that the proxy gives by itself')
    .prefault({}),
  tls: z
    .strictObject({
      cert: certificate().describe('the certificate, then its chain'),
      key: privateKey().describe('its private key, without a passphrase'),
    })
    .exactOptional()
    .describe('TLS on this listener; changed files are taken up without a restart'),
})

/** Sent whole with every failure. */
const MAX_PAGE_BYTES = 256 * KIB

function errorPage() {
  return form<string | null>({
    allowed: 'default, or file:PATH of an HTML page up to 256 KiB',
    pattern: 'default|file:.+|[\\s\\S]*<[\\s\\S]*',
    fromFile: true,
    read(text) {
      if (text === 'default') return null
      if (!text.includes('<')) {
        return new Wrong('no HTML in it', /^[\w./-]+$/.test(text) ? `write file:${text} to take it from a file` : null)
      }
      return Buffer.byteLength(text) > MAX_PAGE_BYTES ? new Wrong('larger than 256 KiB') : text
    },
    write: page => page ?? 'default',
  })
}
