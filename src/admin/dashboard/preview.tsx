// What a change would do, as Banyan itself reckons it, while it is being typed.
import { useEffect, useState } from 'preact/hooks'
import { type Answer, call, type Refused } from './call.ts'
import { percentText, rateText } from './words.ts'

export type Preview = Answer<'preview'>
const TYPING_MS = 200

export interface Asked {
  readonly action: 'weight' | 'unset-weight' | 'freeze' | 'unfreeze' | 'rollback' | 'restore'
  readonly percent?: number
  readonly rollbacks?: readonly string[]
}

/** null: not there yet. `id` null: everything. */
export function usePreview(
  id: string | null,
  asked: Asked | null,
): { preview: Preview | null; trouble: string | null } {
  const [found, setFound] = useState<{ preview: Preview | null; trouble: string | null }>({
    preview: null,
    trouble: null,
  })
  const key = JSON.stringify(asked)
  useEffect(() => {
    if (asked === null) return
    const ended = new AbortController()
    const timer = setTimeout(async () => {
      const options = { body: asked, signal: ended.signal }
      try {
        const preview =
          id === null ? await call('previewAll', options) : await call('preview', { ...options, params: { id } })
        setFound({ preview, trouble: null })
      } catch (error) {
        if (!ended.signal.aborted) setFound({ preview: null, trouble: (error as Refused).message })
      }
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
      ended.abort()
    }
  }, [id, key])
  return found
}

export function PreviewView({
  preview,
  trouble,
}: {
  readonly preview: Preview | null
  readonly trouble: string | null
}) {
  if (trouble !== null) {
    return (
      <p class="trouble" role="alert">
        {trouble}
      </p>
    )
  }
  if (preview === null) return <p class="preview dim">Reckoning …</p>
  return (
    <div class="preview" aria-live="polite">
      {preview.refused !== null ? (
        <p class="trouble">
          It would be refused: {preview.refused.detail}
          {preview.refused.hint !== null && <span class="dim"> ({preview.refused.hint})</span>}
        </p>
      ) : (
        <p>{preview.says}</p>
      )}
      {preview.routes.length > 0 && (
        <table class="small">
          <thead>
            <tr>
              <th scope="col">Route</th>
              <th scope="col" class="number">
                In force
              </th>
              <th scope="col" class="number">
                Requests/s on new
              </th>
              <th scope="col" class="number">
                on legacy
              </th>
            </tr>
          </thead>
          <tbody>
            {preview.routes.slice(0, 20).map(({ id, effective, perSecond, headroom, notes }) => (
              <>
                <tr>
                  <th scope="row">
                    <span class="cut">{id}</span>
                  </th>
                  <td class="number">
                    {percentText(effective.from)} → <b>{percentText(effective.to)}</b>
                  </td>
                  <td class="number">{perSecond === null ? 'no traffic' : move(perSecond.new)}</td>
                  <td class="number">{perSecond === null ? '–' : move(perSecond.legacy)}</td>
                </tr>
                {(notes.length > 0 || headroom !== null) && (
                  <tr class="notes">
                    <td colSpan={4}>
                      {headroom !== null && (
                        <p>
                          {headroom.backend} takes {headroom.limit} at once, {headroom.inside} are in it
                          {headroom.wouldNeed !== null && `; it would need about ${headroom.wouldNeed}`}
                        </p>
                      )}
                      {notes.map(note => (
                        <p key={note}>{note}</p>
                      ))}
                    </td>
                  </tr>
                )}
              </>
            ))}
          </tbody>
        </table>
      )}
      {preview.routes.length > 20 && <p class="dim">and {preview.routes.length - 20} more routes</p>}
    </div>
  )
}

function move({ from, to }: { readonly from: number; readonly to: number }): string {
  return `${rateText(from)} → ${rateText(to)}`
}
