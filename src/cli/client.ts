// A client of admin/api.ts: one call in, one answer out, or a failure that people can read.
import * as http from 'node:http'
import * as https from 'node:https'
import { type Operation, type OperationName, operations, refusedIn } from '../admin/api.ts'
import type { Milliseconds, Revision } from '../model/units.ts'
import type { FoundToken } from './access.ts'
import { notOurs, type Received, understand, unreached } from './answer.ts'
import { CliError, EXIT } from './io.ts'

/** Operations that answer once; `events` is a stream. */
export type CallName = Exclude<OperationName, 'events'>
export type AnswerOf<Name extends CallName> = ReturnType<(typeof operations)[Name]['answer']['parse']>

export interface CallInput {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Sent as `If-Match`. */
  readonly ifRevision?: Revision | undefined
  /** Sent as `X-Banyan-Forward-Authorization`. */
  readonly forwardAuthorization?: string | undefined
}

export interface Client {
  /** Rejects with CliError only. The answer is the API's own, fields that this version does not know included. */
  call<Name extends CallName>(name: Name, input?: CallInput): Promise<AnswerOf<Name>>
}

export interface ClientOptions {
  readonly admin: URL
  readonly token: FoundToken | null
  /** For the whole exchange, connecting included. */
  readonly timeoutMs: Milliseconds
  readonly version: string
  /** Ends a call that is under way; null: only the time limit does. */
  readonly signal: AbortSignal | null
}

interface Asked {
  readonly operation: Operation
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** The API's largest answers (1000 audit entries, the whole configuration) stay far below. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024

export function createClient(options: ClientOptions): Client {
  return {
    async call<Name extends CallName>(name: Name, input: CallInput = {}): Promise<AnswerOf<Name>> {
      const operation: Operation = operations[name]
      const asked = ask(operation, input, options)
      const received = await exchange(asked, options)
      return understand(operation, received, options) as AnswerOf<Name>
    },
  }
}

/** Checked with the API's own schemas, so that a mistake is said before anything is sent. */
function ask(operation: Operation, input: CallInput, options: ClientOptions): Asked {
  mustFit(operation.params, input.params, true)
  mustFit(operation.query, input.query, true)
  mustFit(operation.body, input.body, false)
  const path = operation.path.replace(/:(\w+)/g, (_, name: string) => segmentOf(input.params?.[name] ?? ''))
  const url = new URL(`${options.admin.pathname.replace(/\/+$/, '')}/api/v1${path}`, options.admin)
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  const body = input.body === undefined ? null : JSON.stringify(input.body)
  return {
    operation,
    url,
    body,
    headers: {
      accept: 'application/json, application/problem+json',
      'user-agent': `banyan-cli/${options.version}`,
      ...(options.token === null ? {} : { authorization: `Bearer ${options.token.secret}` }),
      ...(input.ifRevision === undefined ? {} : { 'if-match': `"${input.ifRevision}"` }),
      ...(input.forwardAuthorization === undefined
        ? {}
        : { 'x-banyan-forward-authorization': input.forwardAuthorization }),
      ...(body === null
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    },
  }
}

function exchange(asked: Asked, options: ClientOptions): Promise<Received> {
  const deadline = AbortSignal.timeout(options.timeoutMs)
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(unreached(error, asked.operation, deadline.aborted, options))
    const request = (asked.url.protocol === 'https:' ? https : http).request(
      asked.url,
      {
        method: asked.operation.method,
        headers: asked.headers,
        // One connection per call: nothing stays open that would keep the process alive.
        agent: false,
        signal: options.signal === null ? deadline : AbortSignal.any([deadline, options.signal]),
      },
      incoming => {
        const chunks: Buffer[] = []
        let size = 0
        incoming.on('error', fail)
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size <= MAX_ANSWER_BYTES) {
            chunks.push(chunk)
            return
          }
          reject(notOurs(`its answer is larger than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB`, options.admin))
          request.destroy()
        })
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            type: incoming.headers['content-type'] ?? 'no type',
            location: incoming.headers.location ?? null,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      },
    )
    request.on('error', fail)
    request.end(asked.body ?? undefined)
  })
}

function mustFit(schema: Operation['body'], value: unknown, plain: boolean): void {
  const checked = schema?.safeParse(value ?? {})
  if (schema === undefined || checked === undefined || checked.success) return
  const [first] = refusedIn(checked.error, schema, value ?? {}, plain)
  const where = first?.pointer.slice(1).replaceAll('/', '.')
  throw new CliError(EXIT.usage, `${where || 'input'}: ${first?.message ?? 'not allowed'}`)
}

function segmentOf(value: string): string {
  // `.` and `..` would be taken for a way through the tree.
  if (value === '' || value === '.' || value === '..') throw new CliError(EXIT.usage, `not an id: '${value}'`)
  return encodeURIComponent(value)
}
