// All routes: is anything wrong, and what moves next? The sentence on top answers, the rows say why, those that need somebody first.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { byNeed } from '../../model/attention.ts'
import type { Status } from '../api.ts'
import { useActions } from './actions.tsx'
import { CopyAs, Empty } from './bits.tsx'
import { Burndown } from './burndown.tsx'
import { FleetRow, scaleOf } from './fleet-row.tsx'
import { type Live, may } from './live.ts'
import { type Place, setFilter } from './place.ts'
import { Warnings } from './warnings.tsx'
import { many } from './words.ts'

type Row = Status['routes'][number]

/** Drawn at first: more than a screen holds; the others follow. */
const FIRST_ROWS = 40

interface FleetParts {
  readonly live: Live
  readonly status: Status
  readonly place: Place
}

export function FleetPage({ live, status, place }: FleetParts) {
  const text = place.filters.get('q') ?? ''
  const need = place.filters.get('need') ?? ''
  const phase = place.filters.get('phase') ?? ''
  const rows = useMemo(
    () => status.routes.filter(row => fits(row, text, need, phase)).sort(byNeed),
    [status.routes, text, need, phase],
  )
  const [most, setMost] = useState(FIRST_ROWS)
  useEffect(() => {
    const timer = setTimeout(() => setMost(Number.POSITIVE_INFINITY), 50)
    return () => clearTimeout(timer)
  }, [])
  const scale = useMemo(() => scaleOf(status.routes), [status.routes])
  return (
    <main id="main">
      <Headline status={status} who={live.who} />
      <Burndown routes={status.routes} />
      <Warnings warnings={status.warnings} />
      {status.routes.length === 0 ? (
        <FirstRun status={status} />
      ) : (
        <section aria-labelledby="routes">
          <div class="bar-of-tools">
            <h2 id="routes">
              Routes{' '}
              <span class="dim">
                {rows.length === status.routes.length ? rows.length : `${rows.length} of ${status.routes.length}`}
              </span>
            </h2>
            <input
              type="search"
              data-key="/"
              placeholder="Filter: id, path, owner"
              aria-label="Filter routes"
              value={text}
              onInput={event => setFilter(place, 'q', event.currentTarget.value)}
              onKeyDown={event => {
                if (event.key === 'Enter') document.querySelector<HTMLElement>('[data-row]')?.focus()
              }}
            />
            <Choice place={place} name="need" label="Need" options={['wrong', 'look']} />
            <Choice
              place={place}
              name="phase"
              label="Phase"
              options={['legacy-only', 'legacy', 'shadow', 'canary', 'growth', 'full', 'retired']}
            />
            <span class="spring" />
            <span class="dim">
              <i class="key legacy">L</i>legacy <i class="key new">N</i>new
            </span>
            <CopyAs cli="banyan status" name="status" />
          </div>
          {rows.length === 0 ? (
            <Empty>No route fits the filter.</Empty>
          ) : (
            <table class="fleet">
              <thead>
                <tr>
                  <th scope="col">Route</th>
                  <th scope="col">Users on new</th>
                  <th scope="col">Phase, and what is next</th>
                  <th scope="col" class="number">
                    Requests/s
                  </th>
                  <th scope="col" class="number">
                    Errors
                  </th>
                  <th scope="col">P95</th>
                  <th scope="col" class="number">
                    Match
                  </th>
                  <th scope="col">Last decision</th>
                  <th scope="col">
                    <span class="unseen">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.slice(0, most).map(row => (
                  <FleetRow key={row.id} row={row} scale={scale} who={live.who} />
                ))}
              </tbody>
            </table>
          )}
        </section>
      )}
      {status.default !== null && (
        <p class="dim default">
          What no route matches goes to legacy:{' '}
          {status.default.perSecond.legacy > 0
            ? `${status.default.perSecond.legacy} requests/s`
            : 'nothing in the last minute'}
          .
        </p>
      )}
    </main>
  )
}

function fits(row: Row, text: string, need: string, phase: string): boolean {
  if (need !== '' && row.attention.level !== need) return false
  if (phase !== '' && row.phase !== phase) return false
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return true
  return [row.id, row.template, row.owner, row.group].some(part => part?.toLowerCase().includes(wanted) === true)
}

function Choice({
  place,
  name,
  label,
  options,
}: {
  readonly place: Place
  readonly name: string
  readonly label: string
  readonly options: readonly string[]
}) {
  return (
    <select
      aria-label={label}
      value={place.filters.get(name) ?? ''}
      onChange={event => setFilter(place, name, event.currentTarget.value)}
    >
      <option value="">{label}: any</option>
      {options.map(option => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  )
}

/** Five seconds: this is all that is read in them. */
function Headline({ status, who }: { readonly status: Status; readonly who: Live['who'] }) {
  const { open } = useActions()
  const wrong = status.routes.filter(({ attention }) => attention.level === 'wrong')
  const look = status.routes.filter(({ attention }) => attention.level === 'look')
  const moving = status.routes.filter(({ phase }) => phase === 'canary' || phase === 'growth')
  const isAllBack = status.rollbacks.some(({ units }) => units === '*')
  const [level, title] =
    wrong.length > 0
      ? [
          'wrong',
          `${many(wrong.length, 'route is', 'routes are')} ${wrong.every(({ state }) => state === 'rolled-back') ? 'rolled back' : 'wrong'}`,
        ]
      : look.length > 0
        ? ['look', `${many(look.length, 'route wants', 'routes want')} a look`]
        : ['none', 'Nothing is wrong']
  // As the rows below: who needs most comes first.
  const [first, ...others] = (wrong.length > 0 ? wrong : look).toSorted(byNeed)
  const next = moving.toSorted(byNeed)[0] ?? status.routes.toSorted(byNeed)[0]
  return (
    <section class={`headline ${level}`} aria-label="Is anything wrong, what moves next">
      <div>
        <h1>
          <span aria-hidden="true">{level === 'wrong' ? '▲' : level === 'look' ? '◆' : '✓'}</span> {title}
        </h1>
        {first?.attention.why != null && (
          <p>
            <a href={`#/routes/${first.id}`}>{first.id}</a>: {first.attention.why}
            {others.length > 0 && <span class="dim"> · and {others.length} more</span>}
          </p>
        )}
        {next !== undefined && next.next !== '' && (
          <p class="dim">
            Next: <a href={`#/routes/${next.id}`}>{next.id}</a>, {next.next}
          </p>
        )}
      </div>
      {(isAllBack || status.rollbacks.length > 1) && (
        <button type="button" disabled={!may(who, 'operate', null)} onClick={() => open({ kind: 'restore', id: null })}>
          Restore all …
        </button>
      )}
    </section>
  )
}

function FirstRun({ status }: { readonly status: Status }) {
  return (
    <section class="card first-run">
      <h2>No routes yet: everything goes to legacy, unchanged</h2>
      <ol>
        <li>
          Send traffic through <code>{status.listen}</code>.
        </li>
        <li>
          <code>banyan doctor</code> says what stands in the way, <code>banyan transparent</code> proves that nothing
          changes.
        </li>
        <li>
          <code>banyan inventory</code> lists what the traffic consists of, <code>banyan init</code> drafts a{' '}
          <code>routes.yaml</code> from it.
        </li>
      </ol>
    </section>
  )
}
