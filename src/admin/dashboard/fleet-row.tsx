// One route of the fleet. Drawn again only where its figures changed.
import { memo } from 'preact/compat'
import type { Status } from '../api.ts'
import { RouteActions } from './actions.tsx'
import { Ago, Level, Phase, Split } from './bits.tsx'
import type { Live } from './live.ts'
import { placeText } from './place.ts'
import { countText, millisText, percentText, rateText, ratioText } from './words.ts'

type Row = Status['routes'][number]
/** Milliseconds at the end of the axis that all rows share. */
export type Scale = number

/** Latencies are laid out on one axis from 1 ms to the slowest, by powers: a row can be held against its neighbours. */
export function scaleOf(rows: readonly Row[]): Scale {
  const slowest = Math.max(10, ...rows.flatMap(({ p95Ms }) => [p95Ms.legacy ?? 0, p95Ms.new ?? 0]))
  // In steps, so that the axis does not move with every figure.
  return 10 ** (Math.ceil(Math.log10(slowest) * 2) / 2)
}

interface RowParts {
  readonly row: Row
  readonly scale: Scale
  readonly who: Live['who']
}

export const FleetRow = memo(function FleetRow({ row, scale, who }: RowParts) {
  const { id, template, owner, group, attention, match, lastDecision } = row
  return (
    <tr class={`need-${attention.level}`}>
      <th scope="row" data-label="Route">
        <Level level={attention.level} />
        <a href={placeText({ route: id })} data-row title={id}>
          {id}
        </a>
        <span class="under cut" title={template}>
          {template}
        </span>
        {(owner !== null || group !== null) && (
          <span class="under dim cut">
            {[owner, group === null ? null : `group ${group}`].filter(one => one !== null).join(' · ')}
          </span>
        )}
      </th>
      <td data-label="Users on new">
        <Split row={row} />
      </td>
      <td data-label="Phase, next">
        <Phase row={row} />
        {attention.why !== null && <span class={`under why ${attention.level}`}>{attention.why}</span>}
        {row.next !== '' && (attention.level !== 'look' || attention.why === null) && (
          <span class="under dim">{row.next}</span>
        )}
      </td>
      <td class="number" data-label="Requests/s">
        <Both legacy={rateText(row.perSecond.legacy)} fresh={rateText(row.perSecond.new)} row={row} />
      </td>
      <td class="number" data-label="Errors">
        <Both legacy={ratioText(row.errorRatio.legacy)} fresh={ratioText(row.errorRatio.new)} row={row} />
      </td>
      <td data-label="P95">
        <Latency row={row} scale={scale} />
      </td>
      <td class="number" data-label="Match">
        {match === null ? (
          <span class="dim" title="the other side is not asked: shadow.percent is 0">
            not compared
          </span>
        ) : match.compared === 0 ? (
          <span class="dim" title="nothing was compared yet">
            – of 0
          </span>
        ) : (
          <>
            <b
              title={
                match.interval === null
                  ? ''
                  : `95 %: ${ratioText(match.interval[0])} to ${ratioText(match.interval[1])}`
              }
            >
              {ratioText(match.rate)}
            </b>
            <span class="under dim">of {countText(match.compared)}</span>
            {match.divergent > 0 && (
              <a class="under" href={placeText({ route: id, tab: 'differences' })}>
                {match.divergent} differ
              </a>
            )}
          </>
        )}
      </td>
      <td data-label="Last decision">
        {lastDecision === null ? (
          <span class="dim">none</span>
        ) : (
          <>
            {decisionText(lastDecision)}
            <span class="under dim" title={lastDecision.reason ?? ''}>
              {lastDecision.by} · <Ago at={lastDecision.at} />
            </span>
          </>
        )}
      </td>
      <td>
        <RouteActions row={row} who={who} />
      </td>
    </tr>
  )
})

export function decisionText({ action, to }: NonNullable<Row['lastDecision']>): string {
  switch (action) {
    case 'set-weight':
      return `set to ${percentText(to)}`
    case 'unset-weight':
      return 'back to the file'
    case 'rollback':
      return 'rolled back'
    case 'restore':
      return 'restored'
    case 'freeze':
      return 'frozen'
    default:
      return 'unfrozen'
  }
}

function Both({ legacy, fresh, row }: { readonly legacy: string; readonly fresh: string; readonly row: Row }) {
  return (
    <span class="both">
      {row.state !== 'new-only' && (
        <span>
          <i class="key legacy" title="legacy">
            L
          </i>
          {legacy}
        </span>
      )}
      {row.state !== 'legacy-only' && (
        <span>
          <i class="key new" title="new">
            N
          </i>
          {fresh}
        </span>
      )}
    </span>
  )
}

/** Both sides as dots on one axis. */
function Latency({ row: { p95Ms, state }, scale }: { readonly row: Row; readonly scale: Scale }) {
  const dots = (['legacy', 'new'] as const).flatMap(side => {
    const ms = p95Ms[side]
    return ms === null ? [] : [{ side, at: (100 * Math.log10(Math.max(1, ms))) / Math.log10(scale) }]
  })
  const [from, to] = [Math.min(...dots.map(({ at }) => at)), Math.max(...dots.map(({ at }) => at))]
  return (
    <div class="latency">
      <span class="both">
        {state !== 'new-only' && (
          <span title={p95Ms.legacy === null ? 'no request in the last minute' : 'legacy'}>
            <i class="key legacy">L</i>
            {millisText(p95Ms.legacy)}
          </span>
        )}
        {state !== 'legacy-only' && (
          <span title={p95Ms.new === null ? 'no request in the last minute' : 'new'}>
            <i class="key new">N</i>
            {millisText(p95Ms.new)}
          </span>
        )}
      </span>
      <div class="axis" aria-hidden="true">
        {dots.length === 2 && <i style={{ left: `${from}%`, width: `${to - from}%` }} />}
        {dots.map(({ side, at }) => (
          <b key={side} class={side} style={{ left: `${at}%` }} />
        ))}
      </div>
    </div>
  )
}
