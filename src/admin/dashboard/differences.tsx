// Where the answers differ: a tree of places, the open one beside it in full, what is hidden by rules or known as noise on demand.
import { useMemo, useState } from 'preact/hooks'
import type { RouteView, Status } from '../api.ts'
import type { SignatureAnswer } from '../api-compare.ts'
import { Empty, Moment } from './bits.tsx'
import { DifferencePanel } from './difference-panel.tsx'
import type { Live } from './live.ts'
import { type Place, placeText, setFilter } from './place.ts'
import { type Read, useRead } from './read.ts'
import { RuleForm, Rules } from './rules.tsx'
import { type Node, treeOf } from './tree.ts'
import { countText, many, ratioText } from './words.ts'

const READ_AGAIN_MS = 10_000
const STATES = ['divergent', 'undecided', 'noise', 'ignored'] as const

interface Parts {
  readonly id: string
  readonly row: Status['routes'][number]
  readonly live: Live
  readonly place: Place
  readonly view: RouteView | null
}

export function useDivergences(id: string, live: Live): Read<'divergences'> {
  const changes = [live.divergences[id] ?? 0, live.changes]
  return useRead('divergences', { params: { id }, query: { limit: 500 } }, changes, READ_AGAIN_MS)
}

export function Differences({ id, row, live, place, view }: Parts) {
  const { answer, trouble, again: read } = useDivergences(id, live)
  const state = place.filters.get('state') ?? 'open'
  const [isAdding, setAdding] = useState(false)
  const items = answer?.items ?? []
  const shown = useMemo(
    () =>
      items.filter(item =>
        state === 'open' ? item.state === 'divergent' || item.state === 'undecided' : item.state === state,
      ),
    [items, state],
  )
  const tree = useMemo(() => treeOf(shown), [shown])
  if (row.shadow === 0 && items.length === 0) {
    return (
      <Empty>
        Nothing is compared: the other side is not asked. Set <code>shadow.percent</code> of the route, and see
        docs/comparing.md.
      </Empty>
    )
  }
  if (trouble !== null) return <p class="trouble">{trouble}</p>
  if (answer === null) return <Empty>Asking …</Empty>
  const open = place.signature === null ? null : (items.find(({ signature }) => signature === place.signature) ?? null)
  return (
    <>
      <p class="summary">
        <b>{ratioText(answer.match.rate)}</b> of {countText(answer.match.of)} compared answers match
        {answer.overflow > 0 && ` · ${countText(answer.overflow)} differences were counted and not kept`}
        <span class="dim">
          {' '}
          · counted since <Moment at={answer.totals.since} />
        </span>
      </p>
      <div class="differences">
        <section class="tree" aria-label="Places that differ">
          <div class="bar-of-tools">
            <select
              aria-label="State"
              value={state}
              onChange={event => setFilter(place, 'state', event.currentTarget.value)}
            >
              <option value="open">
                open: {items.filter(one => one.state === 'divergent' || one.state === 'undecided').length}
              </option>
              {STATES.map(one => (
                <option key={one} value={one}>
                  {one}: {items.filter(item => item.state === one).length}
                </option>
              ))}
            </select>
            <span class="spring" />
            <button type="button" aria-expanded={isAdding} onClick={() => setAdding(!isAdding)}>
              {isAdding ? 'Close' : 'Add a rule …'}
            </button>
          </div>
          {isAdding && <RuleForm id={id} item={null} live={live} onAdded={read} />}
          {shown.length === 0 ? (
            <Empty>
              {state === 'open' && answer.match.of > 0
                ? `No open difference in ${many(answer.match.of, 'comparison')}.`
                : answer.match.of === 0
                  ? 'Nothing was compared yet.'
                  : `None that is ${state}.`}
            </Empty>
          ) : (
            <Branches nodes={tree} place={place} />
          )}
        </section>
        <section class="panel" aria-label="The open difference">
          {open === null ? (
            <Empty>
              {place.signature !== null
                ? 'This difference is no longer kept.'
                : shown.length === 0
                  ? 'Nothing to show.'
                  : 'Choose a place on the left: why it counts, an example of both answers, and a rule where it is wanted.'}
            </Empty>
          ) : (
            <DifferencePanel key={open.signature} id={id} item={open} live={live} view={view} onChanged={read} />
          )}
        </section>
      </div>
      <Rules id={id} live={live} />
    </>
  )
}

function Branches({ nodes, place }: { readonly nodes: readonly Node[]; readonly place: Place }) {
  return (
    <ul class="branches">
      {nodes.map(node => (
        <li key={node.path}>
          {node.items.length !== 1 && (
            <span class="branch">
              {node.name}
              {node.items.length === 0 && <span class="dim"> {countText(node.count)}×</span>}
            </span>
          )}
          {node.items.map(item => (
            <Leaf key={item.signature} item={item} place={place} name={node.items.length === 1 ? node.name : null} />
          ))}
          {node.below.length > 0 && <Branches nodes={node.below} place={place} />}
        </li>
      ))}
    </ul>
  )
}

const KINDS: Readonly<Record<string, string>> = {
  missing: '−',
  extra: '+',
  value: '≠',
  type: 'T',
  order: '⇅',
  status: '#',
  header: 'H',
  body: '▤',
}

interface LeafParts {
  readonly item: SignatureAnswer
  readonly place: Place
  /** Of its place, where it is the only one there. */
  readonly name: string | null
}

function Leaf({ item, place, name }: LeafParts) {
  const { signature, kind, severity, state, count, rate, route } = item
  const isOpen = place.signature === signature
  return (
    <a
      class={`leaf ${severity} ${state}`}
      href={placeText({ route, tab: 'differences', signature, filters: place.filters })}
      aria-current={isOpen ? 'true' : undefined}
    >
      {name !== null && <span class="branch">{name}</span>}
      <span class="kind" aria-hidden="true">
        {KINDS[kind] ?? '≠'}
      </span>{' '}
      {kind} <span class={`chip ${severity}`}>{severity}</span>
      {state !== 'divergent' && <span class="chip">{state}</span>}
      <span class="spring" />
      <span class="dim">
        {countText(count)}× · {ratioText(rate)}
      </span>
    </a>
  )
}
