// The support desk: where one user is and why, and a side for them for a while.
import { useState } from 'preact/hooks'
import type { Status } from '../api.ts'
import { useActions } from './actions.tsx'
import { CopyLines, Empty, Moment, quoted, SideName } from './bits.tsx'
import { type Answer, call } from './call.ts'
import { type Live, may } from './live.ts'
import { useRead } from './read.ts'
import { percentText, spanText } from './words.ts'

type Found = Answer<'who'>
const FOR = ['1h', '1d', '7d', '30d']

interface UsersParts {
  readonly id: string
  readonly row: Status['routes'][number]
  readonly live: Live
}

export function Users({ id, row, live }: UsersParts) {
  const { run } = useActions()
  const { answer, trouble, again: read } = useRead('pins', { params: { id } }, [live.changes], 0)
  const pins = answer?.pins ?? null
  const isMay = may(live.who, 'operate', id)
  return (
    <>
      <div class="columns">
        <Who id={id} />
        {row.state === 'legacy-only' || row.state === 'new-only' ? null : (
          <PinForm id={id} isMay={isMay} onPinned={read} />
        )}
      </div>
      <section aria-labelledby="pins">
        <h2 id="pins">Pinned users</h2>
        {trouble !== null && <p class="trouble">{trouble}</p>}
        {pins === null ? (
          <Empty>Asking …</Empty>
        ) : pins.length === 0 ? (
          <Empty>Nobody is pinned. A rollback wins over every pin.</Empty>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">User (hash of the key)</th>
                <th scope="col">Side</th>
                <th scope="col">Until</th>
                <th scope="col">Why</th>
                <th scope="col">
                  <span class="unseen">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {pins.map(pin => (
                <tr key={pin.id}>
                  <th scope="row">
                    <code>{pin.key}</code>
                  </th>
                  <td>
                    <SideName side={pin.side} />
                  </td>
                  <td>
                    <Moment at={pin.until} />
                    <span class="under dim">in {spanText(pin.until - Date.now())}</span>
                  </td>
                  <td>
                    {pin.reason ?? '–'}
                    <span class="under dim">{pin.by}</span>
                  </td>
                  <td>
                    <button
                      type="button"
                      disabled={!isMay}
                      onClick={async () => {
                        await run(
                          'unpin',
                          { params: { id }, query: { pin: pin.id } },
                          { title: 'The pin is taken back' },
                        )
                        read()
                      }}
                    >
                      Take back
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </>
  )
}

function Who({ id }: { readonly id: string }) {
  const [found, setFound] = useState<Found | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const key = textOf(event, 'who-key')
    try {
      setFound(await call('who', { query: { key } }))
      setTrouble(null)
    } catch (error) {
      setTrouble((error as Error).message)
    }
  }
  const shown =
    found === null ? [] : [...found.routes].sort((one, other) => Number(other.route === id) - Number(one.route === id))
  return (
    <section class="card">
      <h2>Where is a user, and why?</h2>
      <form onSubmit={submit}>
        <label for="who-key">Key: the value by which the route keeps users</label>
        <div class="row">
          <input id="who-key" name="who-key" required maxLength={1024} autocomplete="off" spellcheck={false} />
          <button type="submit">Ask</button>
        </div>
      </form>
      {trouble !== null && <p class="trouble">{trouble}</p>}
      {found !== null && (
        <ul class="plain found">
          {shown.map(({ route, side, why, pin, bucket }) => (
            <li key={route}>
              <b class="cut">{route}</b>{' '}
              {side === null ? <span class="dim">only a request can tell</span> : <SideName side={side} />}
              <span class="under">{why}</span>
              {(bucket !== null || pin !== null) && (
                <span class="under dim">
                  {bucket !== null && `new from ${percentText(Math.round(bucket * 100) / 100)} on`}
                  {pin !== null && ` · pinned to ${pin.side} by ${pin.by}`}
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function PinForm({
  id,
  isMay,
  onPinned,
}: {
  readonly id: string
  readonly isMay: boolean
  readonly onPinned: () => void
}) {
  const { run } = useActions()
  const [key, setKey] = useState('')
  const [side, setSide] = useState<'legacy' | 'new'>('new')
  const [span, setSpan] = useState('1d')
  const [reason, setReason] = useState('')
  const body = { key, side, for: span, reason }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const isPinned = await run('pin', { params: { id }, body }, { title: `The user is on ${side} for ${span}` })
    if (!isPinned) return
    setKey('')
    setReason('')
    onPinned()
  }
  return (
    <section class="card">
      <h2>Pin a user</h2>
      <form onSubmit={submit}>
        <label for="pin-key">Key (only its hash is kept)</label>
        <input
          id="pin-key"
          value={key}
          required
          maxLength={1024}
          autocomplete="off"
          spellcheck={false}
          onInput={event => setKey(event.currentTarget.value)}
        />
        <div class="row">
          <span>
            <label for="pin-side">Side</label>
            <select
              id="pin-side"
              value={side}
              onChange={event => setSide(event.currentTarget.value as 'legacy' | 'new')}
            >
              <option value="new">new</option>
              <option value="legacy">legacy</option>
            </select>
          </span>
          <span>
            <label for="pin-for">For</label>
            <select id="pin-for" value={span} onChange={event => setSpan(event.currentTarget.value)}>
              {FOR.map(one => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </span>
          <span class="grow">
            <label for="pin-reason">Why (required)</label>
            <input
              id="pin-reason"
              value={reason}
              required
              maxLength={500}
              onInput={event => setReason(event.currentTarget.value)}
            />
          </span>
        </div>
        <p class="dim">One user, on this route and its group, at any weight; a rollback still takes everybody.</p>
        <details>
          <summary>As CLI / curl</summary>
          <CopyLines
            cli={`banyan pin ${id} ${quoted(key === '' ? 'KEY' : key)} ${side} --for ${span} --reason ${quoted(reason === '' ? 'why' : reason)}`}
            name="pin"
            options={{ params: { id }, body }}
          />
        </details>
        <div class="row end">
          <button
            type="submit"
            class="primary"
            disabled={!isMay}
            title={isMay ? undefined : 'Your token has not the scope operate here'}
          >
            Pin
          </button>
        </div>
      </form>
    </section>
  )
}

function textOf(event: SubmitEvent, name: string): string {
  return ((event.currentTarget as HTMLFormElement).elements.namedItem(name) as HTMLInputElement).value
}
