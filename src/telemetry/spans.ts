// From what happened to spans as OTLP writes them (JSON, one text each): names of OpenTelemetry's semantic conventions for
// HTTP, and our own under `banyan.`. Never a path, a query, a user or a key: what is in here comes from the configuration
// and from fixed lists.
import type { Exchange } from '../model/exchange.ts'
import type { Backend } from '../model/route.ts'
import type { Dispatch, Trace } from '../model/trace.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'

/** When a moment of the monotonic clock was. */
export type EpochOf = (at: Milliseconds) => EpochMs

type Value = string | number | null
type Attributes = readonly (readonly [name: string, value: Value])[]

const SERVER = 2
const CLIENT = 3
const FAILED = 2

/** Whatever else a client calls its method would make a value of its own. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'])
const OTHER = '_OTHER'

/** The client's request, as one span; its end is the last byte of the answer. */
export function serverSpan(exchange: Exchange, trace: Trace, epochOf: EpochOf): string {
  const { decision, failure, status, ending, totalMs } = exchange
  const method = methodOf(exchange.method)
  const template = decision?.route.template ?? null
  const error = failure?.code ?? (status >= 500 ? String(status) : null)
  return spanText({
    trace,
    spanId: trace.spanId,
    parentId: trace.parent?.spanId ?? null,
    kind: SERVER,
    name: [nameOf(method), ...(template === null ? [] : [template])].join(' '),
    from: epochOf(trace.at),
    to: epochOf(trace.at + totalMs),
    isFailed: error !== null,
    attributes: [
      ['http.request.method', method],
      ['url.scheme', trace.scheme],
      ['http.route', template],
      ['http.response.status_code', status === 0 ? null : status],
      ['error.type', error],
      ['banyan.route', decision?.route.id ?? null],
      ['banyan.side', decision?.side ?? null],
      ['banyan.reason', decision?.reason ?? null],
      ['banyan.ending', ending],
      ['banyan.exchange', exchange.id],
    ],
    weight: trace.weight,
  })
}

/** A question to a backend, as one span below the client's. */
export function clientSpan(dispatch: Dispatch, epochOf: EpochOf): string {
  const { trace, spanId, backend, status, failure } = dispatch
  const method = methodOf(dispatch.method)
  const [peer, peerPort] = splitAddress(dispatch.address)
  const [server, port] = serverOf(backend) ?? [peer, peerPort]
  const error = failure ?? (status !== null && status >= 400 ? String(status) : null)
  return spanText({
    trace,
    spanId,
    parentId: trace.spanId,
    kind: CLIENT,
    name: nameOf(method),
    from: epochOf(dispatch.at),
    to: epochOf(dispatch.endedAt),
    isFailed: error !== null,
    attributes: [
      ['http.request.method', method],
      ['server.address', server],
      ['server.port', port],
      ['network.peer.address', peer],
      ['network.peer.port', peerPort],
      ['http.response.status_code', status],
      ['error.type', error],
      ['banyan.route', dispatch.route],
      ['banyan.side', dispatch.side],
      ['banyan.backend', backend.name],
      ['banyan.role', dispatch.role],
      ['banyan.attempt', dispatch.attempt],
    ],
    weight: null,
  })
}

interface SpanWords {
  readonly trace: Trace
  readonly spanId: string
  readonly parentId: string | null
  readonly kind: number
  readonly name: string
  readonly from: EpochMs
  readonly to: EpochMs
  readonly isFailed: boolean
  readonly attributes: Attributes
  /** The one number that need not be whole. */
  readonly weight: number | null
}

function spanText({ trace, spanId, parentId, kind, name, from, to, isFailed, attributes, weight }: SpanWords): string {
  const ofWeight = weight === null ? [] : [{ key: 'banyan.weight', value: { doubleValue: weight } }]
  return JSON.stringify({
    traceId: trace.traceId,
    spanId,
    ...(parentId === null ? {} : { parentSpanId: parentId }),
    name,
    kind,
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(Math.max(from, to)),
    attributes: [...attributes.flatMap(([key, value]) => keyValue(key, value)), ...ofWeight],
    status: isFailed ? { code: FAILED } : {},
  })
}

function keyValue(key: string, value: Value) {
  if (value === null) return []
  return [{ key, value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) } }]
}

/** As protobuf writes 64 bits in JSON; a double holds such a moment to the microsecond. */
function nanos(ms: EpochMs): string {
  return `${Math.round(ms * 1000)}000`
}

function methodOf(method: string): string {
  return METHODS.has(method) ? method : OTHER
}

function nameOf(method: string): string {
  return method === OTHER ? 'HTTP' : method
}

function splitAddress(address: string | null): readonly [host: string | null, port: number | null] {
  const colon = address?.lastIndexOf(':') ?? -1
  if (address === null || colon === -1) return [null, null]
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))]
}

const servers = new WeakMap<Backend, readonly [host: string, port: number] | null>()

/** What the backend is called; null: it has several addresses, and only the one that was asked says which. */
function serverOf(backend: Backend): readonly [host: string, port: number] | null {
  let known = servers.get(backend)
  if (known === undefined) {
    const [origin, ...more] = backend.origins
    known = origin === undefined || more.length > 0 ? null : hostAndPort(new URL(origin))
    servers.set(backend, known)
  }
  return known
}

function hostAndPort({ hostname, port, protocol }: URL): readonly [host: string, port: number] {
  return [hostname.replace(/^\[|\]$/g, ''), Number(port) || (protocol === 'https:' ? 443 : 80)]
}

export interface Resource {
  readonly service: string
  readonly version: string
  /** One for each process. */
  readonly instance: string
}

/** One request of OTLP: spans that are texts already. */
export function exportText({ service, version, instance }: Resource, spans: readonly string[]): string {
  const attributes = [
    ...keyValue('service.name', service),
    ...keyValue('service.version', version),
    ...keyValue('service.instance.id', instance),
  ]
  const resource = JSON.stringify({ attributes })
  const scope = JSON.stringify({ name: 'banyan', version })
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}]}]}`
}
