// Keys, and what the words mean.
import { Dialog } from './dialog.tsx'

const KEYS = [
  ['?', 'this help'],
  ['f', 'all routes'],
  ['j  k', 'next and previous route; Enter opens it'],
  ['/', 'filter'],
  ['w', 'set the weight of the route in focus, or of the one that is open'],
  ['R', 'to its “Roll back” button; Enter goes back'],
  ['Esc', 'close'],
] as const

const WORDS = [
  ['Legacy, new', 'the two sides of a route: the service that is, and the one that replaces it'],
  ['Desired', 'the percent of users that should be on new: an operator’s word, else the file’s'],
  ['In force', 'what Banyan does now: 0 while rolled back or held, whatever is desired'],
  ['Observed', 'what the traffic of the last minute really did'],
  ['Match', 'of the answers that were compared: those without a difference that counts'],
  ['Rolled back', 'everybody is on legacy at once, until a restore'],
  ['Frozen', 'the weight cannot be raised; lowering and rolling back stay possible'],
  ['Held', 'a new store found a weight in the file: 0 until somebody sets one'],
] as const

export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Help" onClose={onClose}>
      <h3>Keys</h3>
      <dl class="pairs">
        {KEYS.map(([key, what]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <h3>Words</h3>
      <dl class="pairs">
        {WORDS.map(([word, what]) => (
          <>
            <dt>{word}</dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  )
}
