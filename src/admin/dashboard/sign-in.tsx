// Somebody is asked for a token: it goes to Banyan once, and this page keeps only half of a session.
import { useState } from 'preact/hooks'
import { Refused } from './call.ts'
import { signIn } from './live.ts'

export function SignIn() {
  const [trouble, setTrouble] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem('token') as HTMLInputElement
    setBusy(true)
    try {
      await signIn(field.value.trim())
    } catch (error) {
      setBusy(false)
      field.select()
      setTrouble(sentenceOf(error))
    }
  }
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit} autocomplete="off">
        <h1>
          <span class="mark" aria-hidden="true" /> Banyan
        </h1>
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          required
          autofocus
          spellcheck={false}
          aria-describedby="token-hint"
          aria-invalid={trouble !== null}
        />
        {trouble !== null && (
          <p class="trouble" role="alert">
            {trouble}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          Sign in
        </button>
        <p id="token-hint" class="dim">
          The first start wrote one to <code>admin.token</code> beside the store (<code>.banyan/admin.token</code>; the
          demo prints where); <code>banyan token create NAME --scope read</code> makes others. What this page may do is
          what the token may.
        </p>
      </form>
    </main>
  )
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Refused)) return String(error)
  if (error.status === 401) return 'That is no token that is valid here.'
  if (error.status === 429) return 'Too many wrong tokens from this address: wait a moment. A right one still passes.'
  return error.message
}
