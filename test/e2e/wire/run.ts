// Runs cases against a proxy: independent ones side by side, the others one at a time, and tells how each ended.
import { AssertionError } from 'node:assert'
import type { Backend } from './backend.ts'
import type { Case } from './case.ts'
import { Scene, type Stage } from './scene.ts'

/** Longer than any single wait inside a case. */
const CASE_CAP_MS = 30_000

export interface Target extends Stage {
  /** How many cases run side by side. */
  readonly parallel: number
}

/** One promise per case, by id: null when it holds, else what went wrong. */
export type Results = ReadonlyMap<string, Promise<Error | null>>

export function runAll(cases: readonly Case[], target: Target): Results {
  const together = cases.filter(one => !one.alone)
  const alone = cases.filter(one => one.alone)
  const waiting = new Map(cases.map(one => [one.id, Promise.withResolvers<Error | null>()]))
  const lane = async (queue: Case[]) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      waiting.get(next.id)?.resolve(await runOne(next, target))
    }
  }
  void (async () => {
    const queue = [...together]
    await Promise.all(Array.from({ length: target.parallel }, () => lane(queue)))
    await lane([...alone])
  })()
  return new Map([...waiting].map(([id, { promise }]) => [id, promise]))
}

async function runOne(one: Case, stage: Stage): Promise<Error | null> {
  const scene = new Scene(stage)
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new AssertionError({ message: `not over after ${CASE_CAP_MS / 1000} s` }))
  }, CASE_CAP_MS)
  try {
    await Promise.race([one.run(scene), late, scene.failure])
    scene.checkDesyncs()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    clearTimeout(timer)
    scene.close()
  }
}

/** What reached the backend and points at no case. */
export function strays(backend: Backend): string[] {
  return backend.desyncs.filter(one => one.mark === null).map(one => one.message)
}
