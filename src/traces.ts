// Traces by option: what the configuration says of them, and the room that makes them, loaded only where they are wanted.
import type { Config } from './config/schema.ts'
import type { TracesSettings } from './model/trace.ts'
import type { CreateTracing } from './telemetry/tracing.ts'

/** null: off. */
export function tracesOf({ traces }: Config['telemetry']): TracesSettings | null {
  if (traces === undefined) return null
  const { endpoint, headers, sample, service } = traces
  return {
    endpoint,
    headers: Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
    sampling: sample,
    service,
  }
}

export async function loadTracing(settings: TracesSettings | null): Promise<CreateTracing | null> {
  return settings === null ? null : (await import('./telemetry/tracing.ts')).createTracing
}
