// From files to the requests that are asked, and what is said of it before anything is.
import { CliError, EXIT } from '../io.ts'
import { count, safe } from '../print.ts'
import type { Session } from '../session.ts'
import { requestLinesOf } from './har.ts'
import { createReadProgress } from './read-progress.ts'
import { createSelector, type Selection, type SelectionCounts } from './select.ts'

export interface InputFlags {
  readonly from: readonly string[]
  readonly limit: number
  readonly host?: string
  readonly includeSuspicious?: true
}

const MOST_NAMED = 6

export async function selectFrom(session: Session, flags: InputFlags, over: AbortSignal): Promise<Selection> {
  if (flags.from.includes('-') && session.io.stdin.isTTY === true)
    session.say('reading requests from the terminal; end with Ctrl-D')
  const selector = createSelector({
    suspicious: flags.includeSuspicious === true,
    host: flags.host ?? null,
    limit: flags.limit,
  })
  const progress = await createReadProgress(session, flags.from)
  try {
    for await (const line of requestLinesOf(flags.from, session.io, over)) {
      selector.add(line)
      progress.line(line)
    }
  } finally {
    progress.end()
  }
  const selection = selector.select()
  for (const line of inputView(selection.counts, selection.requests.length)) session.say(line)
  if (selection.requests.length === 0) {
    throw new CliError(EXIT.usage, `there is nothing to ask in ${flags.from.join(', ')}`, {
      notes: [
        'taken are access logs (common, combined, JSON lines), lists of paths or URLs, one a line, and HAR files; GET, HEAD and OPTIONS are asked',
      ],
    })
  }
  return selection
}

function inputView(input: SelectionCounts, selected: number): readonly string[] {
  return [
    `${count(input.lines, 'line')}: ${count(input.distinct, 'different request')} of ${count(input.templates, 'template')}, ${selected} to ask`,
    ...skipped('for an unsafe method', input.unsafe),
    ...skipped('for looking like a write (--include-suspicious asks them)', input.suspicious),
    ...skipped('because the line cannot be read', input.broken),
    ...(input.beyond === 0 ? [] : [`  left out by chance, being many of the same template: ${input.beyond}`]),
  ]
}

function skipped(name: string, counted: Readonly<Record<string, number>>): readonly string[] {
  const sorted = Object.entries(counted).toSorted(([, a], [, b]) => b - a)
  if (sorted.length === 0) return []
  const sum = sorted.reduce((all, [, times]) => all + times, 0)
  const some = sorted.slice(0, MOST_NAMED).map(([what, times]) => `${safe(what)} (${times})`)
  const more = sorted.length > MOST_NAMED ? ` and ${sorted.length - MOST_NAMED} more` : ''
  return [`  skipped ${name}: ${sum}: ${some.join(', ')}${more}`]
}
