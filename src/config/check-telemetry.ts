// The rules of `telemetry` that need several keys at once.
import { answersAt, writeAddress } from './addresses.ts'
import { type Checked, mapping } from './check-data.ts'
import type { Finding } from './mistakes.ts'

/** Of OTLP over gRPC. */
const GRPC_PORT = '4317'

export function* checkTelemetry({ data, listeners }: Checked): Generator<Finding> {
  const { traces } = mapping(data.telemetry)
  const { endpoint } = mapping(traces)
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return
  const url = new URL(endpoint)
  const path = ['telemetry', 'traces', 'endpoint']
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const own = listeners.find(({ at }) => answersAt(at, url.hostname.replace(/^\[|\]$/g, ''), port))
  if (own !== undefined) {
    yield {
      path,
      message: `this is our own listener (${own.name}.listen: ${writeAddress(own.at)}): no collector is there`,
      allowed: 'the URL of a collector',
    }
  } else if (url.port === GRPC_PORT) {
    yield {
      path,
      level: 'warning',
      message: 'port 4317 is that of gRPC; OTLP over HTTP has another',
      hint: `write ${url.href.replace(`:${GRPC_PORT}`, ':4318')}`,
    }
  }
}
