// A client of one replica that asks at an even pace and remembers of each request when it began and who served it. All askers
// and the operator share one process, so that there is one clock and one order of events.
import { Agent, request } from 'node:http'

export interface Served {
  /** By performance.now(), before anything was written. */
  readonly startedAt: number
  readonly byNew: boolean
}

export interface Asker {
  /** Of what was answered since the last call, oldest answer first. */
  take(): readonly Served[]
  /** Resolves when every request that has begun by now is answered. */
  caughtUp(): Promise<void>
  /** Not answered with 200, or not at all. */
  failed(): number
  answered(): number
  stop(): void
}

const TIMEOUT_MS = 10_000
const USERS = 100

/** `connections`: each has requests in turn, so that the workers behind it have some. */
export function createAsker(port: number, everyMs: number, connections: number): Asker {
  const agents = Array.from({ length: connections }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  const open = new Map<number, Promise<void>>()
  let served: Served[] = []
  let sent = 0
  let answered = 0
  let failed = 0

  function ask(): void {
    const id = sent++
    const startedAt = performance.now()
    const headers = { host: 'shop.example.com', 'x-user-id': `user-${id % USERS}` }
    const over = new Promise<void>(resolve => {
      const asked = request({
        host: '127.0.0.1',
        port,
        path: '/orders/4711',
        headers,
        agent: agents[id % connections] as Agent,
        timeout: TIMEOUT_MS,
      })
      asked.on('timeout', () => asked.destroy(new Error('no answer')))
      asked.on('error', () => {
        failed++
        resolve()
      })
      asked.on('response', answer => {
        answer.resume()
        if (answer.statusCode !== 200) failed++
        served.push({ startedAt, byNew: answer.headers['x-served-by'] === 'new' })
        answered++
        answer.on('close', resolve)
      })
      asked.end()
    })
    open.set(id, over)
    over.then(() => open.delete(id))
  }

  // By the clock, so that a tick that comes late is made up for.
  const began = performance.now()
  const timer = setInterval(() => {
    while (sent * everyMs < performance.now() - began) ask()
  }, everyMs)
  return {
    take() {
      const taken = served
      served = []
      return taken
    },
    caughtUp: async () => {
      await Promise.all(open.values())
    },
    failed: () => failed,
    answered: () => answered,
    stop() {
      clearInterval(timer)
      for (const agent of agents) agent.destroy()
    },
  }
}
