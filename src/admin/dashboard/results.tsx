// What became of a change: where it is in force and in how many milliseconds, who has not answered, whether it is stored.
import { useEffect, useState } from 'preact/hooks'
import type { Answer, Refused } from './call.ts'
import { readStatus, useLive, useNow } from './live.ts'
import { many } from './words.ts'

export interface Result {
  readonly number: number
  readonly at: number
  readonly title: string
  readonly applied: Answer<'setWeight'> | null
  readonly refused: Refused | null
  readonly undo: (() => Promise<void>) | null
}

const UNDO_MS = 10_000

export function Results({
  results,
  onDismiss,
}: {
  readonly results: readonly Result[]
  readonly onDismiss: (number: number) => void
}) {
  return (
    <div class="results" role="status" aria-live="assertive">
      {results.map(result => (
        <ResultCard key={result.number} result={result} onDismiss={() => onDismiss(result.number)} />
      ))}
    </div>
  )
}

function ResultCard({ result, onDismiss }: { readonly result: Result; readonly onDismiss: () => void }) {
  const { title, applied, refused } = result
  // What went well and everywhere leaves by itself; the rest is read first.
  const isPlain = applied !== null && applied.pending.length === 0 && applied.durable
  useEffect(() => {
    if (!isPlain) return
    const timer = setTimeout(onDismiss, 30_000)
    return () => clearTimeout(timer)
  }, [isPlain])
  return (
    <section class={`result ${refused !== null ? 'refused' : isPlain ? 'done' : 'partly'}`}>
      <div class="result-head">
        <b>{refused === null ? title : `Not done: ${refused.message}`}</b>
        <button type="button" class="quiet" onClick={onDismiss} aria-label="Dismiss">
          ✕
        </button>
      </div>
      {refused?.problem?.hint !== undefined && <p class="dim">{refused.problem.hint}</p>}
      {refused?.status === 0 && (
        <p class="dim">
          To go back without it, on its machine: <code>touch .banyan/rollback</code> beside the store, or{' '}
          <code>kill -USR2</code> with its pid.
        </p>
      )}
      {applied !== null && <Where applied={applied} />}
      <Undo result={result} />
    </section>
  )
}

function Where({ applied }: { readonly applied: Answer<'setWeight'> }) {
  const { appliedBy, pending, durable, revision } = applied
  const slowest = appliedBy.reduce((most, { ms }) => Math.max(most, ms), 0)
  return (
    <>
      <p>
        In force at {many(appliedBy.length, 'worker')} in <b data-ms={slowest}>{preciseMs(slowest)}</b>
        <span class="dim"> · revision {revision}</span>
      </p>
      {pending.length > 0 && (
        <p class="trouble">
          Not confirmed by {pending.map(({ instance, worker }) => `${instance} #${worker}`).join(', ')}: they may still
          serve as before.
        </p>
      )}
      {!durable && <Unstored />}
      <details>
        <summary>Where</summary>
        <ul class="plain">
          {appliedBy.map(({ instance, worker, ms }) => (
            <li key={`${instance} ${worker}`}>
              <span class="cut">{instance}</span> #{worker}: {preciseMs(ms)}
            </li>
          ))}
        </ul>
      </details>
    </>
  )
}

/** Nothing waits for the store when it goes back: often it is written a moment later. */
function Unstored() {
  const { status } = useLive()
  useEffect(() => {
    const timer = setInterval(() => void readStatus(false), 2_000)
    return () => clearInterval(timer)
  }, [])
  const store = status?.store
  if (store === undefined || store.unsaved > 0) {
    return (
      <p class={store?.healthy === false ? 'trouble' : 'dim'}>
        {store?.healthy === false
          ? 'The store does not answer: a local file keeps it until it does.'
          : 'Being stored …'}
      </p>
    )
  }
  return <p class="dim">Stored.</p>
}

function Undo({ result: { at, undo } }: { readonly result: Result }) {
  const now = useNow(500)
  const [isDone, setDone] = useState(false)
  const leftMs = at + UNDO_MS - now
  if (undo === null || isDone || leftMs <= 0) return null
  const click = () => {
    setDone(true)
    void undo()
  }
  return (
    <button type="button" onClick={click}>
      Undo ({Math.ceil(leftMs / 1000)} s)
    </button>
  )
}

function preciseMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`
}
