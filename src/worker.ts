// The process face of a worker: serves clients, and does what the primary process says. It compiles its own snapshots.
//
// Signals are the primary's matter: a terminal sends them to the whole group. When the primary is gone, the listener closes at
// once, so that another one may have the port, and what was sent to a backend ends. Nothing new is sent: no rollback would be
// heard here any more.
import cluster from 'node:cluster'
import { systemChance, systemClock } from './clock.ts'
import { compileSnapshot } from './config/compile.ts'
import { createLog, type Log } from './log.ts'
import type { Plan, Snapshot } from './model/snapshot.ts'
import { createLocalPlane, type LocalPlane } from './plane/local.ts'
import {
  type Beginning,
  type FromWorker,
  type GenerationText,
  planFrom,
  type Questions,
  refusalOf,
  type ToWorker,
} from './plane/messages.ts'
import type { Generation } from './plane/plane.ts'
import { createTelling, type Telling } from './plane/telling.ts'
import type { CreateTracing } from './telemetry/tracing.ts'
import { loadTracing } from './traces.ts'

interface Working {
  readonly beginning: Beginning
  readonly plane: LocalPlane
  readonly telling: Telling
  readonly log: Log
  plan: Plan
}

let working: Working | null = null
/** It begins, and something has to be loaded for it; what comes meanwhile waits. */
let loading: Promise<void> | null = null
/** It was told to end. */
let isLeaving = false

function send(message: FromWorker): void {
  // The primary may be gone: then nobody needs to hear it.
  if (process.connected) process.send?.(message, undefined, {}, () => {})
}

function generationOf({ state }: GenerationText, plan: Plan): Generation {
  const snapshot: Snapshot = compileSnapshot(plan, state, systemChance)
  // What it was made of is the primary's: here only the snapshot is looked at.
  return { snapshot, state, configured: { plan } as Generation['configured'] }
}

function begin(beginning: Beginning): Soon<null> {
  const { traces } = beginning.settings
  if (traces === null) return beginWith(beginning, null)
  const begins = loadTracing(traces).then(createTracing => beginWith(beginning, createTracing))
  const over = () => {
    loading = null
  }
  loading = begins.then(over, over)
  return begins
}

function beginWith(beginning: Beginning, createTracing: CreateTracing | null): null {
  const { generation, share, instance, settings } = beginning
  if (generation.configured === null) throw new Error('a worker begins with a configuration')
  const plan = planFrom(generation.configured, share)
  const log = createLog({ ...beginning.log, worker: share.worker }, process.stdout.fd)
  const telling = createTelling(heard => send({ type: 'heard', heard }))
  const plane = createLocalPlane({
    settings,
    ears: telling.ears,
    clock: systemClock,
    sharedClock: { monotonic: () => performance.timeOrigin + performance.now() },
    random: systemChance.random,
    log,
    createTracing,
    self: { instance, worker: share.worker },
    first: generationOf(generation, plan),
  })
  plane.suspensions.restore(beginning.suspensions)
  working = { beginning, plane, telling, log, plan }
  process.on('uncaughtException', error => {
    log.line('error', 'uncaught exception: the worker ends', { error: String(error.stack ?? error) })
    log.flush()
    process.exit(1)
  })
  return null
}

function begun(): Working {
  if (working === null) throw new Error('the worker has not begun')
  return working
}

const ASKED: { readonly [Q in keyof Questions]: (ask: Questions[Q]['ask']) => Soon<Questions[Q]['answer']> } = {
  begin,
  listen: own => begun().plane.listen(own),
  apply(text) {
    const { plane, beginning } = begun()
    const plan = text.configured === null ? begun().plan : planFrom(text.configured, beginning.share)
    begun().plan = plan
    void plane.apply(generationOf(text, plan), systemClock.monotonic())
    return plane.current().revision
  },
  ping: () => begun().plane.current().revision,
  async look() {
    await begun().plane.look()
    return begun().plane.reading()
  },
  meter: () => begun().plane.metered(),
  remembered: exchanges => begun().plane.remembered(exchanges),
  replay: ({ route, request }) => begun().plane.replay(route, request),
  close: deadlineMs => begun().plane.close(deadlineMs),
  async end() {
    const { plane, telling, log } = begun()
    await plane.end()
    telling.close()
    log.flush()
    return null
  },
}

type Soon<T> = T | Promise<T>

async function answer(message: Extract<ToWorker, { readonly id: number }>): Promise<void> {
  const { type, id, ask } = message
  try {
    const reply = await (ASKED[type] as (ask: unknown) => unknown)(ask)
    working?.telling.flush()
    send({ type: 'reply', id, answer: reply })
  } catch (error) {
    send({ type: 'refused', id, error: refusalOf(error) })
  }
  if (type === 'end') leave()
}

/** After what was sent has gone out. */
function leave(): void {
  isLeaving = true
  if (!process.connected) process.exit(0)
  process.once('disconnect', () => process.exit(0))
  setImmediate(() => process.disconnect())
}

function take(message: ToWorker): void {
  if ('id' in message) void answer(message)
  else if (message.type === 'restart') begun().plane.restartShares(message.routes)
  else if (message.type === 'suspend') begun().plane.suspend(message.suspended)
  else if (message.type === 'resume') begun().plane.resume(message.route, message.template)
  else begun().plane.beginDrain()
}

process.on('message', (message: ToWorker) => {
  if (loading === null) take(message)
  else void loading.then(() => take(message))
})
send({ type: 'up' })

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})

// Before the cluster's own listener, which would end the process at once.
process.prependOnceListener('disconnect', () => {
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  if (working === null || isLeaving) process.exit(0)
  const { plane, log } = working
  log.line('error', 'the primary process is gone: this worker takes nothing new, and ends when what was sent has')
  plane.beginNoMore()
  void plane.close(plane.current().plan.drain.deadlineMs).then(() => {
    log.flush()
    process.exit(0)
  })
})
