// Whether a token that somebody thought of could be guessed, or could never be shown: said at the start, not at the first call.

/** Tokens that somebody would guess. */
const SHORTEST = 16
/** `bearerOf` takes no longer one. */
const LONGEST = 512
/** A text of fewer different characters is a pattern: chance of 16 hex digits has nine or more, nearly always. */
const FEWEST = 6
/** What documentation, examples and keyboards put in. */
const GUESSED =
  /change.?(me|it|this)|password|passw0rd|secret|example|placeholder|replace|default|your.?(admin.?)?token|my.?token|admin.?token|test.?token|banyan.?token|letmein|qwerty|asdfgh/gi

/** Why a token must not be used; null: nothing is known against it. */
export function weaknessOf(token: string): string | null {
  if (token.length < SHORTEST) return `is shorter than ${SHORTEST} characters`
  if (token.length > LONGEST) return `is longer than ${LONGEST} characters`
  if (!/^[\x21-\x7e]+$/.test(token)) return 'has characters that no header carries: white space, or others than ASCII'
  if (new Set(token).size < FEWEST) return 'consists of a few characters only'
  if (stepsOf(token) > 0.7) return 'is a sequence that somebody would guess'
  // A long token of chance may have such letters in it: what is left of it counts.
  if (token.replace(GUESSED, '').replace(/[^a-z0-9]/gi, '').length < SHORTEST && token.search(GUESSED) !== -1) {
    return 'is one that somebody would guess'
  }
  return null
}

/** Share of characters that follow from the one before: the same, or the next. */
function stepsOf(token: string): number {
  let steps = 0
  for (let i = 1; i < token.length; i++) {
    const step = token.charCodeAt(i) - token.charCodeAt(i - 1)
    if (step === 0 || step === 1) steps++
  }
  return steps / (token.length - 1)
}
