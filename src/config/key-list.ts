// Lists of keys in files: one key a line, `#` begins a comment line. They may change while the proxy runs, and are read again
// by themselves; the list that a plan holds is a living thing with one pointer in it.
import type { KeyList } from '../model/route.ts'
import { form, Wrong } from './values.ts'

/** Longer than any id that a person pastes into a file. */
const LONGEST_KEY = 512

/** The keys in a text, or what is wrong with its first wrong line; keys are people's ids, so no line is repeated. */
export function readKeys(text: string): ReadonlySet<string> | Wrong {
  const keys = new Set<string>()
  let number = 0
  for (const line of text.split('\n')) {
    number++
    const key = line.trim()
    if (key === '' || key.startsWith('#')) continue
    if (key.length > LONGEST_KEY) {
      return new Wrong(`line ${number} of the list has more than ${LONGEST_KEY} characters`, 'one key a line')
    }
    // U+FFFD: it was not UTF-8.
    if (/[\p{Cc}\ufffd]/u.test(key)) {
      return new Wrong(`line ${number} of the list is not text`, 'UTF-8, one key a line, # begins a comment')
    }
    keys.add(key)
  }
  return keys
}

/** Given by `file:PATH` only, and never shown: whose keys they are is nobody's business. */
export function keyList() {
  return form<ReadonlySet<string>>({
    allowed: 'file:PATH of a list, one key a line, up to 4 MiB',
    pattern: 'file:.+',
    secret: true,
    fromFile: true,
    read: readKeys,
    write: () => 'file:',
  })
}

/** A list in force. */
export class LiveKeys implements KeyList {
  readonly file: string | null
  #keys: ReadonlySet<string>

  constructor(file: string | null, keys: ReadonlySet<string>) {
    this.file = file
    this.#keys = keys
  }

  get size(): number {
    return this.#keys.size
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  replace(keys: ReadonlySet<string>): void {
    this.#keys = keys
  }
}
