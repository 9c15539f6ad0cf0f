// What stands in front of a fleet while its replicas are restarted: a balancer with clients behind it, and a supervisor.
import { Agent, request } from 'node:http'
import type { Test } from 'tap'
import type { FleetKit, Replica } from './fleet.ts'

export interface Load {
  readonly failed: string[]
  served(): number
  stop(): Promise<void>
}

/** As a balancer does it: whoever is ready gets new requests, on connections that are kept. */
export function startLoad(t: Test, kit: FleetKit): Load {
  const failed: string[] = []
  let going = true
  let served = 0
  let ready: readonly Replica[] = kit.replicas
  const agents = new Map<string, Agent>()
  const agentOf = ({ running }: Replica) => {
    const key = running?.proxy ?? ''
    const agent = agents.get(key) ?? new Agent({ keepAlive: true })
    agents.set(key, agent)
    return agent
  }
  const looking = (async () => {
    while (going) {
      const seen = await Promise.all(
        kit.replicas.map(async replica => {
          if (replica.running === null) return false
          const answer = await fetch(`${replica.running.health}/readyz`).catch(() => null)
          await answer?.arrayBuffer()
          return answer?.status === 200
        }),
      )
      ready = kit.replicas.filter((_, i) => seen[i])
      await new Promise(resolve => setTimeout(resolve, 30))
    }
  })()
  const clients = Array.from({ length: 6 }, async (_, i) => {
    for (let n = 0; going; n++) {
      const replica = ready[(i + n) % Math.max(1, ready.length)]
      if (replica?.running == null) {
        await new Promise(resolve => setTimeout(resolve, 5))
        continue
      }
      const outcome = await ask(`${replica.running.proxy}/orders/${n}`, agentOf(replica), `user-${n % 20}`)
      if (outcome === null) served++
      else failed.push(`${replica.name}: ${outcome}`)
      await new Promise(resolve => setTimeout(resolve, 3))
    }
  })
  const stop = async () => {
    going = false
    await Promise.all([looking, ...clients])
    for (const agent of agents.values()) agent.destroy()
  }
  t.teardown(stop)
  return { failed, served: () => served, stop }
}

/** null: 200. A kept connection that was closed before any byte came back is asked again, as every client does. */
function ask(url: string, agent: Agent, user: string, again = true): Promise<string | null> {
  return new Promise(resolve => {
    const asked = request(url, { agent, headers: { 'x-user-id': user } }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`))
      response.on('error', error => resolve(String(error)))
    })
    asked.on('error', error => {
      if (again && asked.reusedSocket) resolve(ask(url, agent, user, false))
      else resolve(String((error as { code?: string }).code ?? error))
    })
    asked.end()
  })
}

/** As its supervisor does it. */
export async function restart(kit: FleetKit, replica: Replica): Promise<void> {
  const { running } = replica
  running?.signal('SIGTERM')
  const ended = await running?.ended
  if (ended?.end !== 0) throw new Error(`${replica.name} ended with ${ended?.end}`)
  await kit.start(replica)
}
