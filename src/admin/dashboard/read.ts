// What a page shows of one call: asked at once, again when something changed, and every so often. What was read stays while it cannot
// be read: the frame says that it is old.
import { useEffect, useState } from 'preact/hooks'
import { type Answer, type CallName, type CallOptions, call } from './call.ts'

export interface Read<N extends CallName> {
  /** null: not read yet. */
  readonly answer: Answer<N> | null
  /** Why it could not be read, as long as nothing was. */
  readonly trouble: string | null
  /** Now. */
  readonly again: () => void
}

/** `changes`: asked again whenever one of them is another. `everyMs` 0: not by itself. */
export function useRead<N extends CallName>(
  name: N,
  options: CallOptions,
  changes: readonly unknown[],
  everyMs: number,
): Read<N> {
  const [answer, setAnswer] = useState<Answer<N> | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const [asked, setAsked] = useState(0)
  useEffect(() => {
    let isEnded = false
    const read = () =>
      call(name, options).then(
        found => {
          if (isEnded) return
          setAnswer(found)
          setTrouble(null)
        },
        (error: Error) => {
          if (!isEnded) setTrouble(error.message)
        },
      )
    void read()
    const timer = everyMs === 0 ? 0 : setInterval(read, everyMs)
    return () => {
      isEnded = true
      clearInterval(timer)
    }
  }, [JSON.stringify(options), ...changes, asked])
  return { answer, trouble: answer === null ? trouble : null, again: () => setAsked(count => count + 1) }
}
