// How a route is set up, as it is in force: what it matches, who keeps users where, where both sides are and how they are.
import type { RouteView } from '../api.ts'
import { Empty } from './bits.tsx'
import { countText, millisText, percentText, spanText } from './words.ts'

type Side = NonNullable<RouteView['sides']['legacy']>

export function Setup({ view }: { readonly view: RouteView }) {
  const { match, sticky, data, weight, set, frozen, shadow, reasons } = view
  const counted = Object.entries(reasons).sort(([, one], [, other]) => other - one)
  return (
    <>
      <div class="columns">
        <section class="card">
          <h2>Route</h2>
          <dl class="pairs">
            <dt>Matches</dt>
            <dd>
              {match.methods?.join(', ') ?? 'any method'} {match.host !== null && <code>{match.host}</code>}{' '}
              {match.paths.map(path => (
                <code key={path}>{path}</code>
              ))}
            </dd>
            <dt>Keeps users by</dt>
            <dd>{sticky.length === 0 ? 'nothing: each request is drawn by itself' : sticky.join(', then ')}</dd>
            <dt>Data</dt>
            <dd>
              {data === 'separate'
                ? 'separate: writes stay with legacy, reads follow the user'
                : data === 'shared'
                  ? 'shared: both sides on one database, every method follows the user'
                  : NOT_SAID}
            </dd>
            <dt>Weight</dt>
            <dd>
              file {percentText(weight.declared)} · desired {percentText(weight.desired)} · in force{' '}
              {percentText(weight.effective)}
              {set !== null && (
                <span class="under dim">
                  set by {set.by}, {spanText(Date.now() - set.at)} ago{set.reason === null ? '' : `: ${set.reason}`}
                </span>
              )}
              {frozen !== null && (
                <span class="under dim">
                  frozen by {frozen.by}, {spanText(Date.now() - frozen.at)} ago
                  {frozen.reason === null ? '' : `: ${frozen.reason}`}
                </span>
              )}
            </dd>
            <dt>Shadow</dt>
            <dd>
              {shadow === null
                ? 'off: the other side is not asked'
                : `${percentText(shadow.percent)} of ${shadow.methods.join(', ')}, ${shadow.direction === 'both' ? 'whichever side answers' : `only ${shadow.direction} is asked as well`}, ${shadow.when === 'after' ? 'after the answer' : 'beside it'}`}
            </dd>
          </dl>
        </section>
        <section class="card">
          <h2>Why requests went where they went</h2>
          {counted.length === 0 ? (
            <Empty>No request since the start.</Empty>
          ) : (
            <table class="small">
              <tbody>
                {counted.map(([reason, count]) => (
                  <tr key={reason}>
                    <th scope="row">{reason}</th>
                    <td class="number">{countText(count)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
      <div class="columns">
        {(['legacy', 'new'] as const).map(side => {
          const state = view.sides[side]
          return state === null ? null : <SideCard key={side} side={side} state={state} />
        })}
      </div>
    </>
  )
}

const NOT_SAID = 'not said: only safe methods are matched'

function SideCard({ side, state }: { readonly side: 'legacy' | 'new'; readonly state: Side }) {
  return (
    <section class="card">
      <h2>
        <span class={`side ${side}`}>{side}</span> <span class="dim cut">{state.backend}</span>
      </h2>
      <p class="cut">
        <code>{state.url}</code>
      </p>
      <p class="dim">
        {countText(state.requests)} requests since the start, {countText(state.errors)} failed · P50{' '}
        {millisText(state.p50Ms)} · P95 {millisText(state.p95Ms)}
      </p>
      {!state.tlsVerified && <p class="trouble-soft">Its certificate is not checked.</p>}
      {state.circuit === 'open' && <p class="trouble">Its circuit is open: too many requests had failed.</p>}
      {state.gate !== null && (
        <p class="dim">
          {state.gate.inside} of {state.gate.limit} places taken, {state.gate.waiting} waiting
        </p>
      )}
      <table class="small">
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              In flight
            </th>
            <th scope="col" class="number">
              Connections
            </th>
          </tr>
        </thead>
        <tbody>
          {state.addresses.map(({ address, healthy, why, inFlight, connections }) => (
            <tr key={address}>
              <th scope="row">
                <span class="cut">{address}</span>
              </th>
              <td>{healthy ? 'in use' : <span class="trouble">out: {why ?? 'unknown'}</span>}</td>
              <td class="number">{inFlight}</td>
              <td class="number">{connections}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
