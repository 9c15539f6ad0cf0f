// Freeze, unfreeze, restore, back to the file: a preview, a reason, done.
import { useState } from 'preact/hooks'
import { useActions } from './actions.tsx'
import { CopyLines, quoted } from './bits.tsx'
import type { CallName, CallOptions } from './call.ts'
import { Dialog } from './dialog.tsx'
import { PreviewView, usePreview } from './preview.tsx'

type Action = 'freeze' | 'unfreeze' | 'restore' | 'unset-weight'

const WORDS: Readonly<
  Record<Action, { readonly title: string; readonly done: string; readonly cli: string; readonly call: CallName }>
> = {
  freeze: { title: 'Freeze', done: 'is frozen', cli: 'freeze', call: 'freeze' },
  unfreeze: { title: 'Unfreeze', done: 'may be raised again', cli: 'unfreeze', call: 'unfreeze' },
  restore: { title: 'Restore', done: 'is restored', cli: 'restore', call: 'restore' },
  'unset-weight': { title: 'Back to the file', done: 'is at the file’s weight', cli: 'weight', call: 'unsetWeight' },
}

interface ChangeParts {
  readonly action: Action
  /** null: everything, which can be restored. */
  readonly id: string | null
  readonly onClose: () => void
}

export function ChangeDialog({ action, id, onClose }: ChangeParts) {
  const { run } = useActions()
  const [reason, setReason] = useState('')
  const [isBusy, setBusy] = useState(false)
  const { preview, trouble } = usePreview(id, { action })
  const { title, done, cli, call: own } = WORDS[action]
  const name = id === null ? 'restoreAll' : own
  const why = reason === '' ? {} : { reason }
  const params = id === null ? {} : { params: { id } }
  const options: CallOptions = action === 'unset-weight' ? { ...params, query: why } : { ...params, body: why }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    const isDone = await run(name, options, { title: `${id ?? 'Everything'} ${done}` })
    setBusy(false)
    if (isDone) onClose()
  }
  return (
    <Dialog title={`${title}: ${id ?? 'everything'}`} onClose={onClose}>
      <form onSubmit={submit}>
        <PreviewView preview={preview} trouble={trouble} />
        <label for="reason">Why (kept in the audit log)</label>
        <input
          id="reason"
          value={reason}
          maxLength={500}
          autofocus
          onInput={event => setReason(event.currentTarget.value)}
        />
        <details>
          <summary>As CLI / curl</summary>
          <CopyLines
            cli={`banyan ${cli}${id === null ? '' : ` ${id}`}${action === 'unset-weight' ? ' --unset' : ''}${reason === '' ? '' : ` --reason ${quoted(reason)}`}`}
            name={name}
            options={options}
          />
        </details>
        <div class="row end">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class="primary" disabled={isBusy || preview?.refused != null}>
            {title}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
