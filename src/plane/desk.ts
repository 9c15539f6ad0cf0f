// Shadowing where clients are served: copies requests, asks, compares, and tells the ledger what came of it.
import { BanyanError } from '../model/errors.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Bytes, Clock, Milliseconds } from '../model/units.ts'
import type { PlainRequest } from '../proxy/plain.ts'
import { hashOfKey } from '../routing/cohorts.ts'
import { type Comparer, createComparer } from '../shadow/comparer.ts'
import { Memory } from '../shadow/memory.ts'
import type { Original } from '../shadow/original.ts'
import { createShadow, type Shadow, type ShadowParts } from '../shadow/shadow.ts'
import type { Suspensions } from '../shadow/suspensions.ts'
import type { Replay } from './plane.ts'

const REPLAY_TIMEOUT_MS: Milliseconds = 10_000
const REPLAY_READ_BYTES: Bytes = 4 * 1024 * 1024

export interface DeskParts extends Pick<ShadowParts, 'asked' | 'isStrained' | 'ledger' | 'legacyP95' | 'suspended'> {
  readonly clock: Clock
  readonly random: () => number
  readonly current: () => Snapshot
  readonly suspensions: Suspensions
  /** A request of our own, as the proxy makes it. */
  readonly originalOf: (route: Route, request: PlainRequest) => Original
  readonly broken: (message: string, why: string) => void
}

export interface ShadowDesk extends Pick<Shadow, 'begin' | 'isSilent' | 'remembered'> {
  heldBytes(): Bytes
  /** A new plan is in force. */
  swapped(): void
  replay(route: RouteId, request: PlainRequest): Promise<Replay>
  /** Nobody is asked any more; what is under way is counted as it is. */
  close(): Promise<void>
}

export function createShadowDesk(parts: DeskParts): ShadowDesk {
  const { clock, current } = parts
  const bounds = () => current().plan.shadow
  const memory = new Memory(() => bounds().memoryBytes)
  const comparer: Comparer = createComparer({
    most: () => bounds().queue,
    broken: why => parts.broken('the comparer’s thread ended; what it had in hand is undecided', why),
  })
  const shadow = createShadow({
    ...parts,
    comparer,
    memory,
    rulesOf: route => current().splits[route.index]?.rules ?? null,
    hashOfKey,
    broken: error => parts.broken('a shadow failed inside the proxy', String((error as Error).stack ?? error)),
    sleep: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
  })

  async function replay(id: RouteId, request: PlainRequest): Promise<Replay> {
    const route = current().plan.byId.get(id)
    if (route === undefined || route.sides.legacy === null || route.sides.new === null) {
      throw new BanyanError('not_replayable', `route ${id} has no two sides any more`)
    }
    const original = parts.originalOf(route, request)
    const account = memory.account()
    const bounds = {
      timeoutMs: REPLAY_TIMEOUT_MS,
      keepBytes: route.compare.maxBodyBytes,
      readBytes: REPLAY_READ_BYTES,
      hold: account.hold,
    }
    const asked = [original.ask('legacy', null, bounds), original.ask('new', null, bounds)] as const
    const [legacy, fresh] = await Promise.all(asked).finally(() => account.close())
    const statusOf = (one: typeof legacy) => (one.kind === 'answer' ? one.answer.status : null)
    const statuses = { legacy: statusOf(legacy), new: statusOf(fresh) }
    if (legacy.kind !== 'answer' || fresh.kind !== 'answer') return { statuses, finding: null }
    const finding = await comparer.compare({
      route: route.id,
      method: original.head.method,
      template: route.template,
      target: original.head.target,
      at: clock.now(),
      exchange: original.exchange,
      traceId: original.traceId,
      primary: 'legacy',
      keyHash: null,
      legacy: legacy.answer,
      new: fresh.answer,
      // With values, redacted: whoever replays may see them. They are not kept.
      policy: { ...shadow.policyOf(route), valuesUntil: Number.MAX_SAFE_INTEGER },
      wantsExemplar: true,
    })
    if (finding === null) throw new BanyanError('busy', 'too many comparisons wait', { hint: 'try again in a moment' })
    return { statuses, finding }
  }

  return {
    begin: shadow.begin,
    isSilent: shadow.isSilent,
    remembered: shadow.remembered,
    heldBytes: () => memory.held,
    swapped: () => shadow.retain(new Set(shadowedRoutes(current().plan.routes))),
    replay,
    async close() {
      shadow.stop()
      await comparer.close()
    },
  }
}

function shadowedRoutes(routes: readonly Route[]): readonly RouteId[] {
  return routes.filter(({ shadow }) => shadow !== null).map(({ id }) => id)
}
