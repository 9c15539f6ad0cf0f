// A little collector of OTLP over HTTP: takes what is posted, or does what it is told, and waits for what should come.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { eventually } from '../e2e/harness.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
type Json = any

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: Json
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: Json
}

export interface Collector {
  readonly url: string
  readonly port: number
  readonly requests: IncomingMessage[]
  readonly exports: Json[]
  /** Of all exports that were read. */
  spans(): readonly Span[]
  /** Waits until that many are there. */
  until(count: number): Promise<readonly Span[]>
}

/** `answer` is told when an export has been read. */
export async function collector(
  t: Test,
  answer: (res: ServerResponse, count: number) => void = res => res.end('{}'),
): Promise<Collector> {
  const requests: IncomingMessage[] = []
  const exports: Json[] = []
  const server = createServer((req, res) => {
    requests.push(req)
    const pieces: Buffer[] = []
    req.on('data', piece => pieces.push(piece))
    req.on('end', () => {
      exports.push(JSON.parse(Buffer.concat(pieces).toString()))
      answer(res, exports.length)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const spans = () =>
    exports.flatMap(one => one.resourceSpans.flatMap((r: Json) => r.scopeSpans.flatMap((s: Json) => s.spans)))
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    port,
    requests,
    exports,
    spans,
    async until(count) {
      await eventually(() => spans().length >= count, `${count} spans`)
      return spans()
    },
  }
}

/** As a plain object. */
export function attributesOf(span: Pick<Span, 'attributes'>): Record<string, string | number> {
  return Object.fromEntries(
    span.attributes.map(({ key, value }: Json) => [
      key,
      value.stringValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  )
}
