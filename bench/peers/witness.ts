// The new side of the rollback question and the operator who calls, in one process on purpose: requests and the API's
// answer then arrive at one event loop, which takes them in the order in which the kernel got them. With two processes a
// request could lie read late in one of them and look as if it had been sent after the answer.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { serveCanned } from '../kit/canned.ts'
import { answerParent } from '../kit/children.ts'

/** Asks for one rollback, what comes after it, and a restore. */
export interface RollbackRequest {
  readonly adminPort: number
  readonly token: string
  /** How long to look for requests that come too late. */
  readonly watchMs: number
}

/** Times since the call was written, in milliseconds. */
export interface Witnessed {
  readonly answeredMs: number
  /** When the new side got its last request; 0: none came after the call. */
  readonly lastMs: number
  /** Requests that the new side got after the caller had the answer. */
  readonly late: number
  /** What the proxy says: until it was in force, and until it was saved as well. */
  readonly inForceMs: number
  readonly savedMs: number
  readonly durable: boolean
}

/** The new side has to be in use again before the next rollback. */
const BUSY_AGAIN = 256
const BUSY_WITHIN_MS = 10_000

let arrivals = 0
let lastAt = 0
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

answerParent((question: RollbackRequest | 'serve') => (question === 'serve' ? serve() : rollBack(question)))

function serve(): Promise<number> {
  return serveCanned('new', () => {
    arrivals++
    lastAt = performance.now()
  })
}

async function rollBack({ watchMs, ...api }: RollbackRequest): Promise<Witnessed> {
  await busy()
  const calledAt = performance.now()
  const answer = await call(api, 'rollback', { reason: 'bench' })
  const answeredAt = performance.now()
  const before = arrivals
  await new Promise(resolve => setTimeout(resolve, watchMs))
  const witnessed: Witnessed = {
    answeredMs: answeredAt - calledAt,
    lastMs: Math.max(0, lastAt - calledAt),
    late: arrivals - before,
    inForceMs: Number((answer.appliedBy as { readonly ms: number }[])[0]?.ms),
    savedMs: Number(answer.elapsedMs),
    durable: answer.durable === true,
  }
  await call(api, 'restore', { rollbacks: [answer.rollback], reason: 'bench' })
  return witnessed
}

async function busy(): Promise<void> {
  const wanted = arrivals + BUSY_AGAIN
  const deadline = performance.now() + BUSY_WITHIN_MS
  while (arrivals < wanted) {
    if (performance.now() > deadline) throw new Error('the new side gets no requests')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function call(
  { adminPort: port, token }: Omit<RollbackRequest, 'watchMs'>,
  verb: 'rollback' | 'restore',
  body: object,
): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const asked = request({ host: '127.0.0.1', port, agent, method: 'POST', path: `/api/v1/${verb}`, headers })
  asked.end(JSON.stringify(body))
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const text = Buffer.concat(await answer.toArray()).toString()
  if (answer.statusCode !== 200) throw new Error(`${verb} was answered ${answer.statusCode}: ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}
