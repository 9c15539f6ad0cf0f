// What the others have said that they run, and who waits to hear it.

import type { Reached } from '../model/control.ts'
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import { type Gathering, gather } from './gather.ts'
import type { Members } from './members.ts'
import type { Ack, AckWorker } from './message.ts'
import type { Peer } from './peers.ts'

export interface AcksParts {
  readonly instance: string
  readonly clock: Clock
  readonly members: Pick<Members, 'others' | 'isFresh'>
  /** Who has not answered by then is pending. */
  readonly waitMs: Milliseconds
}

export interface Awaited {
  readonly reached: Promise<Reached>
  readonly settle: Gathering['settle']
}

export interface Acks {
  /** Until all who are known, and the peers, have said that they hold this rollback. `since`: monotonic. */
  ofRollback(id: string, since: Milliseconds, peers: readonly Peer[]): Awaited
  /** Until all who are known, and the peers, have said that they run this revision, or a later one. */
  ofRevision(revision: Revision, since: Milliseconds, peers: readonly Peer[]): Awaited
  holds(from: string, ack: Ack): void
  runs(from: string, revision: Revision, workers: readonly AckWorker[]): void
  /** What all of its workers have said that they run; null: nothing was heard. */
  revisionOf(instance: string): Revision | null
  /** It is gone, or was restarted: what it said counts no more. */
  forget(instance: string): void
}

interface Runs {
  readonly revision: Revision
  readonly workers: readonly AckWorker[]
  readonly at: Milliseconds
}

interface Waiting {
  readonly what: { readonly rollback: string } | { readonly revision: Revision }
  readonly gathering: Gathering
}

export function createAcks({ instance, clock, members, waitMs }: AcksParts): Acks {
  const running = new Map<string, Runs>()
  const waiting = new Set<Waiting>()

  function wait(what: Waiting['what'], since: Milliseconds, peers: readonly Peer[]): Gathering {
    const expected = members.others()
    const gathering = gather({ clock, since, waitMs, instance, expected, peers, fresh: members.isFresh() })
    const one = { what, gathering }
    waiting.add(one)
    gathering.reached.then(() => waiting.delete(one))
    return gathering
  }

  return {
    ofRollback: (id, since, peers) => wait({ rollback: id }, since, peers),
    ofRevision(revision, since, peers) {
      const gathering = wait({ revision }, since, peers)
      // They may have been quicker than the store's answer to us.
      for (const [from, { revision: theirs, workers, at }] of running) {
        if (theirs >= revision) gathering.arrive(from, workers, at)
      }
      return gathering
    },
    holds(from, ack) {
      for (const { what, gathering } of waiting) {
        if ('rollback' in what && what.rollback === ack.rollback) gathering.arrive(from, ack.ended ? null : ack.workers)
      }
    },
    runs(from, revision, workers) {
      const before = running.get(from)
      const newer = before === undefined || before.revision < revision
      const whole = before?.revision === revision && before.workers.some(({ pending }) => pending)
      if (!newer && !whole) return
      running.set(from, { revision, workers, at: clock.monotonic() })
      for (const { what, gathering } of waiting) {
        if ('revision' in what && what.revision <= revision) gathering.arrive(from, workers)
      }
    },
    revisionOf(name) {
      const said = running.get(name)
      return said === undefined || said.workers.some(({ pending }) => pending) ? null : said.revision
    },
    forget: name => void running.delete(name),
  }
}
