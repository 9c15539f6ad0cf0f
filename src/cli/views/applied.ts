// What came of a change, for people: where it is in force, how fast, whether it would survive a power cut, who is missing.
import type { Applied } from '../../model/control.ts'
import { EXIT, type ExitCode } from '../io.ts'
import { count, millis, safe } from '../print.ts'
import type { Session } from '../session.ts'

/** `revision 43 · in force on 2 workers of 1 instance (a) in 3.1ms · durable`. */
export function appliedText(applied: Applied): string {
  const instances = [...new Set(applied.appliedBy.map(({ instance }) => instance))]
  const names = instances.length <= 4 ? ` (${instances.map(safe).join(', ')})` : ''
  const where =
    instances.length === 0
      ? 'in force nowhere yet'
      : `in force on ${count(applied.appliedBy.length, 'worker')} of ${count(instances.length, 'instance')}${names} in ${millis(slowestMs(applied))}`
  return [
    `revision ${applied.revision}`,
    where,
    applied.durable ? 'durable' : 'NOT YET DURABLE',
    ...(applied.pending.length === 0 ? [] : [`pending: ${pendingOf(applied)}`]),
  ].join(' · ')
}

/** Says what is not as good as it should be; the exit code of a change. */
export function judgeApplied(session: Session, applied: Applied): ExitCode {
  if (!applied.durable) {
    session.warn(
      'in force, but not yet in the store: a local file keeps it until it is, unless `banyan status` says that nothing does',
    )
  }
  if (applied.pending.length === 0) return EXIT.done
  session.warn(`not confirmed by ${pendingOf(applied)}: \`banyan status\` shows who is on which revision`)
  return EXIT.inconclusive
}

/** Until it was in force at the last of them: what follows, such as saving it, holds nobody up. */
function slowestMs({ appliedBy }: Applied): number {
  return appliedBy.reduce((most, { ms }) => Math.max(most, ms), 0)
}

function pendingOf(applied: Applied): string {
  return applied.pending.map(({ instance, worker }) => `${safe(instance)}/${worker}`).join(', ')
}
