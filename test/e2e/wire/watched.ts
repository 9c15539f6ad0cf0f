// State that changes by events, and waiting for it. Every wait has a generous cap, so that a proxy that hangs fails one
// case with words instead of the whole run with silence.
import { AssertionError } from 'node:assert'

export const CAP_MS = 8_000

export class Watched {
  readonly #looks = new Set<() => void>()

  protected changed(): void {
    for (const look of [...this.#looks]) look()
  }

  /** Resolves with the first value of `look` that is neither undefined, null nor false. */
  until<T>(look: () => T | undefined | null | false, what: string, seen: () => string = () => ''): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        this.#looks.delete(check)
      }
      const check = () => {
        try {
          const value = look()
          if (value === undefined || value === null || value === false) return
          settle()
          resolve(value)
        } catch (error) {
          settle()
          reject(error)
        }
      }
      const timer = setTimeout(() => {
        settle()
        reject(new AssertionError({ message: `waited ${CAP_MS / 1000} s in vain: ${what}${suffix(seen())}` }))
      }, CAP_MS)
      this.#looks.add(check)
      check()
    })
  }
}

function suffix(seen: string): string {
  return seen === '' ? '' : `; seen: ${excerpt(seen)}`
}

/** Bytes as one short printable line. */
export function excerpt(bytes: string, length = 200): string {
  const cut = bytes.length > length ? `${bytes.slice(0, length)}… (${bytes.length} bytes)` : bytes
  return JSON.stringify(cut)
}
