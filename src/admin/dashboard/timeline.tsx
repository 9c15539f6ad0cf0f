// What happened to a route, newest first: who, what, when, why.
import { useEffect, useState } from 'preact/hooks'
import { Empty, Moment } from './bits.tsx'
import { type Answer, call } from './call.ts'

type Entry = Answer<'audit'>['entries'][number]
const PAGE = 50

export function Timeline({ id, changes }: { readonly id: string; readonly changes: number }) {
  const [entries, setEntries] = useState<readonly Entry[] | null>(null)
  const [next, setNext] = useState<number | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const read = (before: number | undefined, kept: readonly Entry[]) =>
    call('audit', { query: { route: id, limit: PAGE, before } }).then(
      answer => {
        setEntries([...kept, ...answer.entries])
        setNext(answer.next)
        setTrouble(null)
      },
      error => setTrouble(error.message),
    )
  useEffect(() => void read(undefined, []), [id, changes])
  if (trouble !== null) return <p class="trouble">{trouble}</p>
  if (entries === null) return <Empty>Asking …</Empty>
  if (entries.length === 0 && next === null) return <Empty>Nobody has changed anything here yet.</Empty>
  return (
    <section aria-label="Timeline">
      <ol class="timeline">
        {entries.map(entry => (
          <li key={entry.seq} class={`entry ${entry.action}`}>
            <Moment at={entry.at} />
            <div>
              <b>{entry.action}</b>{' '}
              {entry.subject !== id && (
                <span class="dim">on {entry.subject === '*' ? 'everything' : entry.subject}</span>
              )}{' '}
              <span class="change">{changeText(entry)}</span>
              <span class="under dim">
                {entry.actor.name}
                {entry.actor.address !== null && ` from ${entry.actor.address}`} · revision {entry.revision}
              </span>
              {entry.reason !== null && <span class="under">“{entry.reason}”</span>}
            </div>
          </li>
        ))}
      </ol>
      {next !== null && (
        <button type="button" onClick={() => void read(next, entries)}>
          Older
        </button>
      )}
    </section>
  )
}

/** What is the same before and after says nothing. */
function changeText({ action, before, after }: Entry): string {
  if (action === 'rollback') return 'everybody to legacy'

  const [was, is] = [partsOf(before), partsOf(after)]
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])]
  const changed = names.filter(name => shownValue(was[name]) !== shownValue(is[name]))
  const text = changed
    .map(name => `${name === '' ? '' : `${name}: `}${shownValue(was[name], name)} → ${shownValue(is[name], name)}`)
    .join(', ')
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}

function partsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {}
  return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : { '': value }
}

function shownValue(value: unknown, name = ''): string {
  if (name === 'weight' && value === null) return 'the file’s'
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return '–'
  if (typeof value === 'object' && 'percent' in value) return `${(value as { percent: unknown }).percent} %`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
