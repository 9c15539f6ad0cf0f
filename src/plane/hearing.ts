// What a worker has told, brought to the ears of the process that keeps it. Routes that are gone since are passed over.
import type { Plan } from '../model/snapshot.ts'
import { type Heard, sampleFrom } from './messages.ts'
import type { Ears } from './plane.ts'

export function hear(heard: Heard, ears: Ears, { byId, fallback }: Plan): void {
  const routeOf = (id: string) => byId.get(id) ?? (fallback?.id === id ? fallback : null)
  for (const [note, times] of heard.notes) ears.note(note, times)
  for (const text of heard.samples) {
    const sample = sampleFrom(text, routeOf)
    if (sample !== null) ears.sample(sample)
  }
  if (heard.watched !== null) ears.watched(heard.watched)
  for (const peer of heard.forwarders) ears.forwarder(peer)
  for (const { route: id, result, reason, times } of heard.ended) {
    const route = routeOf(id)
    if (route !== null) ears.shadowEnded(route, result, reason, times)
  }
  for (const { route: id, ...pair } of heard.compared) {
    const route = routeOf(id)
    if (route !== null) ears.shadowCompared({ ...pair, route })
  }
  for (const { route: id, template, places, verdict } of heard.triaged) {
    const route = routeOf(id)
    if (route !== null) ears.shadowTriaged(route, template, places, verdict)
  }
  for (const suspended of heard.suspended) ears.shadowSuspended(suspended)
}
