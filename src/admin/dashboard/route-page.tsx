// One route: where it stands, what the evidence says, where the answers differ, who is pinned, what happened, how it is set up.
import { PHASES, phaseOf } from '../../model/attention.ts'
import type { Status } from '../api.ts'
import { RouteActions } from './actions.tsx'
import { CopyAs, Level, Phase, Split } from './bits.tsx'
import { Differences } from './differences.tsx'
import { Evidence } from './evidence.tsx'
import type { Live } from './live.ts'
import { type Place, placeText, TABS, type Tab } from './place.ts'
import { useRead } from './read.ts'
import { Setup } from './setup.tsx'
import { Timeline } from './timeline.tsx'
import { Users } from './users.tsx'
import { Warnings } from './warnings.tsx'

const TITLES: Readonly<Record<Tab, string>> = {
  evidence: 'Evidence',
  differences: 'Divergences',
  users: 'Users and pins',
  timeline: 'Timeline',
  setup: 'Set-up',
}
const READ_AGAIN_MS = 5_000

interface RouteParts {
  readonly id: string
  readonly live: Live
  readonly status: Status
  readonly place: Place
}

export function RoutePage(parts: RouteParts) {
  const row = parts.status.routes.find(one => one.id === parts.id)
  if (row !== undefined) return <KnownRoute {...parts} row={row} />
  return (
    <main id="main">
      <h1>No such route</h1>
      <p>
        There is no route {parts.id} here, or your token does not reach it. <a href={placeText({})}>All routes</a>
      </p>
    </main>
  )
}

function KnownRoute({ id, live, status, place, row }: RouteParts & { readonly row: Status['routes'][number] }) {
  const { answer: view, trouble } = useRead('route', { params: { id } }, [live.changes], READ_AGAIN_MS)
  return (
    <main id="main">
      <nav class="crumbs" aria-label="Where">
        <a href={placeText({})}>Routes</a> <span aria-hidden="true">›</span> <span class="cut">{id}</span>
      </nav>
      <section class={`headline ${row.attention.level}`} aria-label="State">
        <div class="grow">
          <h1>
            <Level level={row.attention.level} />
            <span class="cut">{id}</span> <Phase row={row} />
          </h1>
          <p class="dim cut">
            {row.template}
            {row.owner !== null && <> · {row.owner}</>}
            {row.group !== null && <> · group {row.group}: they move together</>}
          </p>
          {row.attention.why !== null && <p>{row.attention.why}</p>}
          <Split row={row} isLarge />
        </div>
        <RouteActions row={row} who={live.who} isLong />
      </section>
      <Stepper row={row} />
      <Warnings warnings={status.warnings.filter(({ route }) => route === id)} />
      <nav class="tabs" aria-label="Parts of the route">
        {TABS.map(tab => (
          <a key={tab} href={placeText({ route: id, tab })} aria-current={place.tab === tab ? 'page' : undefined}>
            {TITLES[tab]}
            {tab === 'differences' && row.match !== null && row.match.divergent > 0 && (
              <span class="badge">{row.match.divergent}</span>
            )}
          </a>
        ))}
        <span class="spring" />
        <CopyAs {...copyOf(place.tab, id)} />
      </nav>
      {trouble !== null && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {place.tab === 'evidence' && <Evidence row={row} view={view} live={live} />}
      {place.tab === 'differences' && <Differences id={id} row={row} live={live} place={place} view={view} />}
      {place.tab === 'users' && <Users id={id} row={row} live={live} />}
      {place.tab === 'timeline' && <Timeline id={id} changes={live.changes} />}
      {place.tab === 'setup' && view !== null && <Setup view={view} />}
    </main>
  )
}

const STEPS = PHASES.filter(phase => phase !== 'legacy-only')

/** The way of a migration, and where this route is on it. */
function Stepper({ row }: { readonly row: Status['routes'][number] }) {
  // What a rollback interrupts is not undone: it is where it was, and stands.
  const isBack = row.state === 'rolled-back'
  const phase = isBack
    ? phaseOf({ hasLegacy: true, hasNew: true, effective: row.desired, isShadowed: row.shadow > 0 })
    : row.phase
  const at = (STEPS as readonly string[]).indexOf(phase)
  return (
    <section class="stepper" aria-label="Phases">
      <ol>
        {STEPS.map((phase, i) => (
          <li
            key={phase}
            class={i < at ? 'past' : i === at ? 'now' : 'to-come'}
            aria-current={i === at ? 'step' : undefined}
          >
            <span aria-hidden="true">{i < at ? '✓' : i === at ? (isBack ? '↩' : '●') : '○'}</span> {phase}
            {isBack && i === at && ': rolled back'}
          </li>
        ))}
      </ol>
      {row.next !== '' && (
        <p>
          <b>Next:</b> {row.next}
        </p>
      )}
    </section>
  )
}

function copyOf(tab: Tab, id: string): Parameters<typeof CopyAs>[0] {
  const options = { params: { id } }
  switch (tab) {
    case 'differences':
      return { cli: `banyan divergences ${id}`, name: 'divergences', options }
    case 'users':
      return { cli: `banyan pin ${id}`, name: 'pins', options }
    case 'timeline':
      return { cli: `banyan audit --route ${id}`, name: 'audit', options: { query: { route: id } } }
    case 'evidence':
      return { cli: `banyan report ${id}`, name: 'history', options }
    default:
      return { cli: `banyan routes ${id}`, name: 'route', options }
  }
}
