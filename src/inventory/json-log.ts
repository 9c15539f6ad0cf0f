// Reads an access log of JSON lines by the names that its fields have in nginx, Caddy, Traefik, Envoy, AWS, Google Cloud,
// pino-http, Elastic's common schema, and our own log (whose paths are templates: it keeps no others).
import type { Milliseconds } from '../model/units.ts'
import { type Broken, isBroken, type LogEntry, orNull, type Requested } from './log-entry.ts'
import { readMoment, readSpan, type TimeUnit } from './log-time.ts'
import { readHost, readRequest, readRequestLine } from './request-line.ts'

type Json = Readonly<Record<string, unknown>>

/** The first that is there counts. A name with points is one name, or a way down. */
const NAMES = {
  line: ['request', 'requestLine', 'request_line'],
  method:
    'request.method request_method RequestMethod method http_method httpMethod req.method httpRequest.requestMethod http.request.method verb cs-method'.split(
      ' ',
    ),
  target:
    'request.uri request_uri RequestPath x-envoy-original-path path uri url req.url httpRequest.requestUrl url.original url.path request_url requestUri target template cs-uri-stem'.split(
      ' ',
    ),
  query: ['args', 'query_string', 'url.query', 'cs-uri-query'],
  status:
    'status DownstreamStatus response_code statusCode status_code res.statusCode elb_status_code httpRequest.status http.response.status_code response.status responseStatus sc-status'.split(
      ' ',
    ),
  bytes:
    'body_bytes_sent bytes_sent size DownstreamContentSize sent_bytes httpRequest.responseSize http.response.body.bytes http.response.bytes responseLength response_size bytes sc-bytes'.split(
      ' ',
    ),
  at: 'ts StartUTC start_time time_iso8601 time_local msec @timestamp timestamp time requestTime date'.split(' '),
  caller:
    'request.client_ip request.remote_ip request.remote_addr client_ip ClientHost remote_addr downstream_remote_address remote_ip remoteAddress req.remoteAddress client httpRequest.remoteIp source.ip client.ip ip c-ip'.split(
      ' ',
    ),
  agent:
    'http_user_agent user_agent userAgent request_User-Agent request.headers.User-Agent req.headers.user-agent httpRequest.userAgent user_agent.original agent cs(User-Agent)'.split(
      ' ',
    ),
  referer:
    'http_referer referer referrer request_Referer request.headers.Referer req.headers.referer httpRequest.referer http.request.referrer'.split(
      ' ',
    ),
  host: 'request.host RequestHost http_host authority host req.headers.host vhost domain_name url.domain server_name domainName'.split(
    ' ',
  ),
} as const

/** By name, its unit. A plain `duration` is of Caddy (seconds) beside a `request` object, else of Envoy (milliseconds). */
const DURATIONS: readonly (readonly [string, TimeUnit])[] = [
  ['request_time', 's'],
  ['Duration', 'ns'],
  ['ms', 'ms'],
  ['responseTime', 'ms'],
  ['responseLatency', 'ms'],
  ['duration_ms', 'ms'],
  ['durationMs', 'ms'],
  ['response_time_ms', 'ms'],
  ['latency_ms', 'ms'],
  ['elapsed_ms', 'ms'],
  ['time-taken', 'ms'],
  ['duration_us', 'us'],
  ['duration_ns', 'ns'],
  ['event.duration', 'ns'],
  ['httpRequest.latency', 's'],
]
/** Of AWS: their sum is the time; -1 where it did not come so far. */
const ALB = ['request_processing_time', 'target_processing_time', 'response_processing_time']

export function readJsonLine(line: string): LogEntry | Broken {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { broken: 'json' }
  }
  if (!isObject(json)) return { broken: 'json' }
  const asked = requestedIn(json)
  if (isBroken(asked)) return asked
  const status = Number(first(json, NAMES.status))
  if (!Number.isInteger(status) || status < 100 || status > 999) return { broken: 'status' }
  const bytes = Number(first(json, NAMES.bytes) ?? Number.NaN)
  return {
    method: asked.method,
    target: asked.target,
    status,
    bytes: Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null,
    durationMs: durationIn(json),
    at: firstThat(json, NAMES.at, readMoment),
    caller: callerIn(json),
    userAgent: text(first(json, NAMES.agent)),
    referer: text(first(json, NAMES.referer)),
    host: asked.host,
  }
}

function requestedIn(json: Json): Requested | Broken {
  const method = text(first(json, NAMES.method))
  const target = text(first(json, NAMES.target))
  const host = text(first(json, NAMES.host))
  if (method !== null && target !== null) {
    const query = target.includes('?') ? null : text(first(json, NAMES.query))
    return readRequest(method, query === null ? target : `${target}?${query.replace(/^\?/, '')}`, host)
  }
  const line = text(first(json, NAMES.line))
  if (line === null) return { broken: 'no-request' }
  const asked = readRequestLine(line)
  return isBroken(asked) ? asked : { ...asked, host: asked.host ?? readHost(host) }
}

function durationIn(json: Json): Milliseconds | null {
  for (const [name, unit] of DURATIONS) {
    const span = readSpan(valueAt(json, name), unit)
    if (span !== null) return span
  }
  const plain = readSpan(json.duration, isObject(json.request) ? 's' : 'ms')
  if (plain !== null) return plain
  const parts = ALB.map(name => Number(json[name] ?? Number.NaN))
  return parts.every(part => part >= 0) ? parts.reduce((sum, part) => sum + part, 0) * 1000 : null
}

/** `10.0.0.1:1234` and `[::1]:1234` without their ports. */
function callerIn(json: Json): string | null {
  const address = text(first(json, NAMES.caller))
  if (address === null) return null
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1]
  return (bracketed ?? address.replace(/^([^:]+):\d+$/, '$1')).slice(0, 255)
}

function first(json: Json, names: readonly string[]): unknown {
  return firstThat(json, names, value => (value === undefined || value === '' || isObject(value) ? null : value))
}

function firstThat<T>(json: Json, names: readonly string[], read: (value: unknown) => T | null): T | null {
  for (const name of names) {
    const found = read(valueAt(json, name))
    if (found !== null) return found
  }
  return null
}

function valueAt(json: Json, name: string): unknown {
  if (Object.hasOwn(json, name)) return json[name]
  const point = name.indexOf('.')
  if (point === -1) return undefined
  const below = json[name.slice(0, point)]
  return isObject(below) ? valueAt(below, name.slice(point + 1)) : undefined
}

/** Caddy writes lists of values. */
function text(value: unknown): string | null {
  if (Array.isArray(value)) return text(value[0])
  return typeof value === 'string' ? orNull(value) : null
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
