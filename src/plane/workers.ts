// The data plane of several processes that share the listening port. This one forks them, tells them what is in force, adds up
// what they have seen, and puts another in the place of one that ends or hangs.
//
// The listening socket is shared, and connections wait in it for whichever worker comes first (`SCHED_NONE`): a worker that
// hangs or dies has no line of its own to lose, and nothing that this process does delays one. A worker is asked for a sign of
// life each second; without one for a second it is pending, for five it is ended and replaced.
import cluster, { type Worker } from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LogLine, LogOptions } from '../log.ts'
import { type Metered, pastOf, readMetrics, textOfAll } from '../metrics/text.ts'
import type { Reached } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import type { OwnListener } from '../upstream/own-listeners.ts'
import { type Asking, createAsking } from './asking.ts'
import { hear } from './hearing.ts'
import { type Beginning, type FromWorker, type ToWorker, textOf } from './messages.ts'
import type { Ears, Generation, Plane, PlaneSettings, Reading, WorkerState } from './plane.ts'
import { NOTHING_READ, pastReading, sumOf } from './sum.ts'

/** Without an answer for so long a worker is pending, and a change does not wait for it. */
const PENDING_MS: Milliseconds = 1_000
const REPLACED_MS: Milliseconds = 5_000
/** Node has to start, and thousands of routes to be compiled. */
const START_MS: Milliseconds = 60_000
/** One that ended sooner than this after its start is replaced later and later. */
const SHORT_LIFE_MS: Milliseconds = 2_000
const FIRST_PAUSE_MS: Milliseconds = 100
const LONGEST_PAUSE_MS: Milliseconds = 5_000
/** Beyond a deadline, until a worker has said that it is through. */
const SAY_SO_MS: Milliseconds = 2_000

export interface WorkersParts {
  readonly count: number
  readonly settings: PlaneSettings
  readonly ears: Ears
  readonly clock: Clock
  readonly log: LogLine
  readonly workerLog: LogOptions
  readonly instance: string
  readonly first: Generation
  readonly suspensions: () => Beginning['suspensions']
  /** One ended that was not asked to, or was ended because it hung. */
  readonly replaced: () => void
}

interface Place {
  readonly number: number
  /** null: between two. */
  one: Running | null
  pauseMs: Milliseconds
}

interface Running {
  readonly process: Worker
  readonly asking: Asking
  readonly since: Milliseconds
  /** What was said before it could hear is lost. */
  readonly canHear: Promise<void>
  readonly up: () => void
  /** What it was told last; null: it has not begun. */
  plan: Plan | null
  revision: Revision
  /**
   * The last change that it said it runs, and after how long; 0: it began with it. Revisions do not tell: a rollback that is
   * owed may share one.
   */
  runs: { readonly change: number; readonly ms: Milliseconds } | null
  /** It has begun, and listens if it should. */
  isUp: boolean
  /** When the question was asked that has no answer yet; null: none. */
  silentSince: Milliseconds | null
  reading: Reading | null
  metered: Metered | null
}

export function createWorkersPlane(parts: WorkersParts): Plane {
  const { clock, log, settings } = parts
  let generation = parts.first
  /** Counts what was put in force. */
  let change = 0
  /** All have been heard of the last one, or a second has passed. */
  let heard: Promise<unknown> = Promise.resolve()
  /** What is given to whoever begins to listen; null: nobody does yet. */
  let own: readonly OwnListener[] | null = null
  let stopping = false
  let pastRead: Reading = NOTHING_READ
  let pastMetered: Promise<Metered> = Promise.resolve([])
  let looking: Promise<void> | null = null
  const places: readonly Place[] = Array.from({ length: parts.count }, (_, i) => ({
    number: i + 1,
    one: null,
    pauseMs: 0,
  }))
  const timers = new Set<NodeJS.Timeout>()

  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`../worker${extname(import.meta.url)}`, import.meta.url)),
    args: [],
    serialization: 'advanced',
  })

  /** Those that have begun. */
  function running(): readonly Running[] {
    return places.flatMap(({ one }) => (one === null || one.plan === null ? [] : [one]))
  }

  function fill(place: Place): Promise<void> {
    const child = cluster.fork()
    const tell = (message: ToWorker) => child.isConnected() && child.send(message, undefined, undefined, () => {})
    const asking = createAsking(tell)
    const { promise: canHear, resolve: up } = Promise.withResolvers<void>()
    const one: Running = {
      process: child,
      asking,
      canHear,
      up,
      since: clock.monotonic(),
      plan: null,
      revision: 0,
      runs: null,
      isUp: false,
      silentSince: null,
      reading: null,
      metered: null,
    }
    place.one = one
    child.on('message', (message: FromWorker) => {
      if (message.type === 'up') one.up()
      else if (message.type === 'heard') hear(message.heard, parts.ears, generation.snapshot.plan)
      else asking.answered(message)
    })
    // Without a listener an end in the middle of a message would be an exception here.
    child.on('error', () => {})
    child.once('exit', (code, signal) => ended(place, one, signal ?? `exit code ${code}`))
    return raise(place, one)
  }

  /** Everything that it has to know, then the port if the others listen. */
  async function raise(place: Place, one: Running): Promise<void> {
    await within(one.canHear, START_MS)
    const text = textOf(generation, null)
    const plan = generation.snapshot.plan
    one.plan = plan
    const { snapshot } = generation
    const began = change
    await one.asking.ask(
      'begin',
      {
        settings,
        share: { worker: place.number, of: parts.count },
        instance: parts.instance,
        log: parts.workerLog,
        generation: text,
        suspensions: parts.suspensions(),
      },
      START_MS,
    )
    // What came meanwhile was told behind it.
    one.revision = Math.max(one.revision, snapshot.revision)
    one.runs ??= { change: began, ms: 0 }
    if (own !== null) await one.asking.ask('listen', own, START_MS)
    one.isUp = true
  }

  function ended(place: Place, one: Running, why: string): void {
    one.asking.fail(new BanyanError('worker_ended', `worker ${place.number} ended (${why})`))
    if (place.one !== one) return
    place.one = null
    remember(one)
    if (stopping) return
    const lived = clock.monotonic() - one.since
    place.pauseMs = lived >= SHORT_LIFE_MS ? 0 : Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, place.pauseMs * 2))
    log('error', `worker ${place.number} ended (${why}): another takes its place`, {
      pid: one.process.process.pid,
      afterMs: place.pauseMs,
    })
    parts.replaced()
    if (place.pauseMs === 0) replace(place)
    else later(place.pauseMs, () => replace(place))
  }

  function replace(place: Place): void {
    if (stopping || place.one !== null) return
    fill(place).then(
      () => log('info', `worker ${place.number} runs`, { pid: place.one?.process.process.pid }),
      error => {
        log('error', `worker ${place.number} could not begin`, { error: String((error as Error).message) })
        place.one?.process.process.kill('SIGKILL')
      },
    )
  }

  /** What has been shown of its counts stays in the sums. */
  function remember({ reading, metered }: Running): void {
    if (reading !== null) pastRead = pastReading(pastRead, reading)
    if (metered === null) return
    const { byId } = generation.snapshot.plan
    pastMetered = pastMetered.then(past => pastOf(past, metered, id => byId.has(id)))
  }

  function later(ms: Milliseconds, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, ms)
    timers.add(timer)
  }

  const heartbeat = setInterval(() => {
    const now = clock.monotonic()
    for (const place of places) {
      const { one } = place
      if (one === null || !one.isUp) continue
      if (one.silentSince === null) {
        one.silentSince = now
        one.asking.ask('ping', null, START_MS).then(
          () => {
            one.silentSince = null
          },
          () => {},
        )
      } else if (now - one.silentSince >= REPLACED_MS && !stopping) {
        log('error', `worker ${place.number} has not answered for ${REPLACED_MS / 1000} s: it is ended`, {
          pid: one.process.process.pid,
        })
        one.process.process.kill('SIGKILL')
      }
    }
  }, PENDING_MS / 2)
  heartbeat.unref()

  function isPending({ isUp, silentSince }: Running): boolean {
    return !isUp || (silentSince !== null && clock.monotonic() - silentSince >= PENDING_MS)
  }

  /** Resolves when it runs the change, or is not waited for any more. */
  async function reach({ one }: Place, since: Milliseconds): Promise<void> {
    if (one === null || !(await within(one.canHear, PENDING_MS))) return
    const { plan } = generation.snapshot
    const text = textOf(generation, one.plan)
    const told = change
    one.plan = plan
    const applied = (revision: Revision) => {
      one.revision = revision
      one.runs = { change: told, ms: clock.monotonic() - since }
    }
    await one.asking.ask('apply', text, PENDING_MS, applied).then(applied, () => {})
  }

  function whoRuns(asked: number): Reached {
    const at = places.map(({ number: worker, one }) => {
      const runs = one === null || one.runs === null || one.runs.change < asked ? null : one.runs
      return { instance: parts.instance, worker, ms: runs?.ms ?? null }
    })
    return {
      appliedBy: at.flatMap(({ ms, ...who }) => (ms === null ? [] : [{ ...who, ms }])),
      pending: at.flatMap(({ ms, ...who }) => (ms === null ? [who] : [])),
    }
  }

  async function lookNow(): Promise<void> {
    await Promise.all(
      running().map(async one => {
        one.reading = await one.asking.ask('look', null, PENDING_MS).catch(() => one.reading)
      }),
    )
  }

  return {
    workers: () =>
      places.map(({ number, one }): WorkerState => {
        const state = one === null || isPending(one) ? 'pending' : 'running'
        return { worker: number, pid: one?.process.process.pid ?? 0, revision: one?.revision ?? 0, state }
      }),
    async apply(next, since): Promise<Reached> {
      generation = next
      const asked = ++change
      heard = Promise.all(places.map(place => reach(place, since)))
      await heard
      return whoRuns(asked)
    },
    async running() {
      const asked = change
      await heard
      return whoRuns(asked)
    },
    async listen(listeners) {
      if (places.every(({ one }) => one === null)) await Promise.all(places.map(fill))
      own = listeners
      const bound = await Promise.all(running().map(one => one.asking.ask('listen', listeners, START_MS)))
      const [first] = bound
      if (first === undefined) throw new BanyanError('worker_ended', 'no worker could begin')
      return first
    },
    reading: () => sumOf([pastRead, ...running().flatMap(({ reading }) => (reading === null ? [] : [reading]))]),
    look() {
      looking ??= lookNow().finally(() => {
        looking = null
      })
      return looking
    },
    async metrics(own) {
      await Promise.all(
        running().map(async one => {
          one.metered = await one.asking.ask('meter', null, PENDING_MS).catch(() => one.metered)
        }),
      )
      const metered = running().flatMap(one => (one.metered === null ? [] : [one.metered]))
      return textOfAll([await readMetrics(own), await pastMetered, ...metered])
    },
    restartShares(routes) {
      for (const one of running()) one.asking.tell({ type: 'restart', routes })
    },
    suspend(suspended) {
      for (const one of running()) one.asking.tell({ type: 'suspend', suspended })
    },
    resume(route, template) {
      for (const one of running()) one.asking.tell({ type: 'resume', route, template })
    },
    async remembered(exchanges) {
      const asked = running().map(one => one.asking.ask('remembered', exchanges, PENDING_MS).catch(() => null))
      return (await Promise.all(asked)).find(found => found !== null) ?? null
    },
    async replay(route, request) {
      const one = running().find(each => !isPending(each))
      if (one === undefined) throw new BanyanError('busy', 'no worker answers', { hint: 'try again in a moment' })
      return one.asking.ask('replay', { route, request }, START_MS)
    },
    beginDrain() {
      for (const one of running()) one.asking.tell({ type: 'drain' })
    },
    async close(deadlineMs) {
      stopping = true
      clearInterval(heartbeat)
      for (const timer of timers) clearTimeout(timer)
      const cut = running().map(one => one.asking.ask('close', deadlineMs, deadlineMs + SAY_SO_MS).catch(() => 0))
      return (await Promise.all(cut)).reduce((total, count) => total + count, 0)
    },
    async end() {
      stopping = true
      clearInterval(heartbeat)
      await Promise.all(places.flatMap(({ one }) => (one === null ? [] : [endOne(one)])))
    },
  }
}

/** False: not in time. */
function within(promise: Promise<void>, ms: Milliseconds): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms, false)
    void promise.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

async function endOne({ asking, plan, process: child }: Running): Promise<void> {
  const gone = new Promise<void>(resolve => {
    if (child.isDead()) resolve()
    else child.once('exit', () => resolve())
  })
  if (plan === null) child.process.kill('SIGKILL')
  else await asking.ask('end', null, SAY_SO_MS).catch(() => null)
  const patience = setTimeout(() => child.process.kill('SIGKILL'), SAY_SO_MS)
  await gone
  clearTimeout(patience)
}
