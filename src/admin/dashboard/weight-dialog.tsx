// Sets the weight of a route: with a preview, on the revision that was looked at. Where somebody was faster, both are shown.
import { useEffect, useState } from 'preact/hooks'
import type { RouteView } from '../api.ts'
import { useActions } from './actions.tsx'
import { CopyLines, Moment, quoted } from './bits.tsx'
import { call } from './call.ts'
import { Dialog } from './dialog.tsx'
import { PreviewView, usePreview } from './preview.tsx'
import { percentText } from './words.ts'

const STEPS = [0, 1, 5, 10, 25, 50, 100]

export function WeightDialog({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { run } = useActions()
  const [seen, setSeen] = useState<RouteView | null>(null)
  const [meanwhile, setMeanwhile] = useState<RouteView | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const [text, setText] = useState('')
  const [reason, setReason] = useState('')
  const [isBusy, setBusy] = useState(false)
  useEffect(() => {
    call('route', { params: { id } }).then(
      route => {
        setSeen(route)
        setText(String(route.weight.desired))
      },
      error => setTrouble(error.message),
    )
  }, [id])
  const percent = percentOf(text)
  const { preview, trouble: reckoning } = usePreview(id, percent === null ? null : { action: 'weight', percent })
  const body = { percent: percent ?? 0, ...(reason === '' ? {} : { reason }) }

  const set = async (route: RouteView) => {
    if (percent === null) return
    setBusy(true)
    const before = route.set
    // Whoever was faster is looked at first: a change of theirs is not overwritten unseen.
    const now = await call('route', { params: { id } }).catch(() => null)
    if (now !== null && now.revision !== route.revision) {
      setMeanwhile(now)
      setBusy(false)
      return
    }
    const isSet = await run(
      'setWeight',
      { params: { id }, body, ifRevision: route.revision },
      {
        title: `${id} is at ${percentText(percent)}`,
        undo: async ({ revision }) => {
          const back = { params: { id }, ifRevision: revision }
          const told = { title: `Undone: ${id} is as it was` }
          if (before === null)
            await run('unsetWeight', { ...back, query: { reason: 'undone within ten seconds' } }, told)
          else
            await run(
              'setWeight',
              { ...back, body: { percent: before.percent, reason: 'undone within ten seconds' } },
              told,
            )
        },
      },
    )
    setBusy(false)
    if (isSet) onClose()
  }

  return (
    <Dialog title={`Weight of ${id}`} onClose={onClose}>
      {trouble !== null && <p class="trouble">{trouble}</p>}
      {seen !== null && (
        <form
          onSubmit={event => {
            event.preventDefault()
            void set(seen)
          }}
        >
          <label for="percent">Percent of users on new</label>
          <div class="row">
            <input
              id="percent"
              inputMode="decimal"
              value={text}
              ref={focusOnce}
              autocomplete="off"
              aria-invalid={percent === null}
              onInput={event => setText(event.currentTarget.value)}
            />
            <span>%</span>
            <span class="steps">
              {STEPS.map(step => (
                <button key={step} type="button" onClick={() => setText(String(step))}>
                  {step}
                </button>
              ))}
            </span>
          </div>
          {percent === null && <p class="trouble">A number from 0 to 100, up to two decimals.</p>}
          <label for="reason">Why (kept in the audit log)</label>
          <input id="reason" value={reason} maxLength={500} onInput={event => setReason(event.currentTarget.value)} />
          {percent !== null && <PreviewView preview={preview} trouble={reckoning} />}
          {meanwhile !== null && <Meanwhile seen={seen} now={meanwhile} mine={text} />}
          <details>
            <summary>As CLI / curl</summary>
            <CopyLines
              cli={`banyan weight ${id} ${text}${reason === '' ? '' : ` --reason ${quoted(reason)}`}`}
              name="setWeight"
              options={{ params: { id }, body }}
            />
          </details>
          <div class="row end">
            <button type="button" onClick={onClose}>
              Leave it
            </button>
            {meanwhile === null ? (
              <button type="submit" class="primary" disabled={percent === null || isBusy || preview?.refused != null}>
                Set {percent === null ? '' : percentText(percent)}
              </button>
            ) : (
              <button
                type="button"
                class="primary"
                disabled={percent === null || isBusy}
                onClick={() => {
                  setSeen(meanwhile)
                  setMeanwhile(null)
                  void set(meanwhile)
                }}
              >
                Set {percent === null ? '' : percentText(percent)} all the same
              </button>
            )}
          </div>
        </form>
      )}
    </Dialog>
  )
}

/** Three columns: what was there, what is there, what is meant. */
function Meanwhile({ seen, now, mine }: { readonly seen: RouteView; readonly now: RouteView; readonly mine: string }) {
  const said = now.set
  return (
    <div class="meanwhile" role="alert">
      <p>
        <b>Somebody else changed this route meanwhile</b>
        {said !== null && (
          <>
            : {said.by} at <Moment at={said.at} />
            {said.reason !== null && <>, “{said.reason}”</>}
          </>
        )}
      </p>
      <table class="small">
        <thead>
          <tr>
            <td />
            <th scope="col">You saw</th>
            <th scope="col">It is now</th>
            <th scope="col">You want</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Desired</th>
            <td>{percentText(seen.weight.desired)}</td>
            <td>
              <b>{percentText(now.weight.desired)}</b>
            </td>
            <td>{mine} %</td>
          </tr>
          <tr>
            <th scope="row">In force</th>
            <td>{percentText(seen.weight.effective)}</td>
            <td>
              <b>{percentText(now.weight.effective)}</b>
            </td>
            <td />
          </tr>
          <tr>
            <th scope="row">State</th>
            <td>{stateText(seen)}</td>
            <td>
              <b>{stateText(now)}</b>
            </td>
            <td />
          </tr>
        </tbody>
      </table>
    </div>
  )
}

/** It comes after the dialog opened, which has put the focus on what was there. */
function focusOnce(field: HTMLInputElement | null): void {
  field?.focus()
  field?.select()
}

function stateText({ frozen, held, rollbacks }: RouteView): string {
  const said = [
    ...(rollbacks.length > 0 ? ['rolled back'] : []),
    ...(frozen === null ? [] : ['frozen']),
    ...(held ? ['held'] : []),
  ]
  return said.length === 0 ? 'free' : said.join(', ')
}

function percentOf(text: string): number | null {
  const cleaned = text.trim().replace(',', '.')
  if (!/^\d{1,3}(\.\d{1,2})?$/.test(cleaned)) return null
  const percent = Number(cleaned)
  return percent <= 100 ? percent : null
}
