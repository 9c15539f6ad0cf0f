// What changes something: a preview first, then where it is in force and in how many milliseconds, and for ten seconds a way
// back. Going back is one click, because nobody reads a dialog while users are hurt.
import { type ComponentChildren, createContext } from 'preact'
import { useContext, useRef, useState } from 'preact/hooks'
import type { Status } from '../api.ts'
import { type Answer, type CallName, type CallOptions, call, Refused } from './call.ts'
import { ChangeDialog } from './change-dialog.tsx'
import { type Live, may, readStatus } from './live.ts'
import { type Result, Results } from './results.tsx'
import { WeightDialog } from './weight-dialog.tsx'
import { percentText } from './words.ts'

type Row = Status['routes'][number]
type Applied = Answer<'setWeight'>

/** What is said and done beside the change itself. */
export interface Told {
  readonly title: string
  /** Brings back what was before. */
  readonly undo?: (applied: Applied) => Promise<void>
}

interface Actions {
  /** True once it is in force; false where it was refused, which is told. */
  run<N extends CallName>(name: N, options: CallOptions, told: Told): Promise<boolean>
  open(dialog: Opened): void
  /** What the field beside “Roll back all” holds. */
  readonly why: { readonly current: HTMLInputElement | null }
}

type Opened =
  | { readonly kind: 'weight'; readonly id: string }
  | { readonly kind: 'restore' | 'freeze' | 'unfreeze' | 'unset-weight'; readonly id: string | null }

const Context = createContext<Actions | null>(null)

export function useActions(): Actions {
  return useContext(Context) as Actions
}

let lastResult = 0

export function ActionsHost({ children }: { readonly children: ComponentChildren }) {
  const [results, setResults] = useState<readonly Result[]>([])
  const [opened, setOpened] = useState<Opened | null>(null)
  const why = useRef<HTMLInputElement>(null)
  const tell = (result: Omit<Result, 'number' | 'at'>) => {
    lastResult++
    const told = { ...result, number: lastResult, at: Date.now() }
    setResults(before => [...before.slice(-3), told])
  }

  const actions: Actions = {
    open: setOpened,
    why,
    async run(name, options, { title, undo }) {
      try {
        const applied = (await call(name, options)) as Applied
        tell({ title, applied, refused: null, undo: undo === undefined ? null : () => undo(applied) })
        return true
      } catch (error) {
        tell({
          title,
          applied: null,
          refused: error instanceof Refused ? error : new Refused(0, null, String(error)),
          undo: null,
        })
        return false
      } finally {
        void readStatus()
      }
    },
  }
  const close = () => setOpened(null)
  return (
    <Context.Provider value={actions}>
      {children}
      {opened?.kind === 'weight' && <WeightDialog id={opened.id} onClose={close} />}
      {opened !== null && opened.kind !== 'weight' && (
        <ChangeDialog key={`${opened.kind} ${opened.id}`} action={opened.kind} id={opened.id} onClose={close} />
      )}
      <Results results={results} onDismiss={number => setResults(all => all.filter(one => one.number !== number))} />
    </Context.Provider>
  )
}

/** Of the next rollback, whichever button it is: who has time says why first, and no click waits for it. */
export function RollbackReason({ who }: { readonly who: Live['who'] }) {
  const { why } = useActions()
  if (who?.reach.rollback === undefined) return null
  return (
    <input
      ref={why}
      class="why-back"
      maxLength={500}
      autocomplete="off"
      placeholder="Reason"
      title="Why, if you roll back (optional, kept in the audit log)"
      aria-label="Why, if you roll back (optional, kept in the audit log)"
    />
  )
}

/** One click. `route` null: everything. */
export function RollbackButton({ route, who }: { readonly route: Row | null; readonly who: Live['who'] }) {
  const { run, why } = useActions()
  const [isBusy, setBusy] = useState(false)
  if (route !== null && (route.state === 'legacy-only' || route.state === 'new-only')) return null
  const isMay = may(who, 'rollback', route?.id ?? null)
  const isBack = route?.state === 'rolled-back'
  const does =
    route === null
      ? 'Everything to legacy, at once'
      : isBack
        ? 'It is rolled back'
        : `${route.group === null ? '' : `With its group ${route.group}: `}${percentText(route.effective)} → legacy, at once; overrides and pins too`
  const click = async () => {
    setBusy(true)
    const params = { id: route?.id ?? '' }
    const reason = why.current?.value.trim() ?? ''
    const what = route === null ? 'Everything is rolled back' : `${route.id} is rolled back`
    const title = reason === '' ? what : `${what}: “${reason}”`
    const body = reason === '' ? {} : { reason }
    const name = route === null ? 'rollbackAll' : 'rollback'
    const isDone = await run(name, route === null ? { body } : { params, body }, {
      title,
      undo: async applied => {
        const { rollback } = applied as Answer<'rollback'>
        const options = { body: { rollbacks: [rollback], reason: 'undone within ten seconds' } }
        if (route === null) await run('restoreAll', options, { title: 'Undone: everything is as it was' })
        else await run('restore', { ...options, params }, { title: `Undone: ${route.id} is as it was` })
      },
    })
    // It was of this one; what is typed meanwhile is of the next.
    if (isDone && why.current?.value.trim() === reason) why.current.value = ''
    setBusy(false)
  }
  return (
    <button
      type="button"
      class="danger"
      data-key="R"
      disabled={!isMay || isBusy || isBack}
      title={isMay ? does : 'Your token has not the scope rollback here'}
      aria-label={route === null ? 'Roll back all routes' : `Roll back ${route.id}`}
      onClick={() => void click()}
    >
      <span aria-hidden="true">↩</span> {route === null ? 'Roll back all' : 'Roll back'}
    </button>
  )
}

export function RouteActions({
  row,
  who,
  isLong = false,
}: {
  readonly row: Row
  readonly who: Live['who']
  readonly isLong?: boolean
}) {
  const { open } = useActions()
  if (row.state === 'legacy-only' || row.state === 'new-only') {
    return <span class="dim">one side: nothing to move</span>
  }
  const isMay = may(who, 'operate', row.id)
  const why = isMay ? undefined : 'Your token has not the scope operate here'
  const isBack = row.state === 'rolled-back'
  return (
    <span class="actions">
      {isBack && (
        <button type="button" disabled={!isMay} title={why} onClick={() => open({ kind: 'restore', id: row.id })}>
          Restore …
        </button>
      )}
      {(!isBack || isLong) && (
        <button
          type="button"
          data-key="w"
          disabled={!isMay}
          title={why ?? 'Set the percent of users on new (w)'}
          aria-label={`Set the weight of ${row.id}`}
          onClick={() => open({ kind: 'weight', id: row.id })}
        >
          Weight …
        </button>
      )}
      {isLong && (
        <button
          type="button"
          disabled={!isMay}
          title={why ?? 'No raise until unfrozen; lowering and rolling back stay possible'}
          onClick={() => open({ kind: row.state === 'frozen' ? 'unfreeze' : 'freeze', id: row.id })}
        >
          {row.state === 'frozen' ? 'Unfreeze …' : 'Freeze …'}
        </button>
      )}
      {isLong && (
        <button
          type="button"
          disabled={!isMay || row.desired === row.declared}
          title={why ?? `The file says ${percentText(row.declared)}`}
          onClick={() => open({ kind: 'unset-weight', id: row.id })}
        >
          Back to the file …
        </button>
      )}
      <RollbackButton route={row} who={who} />
    </span>
  )
}
