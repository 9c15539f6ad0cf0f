// What is told to whom about the traffic: traces, by OpenTelemetry's protocol. Off unless somebody says where to.
import { z } from 'zod'
import type { TraceSampling } from '../model/trace.ts'
import { headerName } from './patterns.ts'
import { form, percent, secret, text, Wrong } from './values.ts'

const URL_ALLOWED = 'http(s)://host:port/path of OTLP over HTTP, such as http://collector:4318/v1/traces'
const PERCENT = '(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?)%?'

const traces = z.strictObject({
  endpoint: tracesUrl().describe('where spans are posted, as OTLP over HTTP in JSON'),
  headers: z
    .record(headerName(), secret().refine(isFieldValue, 'not the value of a header'))
    .describe('headers sent with each export, as { Authorization: "$' + '{OTLP_AUTH}" }')
    .prefault({}),
  sample: sampling()
    .describe(
      'which traces are recorded: `parent` (those that a valid traceparent of the request says are), a percent of all, or `parent or 1%` (a percent of those that begin here)',
    )
    .prefault('parent or 1%'),
  service: text('a name', '[^\\p{C}]{1,255}')
    .describe('service.name of the spans; replicas differ by service.instance.id')
    .prefault('banyan'),
})

export const telemetry = z.strictObject({
  traces: traces
    .exactOptional()
    .describe(
      'OpenTelemetry traces; without it there are none, whatever OTEL_* variables say. With it, a request that is recorded goes to backends with our span in its traceparent, and a malformed one is replaced',
    ),
})

export type TracesConfig = z.output<typeof traces>

function tracesUrl() {
  return form<string>({ allowed: URL_ALLOWED, pattern: 'https?://[^?#@ ]+', read: readUrl, write: url => url })
}

function readUrl(given: string): string | Wrong {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1]?.toLowerCase()
  if (scheme === 'grpc')
    return new Wrong('OTLP is spoken over HTTP only', 'for example http://collector:4318/v1/traces')
  if (scheme !== 'http' && scheme !== 'https') return new Wrong('not a URL of http or https')
  if (given.includes('@')) return new Wrong('a URL must not hold a user or password', 'send them in headers')
  const url = URL.canParse(given) && !/[\s\\]/.test(given) ? new URL(given) : null
  if (url === null || url.hostname === '') return new Wrong('not a URL')
  if (url.port === '0') return new Wrong('port 0 cannot be asked')
  if (/[?#]/.test(given)) return new Wrong('a URL here has no query', 'send keys in headers')
  // The variable of the same name in other programs is a base; nobody takes spans at /.
  if (url.pathname === '/') return new Wrong('the path is missing', `write ${url.origin}/v1/traces`)
  return url.href
}

function sampling() {
  return form<TraceSampling>({
    allowed: 'parent, a percent such as 5%, or parent or 5%',
    pattern: `parent( or ${PERCENT})?|${PERCENT}`,
    numbers: 'as-text',
    read(given) {
      if (given === 'parent') return { byParent: true, percent: 0 }
      const [, parent, rest = ''] = /^(parent or )?(.+)$/.exec(given) ?? []
      const read = percent().safeParse(rest)
      if (!read.success) return new Wrong('neither parent nor a percent', 'for example parent or 1%')
      return { byParent: parent !== undefined, percent: read.data }
    },
    write({ byParent, percent }) {
      if (!byParent) return `${percent}%`
      return percent === 0 ? 'parent' : `parent or ${percent}%`
    },
  })
}

/** What Node lets into a head. */
function isFieldValue(value: string | null): boolean {
  return value === null || /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}
