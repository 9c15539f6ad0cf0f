// One difference in full: how often, why it counts, both answers of an example beside each other with the leaf marked, the
// request to ask by hand, and what can be done about it.
import { useState } from 'preact/hooks'
import { beside, type Marked } from '../../compare/beside.ts'
import { bodyLines, headLines } from '../../compare/shown-lines.ts'
import type { RouteView } from '../api.ts'
import type { ExemplarView, Replayed, SignatureAnswer } from '../api-compare.ts'
import { useActions } from './actions.tsx'
import { CopyAs, Empty, Moment, SideName } from './bits.tsx'
import { call } from './call.ts'
import { type Live, may } from './live.ts'
import { RuleForm } from './rules.tsx'
import { countText, plain, ratioText } from './words.ts'

interface PanelParts {
  readonly id: string
  readonly item: SignatureAnswer
  readonly live: Live
  readonly view: RouteView | null
  readonly onChanged: () => void
}

export function DifferencePanel({ id, item, live, view, onChanged }: PanelParts) {
  const { run } = useActions()
  const [isRule, setRule] = useState(false)
  const [isFirst, setFirst] = useState(false)
  const [replayed, setReplayed] = useState<Replayed | string | null>(null)
  const { signature, kind, field, severity, state, count, rate, interval, why, differences, exemplar, latest } = item
  const shown = (isFirst ? exemplar : latest) ?? exemplar
  const replay = async () => {
    setReplayed('Asking both sides again …')
    const answer = await call('replay', { params: { signature }, body: {} }).catch((error: Error) => error.message)
    setReplayed(answer)
  }
  return (
    <>
      <div class="panel-head">
        <h2>
          <span class="cut">{plain(field)}</span> <span class="chip">{kind}</span>{' '}
          <span class={`chip ${severity}`}>{severity}</span> <span class="chip">{state}</span>
        </h2>
        <p>{why}</p>
        <p class="dim">
          {countText(count)} times: {ratioText(rate)} of what was compared where it occurs
          {interval !== null && `, 95 %: ${ratioText(interval[0])} to ${ratioText(interval[1])}`} · first{' '}
          <Moment at={item.firstSeen} /> · last <Moment at={item.lastSeen} />
        </p>
        <ul class="plain places">
          {differences.slice(0, 8).map(place => (
            <li key={`${place.template} ${place.path} ${place.kind}`}>
              <code>{place.template}</code>{' '}
              <code>{kind === 'status' ? field : place.path === '' ? '(the whole)' : plain(place.path)}</code>{' '}
              <span class="dim">{countText(place.count)}×</span>
            </li>
          ))}
          {differences.length > 8 && <li class="dim">and {differences.length - 8} more places</li>}
        </ul>
        <span class="actions">
          <button type="button" class={isRule ? '' : 'primary'} aria-expanded={isRule} onClick={() => setRule(!isRule)}>
            {isRule ? 'No rule' : 'It does not count …'}
          </button>
          <button
            type="button"
            disabled={!may(live.who, 'operate', id)}
            title="It is forgotten, and is new when it is seen again"
            onClick={async () => {
              await run(
                'acknowledge',
                { params: { signature } },
                { title: 'Acknowledged: it is new when it is seen again' },
              )
              onChanged()
            }}
          >
            Acknowledge
          </button>
          <button
            type="button"
            disabled={!may(live.who, 'operate', id) || !may(live.who, 'bodies', id)}
            title="Both sides, now, without credentials; safe methods only"
            onClick={() => void replay()}
          >
            Ask again
          </button>
          <CopyAs cli={`banyan divergences show ${signature}`} name="divergence" options={{ params: { signature } }} />
        </span>
      </div>
      {isRule && <RuleForm id={id} item={item} live={live} onAdded={onChanged} />}
      {replayed !== null && <ReplayedView replayed={replayed} />}
      {shown === null ? <Empty>No example is kept.</Empty> : <Example example={shown} item={item} view={view} />}
      {exemplar !== null && latest !== null && exemplar.exchange !== latest.exchange && (
        <button type="button" class="link" onClick={() => setFirst(!isFirst)}>
          {isFirst ? 'The latest example' : 'The first example that is kept'}
        </button>
      )}
    </>
  )
}

function ReplayedView({ replayed }: { readonly replayed: Replayed | string }) {
  if (typeof replayed === 'string') {
    return (
      <p class="trouble-soft" role="status">
        {replayed}
      </p>
    )
  }
  const status = (code: number | null) => code ?? 'no answer'
  return (
    <p class="trouble-soft" role="status">
      <b>{replayed.verdict}</b>: {replayed.why} (legacy {status(replayed.statuses.legacy)}, new{' '}
      {status(replayed.statuses.new)})
    </p>
  )
}

interface ExampleParts {
  readonly example: ExemplarView
  readonly item: SignatureAnswer
  readonly view: RouteView | null
}

function Example({ example, item, view }: ExampleParts) {
  const { method, target, template, at, primary, statuses, answers, exchange, traceId } = example
  return (
    <section class="example" aria-label="Example">
      <h3>
        <span class="cut">
          {method} {target ?? template}
        </span>
      </h3>
      <p class="dim">
        <Moment at={at} /> · legacy {statuses.legacy}, new {statuses.new} · the client got <SideName side={primary} />
        ’s · exchange <code>{exchange}</code>
        {traceId !== '' && (
          <>
            {' '}
            · trace <code>{traceId}</code>
          </>
        )}
      </p>
      {answers === null ? (
        <>
          <Empty>
            Values are not shown: they are kept with <code>compare.values: redacted</code>, and shown to tokens with the
            scope <code>bodies</code>.
          </Empty>
          <ul class="plain">
            {example.differences.map(one => (
              <li key={`${one.kind} ${one.path}`}>
                <code>{one.path}</code> {one.kind}: {one.legacyType ?? 'absent'} → {one.newType ?? 'absent'}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <>
          <div class="beside-titles" aria-hidden="true">
            <span class="side legacy">legacy</span>
            <span class="side new">new</span>
          </div>
          <Beside
            rows={beside(headLines(answers.legacy, item.differences), headLines(answers.new, item.differences))}
            what="Heads"
          />
          {answers.legacy.body === null && answers.new.body === null ? (
            <Empty>Neither body is text.</Empty>
          ) : (
            <Beside
              rows={beside(bodyLines(answers.legacy, item.differences), bodyLines(answers.new, item.differences))}
              what="Bodies"
            />
          )}
          <p class="dim legend-lines">
            <span class="mark-counts">≠</span> this difference · <span class="mark-other">~</span> differs as well:
            another one, or what does not count
          </p>
        </>
      )}
      {target !== null && view !== null && (
        <details>
          <summary>Ask each side by hand</summary>
          <pre>
            {(['legacy', 'new'] as const)
              .flatMap(side => {
                const url = view.sides[side]?.url.split(',')[0]?.trim()
                const how = method === 'GET' ? '' : method === 'HEAD' ? ' -I' : ` -X ${method}`
                return url === undefined
                  ? []
                  : [`curl -i${how} '${url.replace(/\/+$/, '')}${target.replaceAll("'", "'\\''")}'`]
              })
              .join('\n')}
          </pre>
        </details>
      )}
    </section>
  )
}

const SIGNS = { '': '', counts: '≠', other: '~' } as const

function Beside({ rows, what }: { readonly rows: readonly (Marked | null)[]; readonly what: string }) {
  return (
    <table class="beside" aria-label={`${what} of both answers`}>
      <colgroup>
        <col />
        <col class="sign" />
        <col />
      </colgroup>
      <tbody>
        {rows.map((row, i) =>
          row === null ? (
            <tr key={i} class="gap">
              <td colSpan={3}>…</td>
            </tr>
          ) : (
            <tr key={i} class={row.mark === '' ? '' : `mark-${row.mark}`}>
              <td class={row.left === null ? 'absent' : ''}>{plain(row.left?.text ?? '')}</td>
              <td class="sign">{row.mark === 'counts' ? signOf(row) : SIGNS[row.mark]}</td>
              <td class={row.right === null ? 'absent' : ''}>{plain(row.right?.text ?? '')}</td>
            </tr>
          ),
        )}
      </tbody>
    </table>
  )
}

function signOf({ left, right }: Marked): string {
  return left === null ? '+' : right === null ? '−' : '≠'
}
