// How far the whole migration has come: routes by phase, the share of requests and of users on new, and what legacy still
// answers each day, the number that has to become zero.
import { PHASES } from '../../model/attention.ts'
import type { Status } from '../api.ts'
import { CopyAs } from './bits.tsx'
import type { Answer } from './call.ts'
import { useRead } from './read.ts'
import { countText, NONE, ratioText } from './words.ts'

type Days = Answer<'burndown'>['days']
const EVERY_MS = 60_000
const SHOWN_DAYS = 30

export function Burndown({ routes }: { readonly routes: Status['routes'] }) {
  const days = useDays(undefined)
  const today = days?.at(-1)
  const all = today === undefined ? 0 : today.legacy + today.new
  const keys = today?.keys ?? null
  return (
    <section class="burndown" aria-label="How far the migration has come">
      <div class="tile phases">
        <h2>Routes by phase</h2>
        <ul>
          {PHASES.map(phase => {
            const count = routes.filter(row => row.phase === phase).length
            return (
              <li key={phase} class={count === 0 ? 'dim' : ''}>
                <b>{count}</b>
                <a class={`chip phase-${phase}`} href={`#/?phase=${phase}`}>
                  {phase}
                </a>
              </li>
            )
          })}
        </ul>
      </div>
      <div class="tile">
        <h2>On new today</h2>
        <p class="figure">{all === 0 || today === undefined ? NONE : ratioText(today.new / all)}</p>
        <p class="dim">{all === 0 ? 'of requests: none came yet' : `of ${countText(all)} requests`}</p>
      </div>
      <div class="tile">
        <h2>Users on new today</h2>
        <p class="figure">{keys === null || keys.all === 0 ? NONE : ratioText(keys.new / keys.all)}</p>
        <p class="dim">
          {keys === null || keys.all === 0
            ? 'of users with a key: none seen'
            : `of about ${countText(keys.all)} users with a key`}
        </p>
      </div>
      <div class="tile wide">
        <h2>
          Legacy calls per day <CopyAs cli={'curl -s $BANYAN_ADMIN/api/v1/burndown'} name="burndown" />
        </h2>
        <DayBars days={days} />
      </div>
    </section>
  )
}

/** null: not read yet. */
export function useDays(route: string | undefined): Days | null {
  return useRead('burndown', { query: { days: SHOWN_DAYS, route } }, [], EVERY_MS).answer?.days ?? null
}

export function DayBars({ days }: { readonly days: Days | null }) {
  if (days === null) return <p class="dim">Asking …</p>
  if (days.every(day => day.legacy + day.new === 0)) return <p class="dim">Counted from the first request on.</p>
  const most = Math.max(1, ...days.map(day => day.legacy))
  const last = days.at(-1)
  return (
    <>
      <ol class="days" aria-hidden="true">
        {days.map(({ day, legacy, new: fresh, complete }) => (
          <li
            key={day}
            class={complete ? '' : 'partly'}
            title={`${day}: legacy ${countText(legacy)}, new ${countText(fresh)}${complete ? '' : ', so far'}`}
          >
            <i style={{ height: `${Math.max(legacy === 0 ? 0 : 3, (100 * legacy) / most)}%` }} />
          </li>
        ))}
      </ol>
      <p class="dim">
        {last === undefined ? NONE : `${countText(last.legacy)} today so far`} · most in a day: {countText(most)}
        <span class="unseen"> {days.map(({ day, legacy }) => `${day}: ${legacy}`).join('; ')}</span>
      </p>
    </>
  )
}
