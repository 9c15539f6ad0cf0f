// Traces, where they are wanted: chooses which requests are recorded, makes spans of what is told, and sends them off. An
// observer: it is told, and nobody waits for it.
//
// Loaded only where `telemetry.traces` is configured: everything of this room comes in by this file.
import type { Socket } from 'node:net'
import type { SpanResult, TracesSettings, Tracing } from '../model/trace.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { Exporter } from './exporter.ts'
import { createPost } from './post.ts'
import { isRecorded } from './sampling.ts'
import { clientSpan, exportText, serverSpan } from './spans.ts'

export interface TracingParts {
  readonly settings: TracesSettings
  readonly version: string
  /** One for each process. */
  readonly instance: string
  readonly clock: Clock
  /** 0 ≤ … < 1. */
  readonly random: () => number
  readonly refuse: (ends: Socket) => Error | null
  readonly counted: (result: SpanResult, times: number) => void
  readonly log: (level: 'info' | 'warn', message: string, details?: Record<string, unknown>) => void
}

export interface ClosableTracing extends Tracing {
  /** What is left is sent, or dropped at the deadline. */
  close(deadlineMs: Milliseconds): Promise<void>
}

export type CreateTracing = (parts: TracingParts) => ClosableTracing

export const createTracing: CreateTracing = ({ settings, version, instance, clock, random, refuse, counted, log }) => {
  const { endpoint, headers, service, sampling } = settings
  const { post, close } = createPost({ endpoint, headers, refuse, now: clock.now })
  const resource = { service, version, instance }
  const bodyOf = (spans: readonly string[]) => exportText(resource, spans)
  const exporter = new Exporter({ clock, random, post, bodyOf, counted, log })
  const epochOf = createEpoch(clock)
  return {
    samples: (traceId, parent) => isRecorded(sampling, traceId, parent),
    exchange(exchange) {
      if (exchange.trace !== null) exporter.add(serverSpan(exchange, exchange.trace, epochOf))
    },
    dispatched: dispatch => exporter.add(clientSpan(dispatch, epochOf)),
    async close(deadlineMs) {
      await exporter.close(deadlineMs)
      close()
    },
  }
}

/** The wall clock is set now and then; below that, its whole milliseconds say less than the other. */
const SET_MS: Milliseconds = 10

function createEpoch(clock: Clock): (at: Milliseconds) => number {
  let offset = clock.now() - clock.monotonic()
  return at => {
    const now = clock.now() - clock.monotonic()
    if (Math.abs(now - offset) > SET_MS) offset = now
    return offset + at
  }
}
