// What is known about whether new does as well as legacy: answers compared, errors and latency of both sides over each other.
import { useState } from 'preact/hooks'
import type { RouteView, Status } from '../api.ts'
import { Empty } from './bits.tsx'
import { DayBars, useDays } from './burndown.tsx'
import type { Answer } from './call.ts'
import { Chart } from './chart.tsx'
import { useDivergences } from './differences.tsx'
import type { Live } from './live.ts'
import { placeText } from './place.ts'
import { useRead } from './read.ts'
import { countText, millisText, NONE, rateText, ratioText, spanText } from './words.ts'

type History = Answer<'history'>
type Row = Status['routes'][number]
const SPANS = ['1h', '24h'] as const
const READ_AGAIN_MS = 10_000

interface EvidenceParts {
  readonly row: Row
  readonly view: RouteView | null
  readonly live: Live
}

export function Evidence({ row, view, live }: EvidenceParts) {
  const [span, setSpan] = useState<(typeof SPANS)[number]>('1h')
  const options = { params: { id: row.id }, query: { span } }
  const { answer: history } = useRead('history', options, [live.changes], READ_AGAIN_MS)
  const days = useDays(row.id)
  return (
    <>
      <div class="columns">
        <Sides row={row} view={view} />
        <Compared row={row} live={live} />
      </div>
      <section aria-labelledby="charts">
        <div class="bar-of-tools">
          <h2 id="charts">Both sides over time</h2>
          <fieldset class="toggle">
            <legend class="unseen">Span</legend>
            {SPANS.map(one => (
              <button key={one} type="button" aria-pressed={span === one} onClick={() => setSpan(one)}>
                {one}
              </button>
            ))}
          </fieldset>
          <span class="legend dim">
            <i class="line legacy" aria-hidden="true" /> legacy, dashed · <i class="line new" aria-hidden="true" /> new,
            solid · vertical lines: changes
          </span>
        </div>
        {history === null ? <Empty>Asking …</Empty> : <Charts history={history} />}
      </section>
      <section class="card">
        <h2>Legacy calls per day</h2>
        <DayBars days={days} />
      </section>
    </>
  )
}

function Charts({ history }: { readonly history: History }) {
  const { legacy, new: fresh } = history.sides
  const seconds = history.stepMs / 1000
  const perSecond = (side: typeof legacy) =>
    (side?.requests ?? []).map(count => (count === null ? null : count / seconds))
  const errors = (side: typeof legacy) =>
    (side?.requests ?? []).map((count, i) => {
      const failed = side?.errors[i]
      return count === null || count === 0 || failed == null ? null : failed / count
    })
  return (
    <div class="charts">
      <Chart
        title="P95"
        history={history}
        legacy={legacy?.p95Ms ?? []}
        fresh={fresh?.p95Ms ?? []}
        format={millisText}
        least={5}
      />
      <Chart
        title="Errors"
        history={history}
        legacy={errors(legacy)}
        fresh={errors(fresh)}
        format={ratioText}
        least={0.01}
      />
      <Chart
        title="Requests/s"
        history={history}
        legacy={perSecond(legacy)}
        fresh={perSecond(fresh)}
        format={rateText}
        least={1}
      />
    </div>
  )
}

/** The last minute, side by side. */
function Sides({ row, view }: { readonly row: Row; readonly view: RouteView | null }) {
  const line = (title: string, legacy: string, fresh: string) => (
    <tr>
      <th scope="row">{title}</th>
      <td class="number">{legacy}</td>
      <td class="number">{fresh}</td>
    </tr>
  )
  const silent = row.perSecond.legacy === 0 && row.perSecond.new === 0
  return (
    <section class="card">
      <h2>The last minute</h2>
      <table class="small">
        <thead>
          <tr>
            <td />
            <th scope="col" class="number">
              <span class="side legacy">legacy</span>
            </th>
            <th scope="col" class="number">
              <span class="side new">new</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {line('Requests/s', rateText(row.perSecond.legacy), rateText(row.perSecond.new))}
          {line('Errors', ratioText(row.errorRatio.legacy), ratioText(row.errorRatio.new))}
          {view !== null &&
            line('P50', millisText(view.sides.legacy?.p50Ms ?? null), millisText(view.sides.new?.p50Ms ?? null))}
          {line('P95', millisText(row.p95Ms.legacy), millisText(row.p95Ms.new))}
          {view !== null && line('Open tunnels', countText(view.tunnels.legacy), countText(view.tunnels.new))}
        </tbody>
      </table>
      {silent && <p class="dim">No request in the last minute: “{NONE}” is not zero.</p>}
      {view !== null &&
        (['legacy', 'new'] as const).map(side => {
          const error = view.sides[side]?.lastError
          return error == null ? null : (
            <p key={side} class="trouble-soft">
              Last failure of {side}, {spanText(Date.now() - error.at)} ago: <code>{error.code}</code> {error.detail}
            </p>
          )
        })}
    </section>
  )
}

/** How well the answers match, and why that is not enough yet. */
function Compared({ row, live }: { readonly row: Row; readonly live: Live }) {
  const { answer } = useDivergences(row.id, live)
  if (row.shadow === 0) {
    return (
      <section class="card">
        <h2>Answers compared</h2>
        <p>Nothing is compared: the other side is not asked.</p>
        <p class="dim">
          <code>shadow: {'{ percent: 5 }'}</code> on the route in <code>routes.yaml</code> asks it for 5 % of the safe
          requests, after the client has its answer.
        </p>
      </section>
    )
  }
  if (answer === null) {
    return (
      <section class="card">
        <h2>Answers compared</h2>
        <Empty>Asking …</Empty>
      </section>
    )
  }
  const { totals, match, matchBySeverity, latency, suspended } = answer
  return (
    <section class="card">
      <h2>Answers compared</h2>
      <table class="small">
        <thead>
          <tr>
            <th scope="col">Without a difference</th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col" class="number">
              95 % sure between
            </th>
          </tr>
        </thead>
        <tbody>
          {(
            [
              ['that counts', match],
              ['of medium severity or above', matchBySeverity.medium],
              ['of high severity', matchBySeverity.high],
            ] as const
          ).map(([what, { rate, interval, of }]) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td class="number">
                <b>{ratioText(rate)}</b>
                <span class="dim"> of {countText(of)}</span>
              </td>
              <td class="number">
                {interval === null ? NONE : `${ratioText(interval[0])} – ${ratioText(interval[1])}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="dim">
        {countText(totals.eligible)} eligible requests: {countText(match.of)} compared, {countText(totals.not_sampled)}{' '}
        not sampled, {countText(totals.skipped)} skipped, {countText(totals.dropped)} dropped,{' '}
        {countText(totals.undecided)} undecided, {countText(totals.primary_error + totals.candidate_error)} failed on a
        side.
      </p>
      {latency.pairs > 0 && (
        <p class="dim">
          New was slower in {ratioText(latency.newSlower)} of {countText(latency.pairs)} pairs; median difference{' '}
          {latency.delta.p50Ms !== null && latency.delta.p50Ms < 0 ? '−' : '+'}
          {millisText(latency.delta.p50Ms === null ? null : Math.abs(latency.delta.p50Ms))}.
        </p>
      )}
      {suspended.length > 0 && (
        <p class="trouble-soft">
          {suspended.length} templates are no longer asked: {suspended[0]?.why}
        </p>
      )}
      <p>
        <a href={placeText({ route: row.id, tab: 'differences' })}>Where they differ</a>
      </p>
    </section>
  )
}
