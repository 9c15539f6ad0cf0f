// Hides secrets and people in a JSON text, token by token: numbers stay as they were written, names that come twice stay both,
// a text that ends too early is shown as far as it goes, and nothing is built of what is too long to be shown.
import { pointerOf } from './json/pointer.ts'
import { HIDDEN, redactText } from './redact.ts'
import { isMapOfSecrets, isSecretName } from './secret-names.ts'

const TOKEN = /[\s\ufeff]*(?:([{}[\],:])|("[^"\\]*(?:\\[\s\S][^"\\]*)*")|(-?\d[\d.eE+-]*|true|false|null))/y
const CUT = '…'
/** What is nested deeper is hidden. */
const DEEPEST = 100

interface Open {
  readonly isArray: boolean
  readonly pointer: string
  index: number
  /** Of the member that is read; null: its name comes next. */
  key: string | null
}

export interface JsonRedaction {
  /** Asked for each value's JSON Pointer: what is hidden beside what always is. */
  readonly hidden: (pointer: string) => boolean
  /** Characters of the result, about. */
  readonly most: number
  /** Where the text stands in its body. */
  readonly pointer?: string
  /** Several values one after another: the elements of a list, shown in lines. */
  readonly isLines?: boolean
}

export function redactJson(text: string, { hidden, most, pointer = '', isLines = false }: JsonRedaction): string {
  const open: Open[] = []
  let shown = ''
  let at = 0
  let lines = 0
  /** Brackets that are open in what is hidden. */
  let skipping = 0

  /** Where the value stands that begins now; null: it is hidden. */
  const place = (): string | null => {
    const top = open.at(-1)
    if (top === undefined) {
      if (shown !== '') shown += '\n'
      const here = isLines ? `${pointer}/${lines++}` : pointer
      return hidden(pointer) || hidden(here) ? null : here
    }
    const key = top.isArray ? String(top.index) : (top.key ?? '')
    const here = top.pointer + pointerOf([key])
    const isSecret = !top.isArray && (isSecretName(key) || isMapOfSecrets(key))
    return open.length > DEEPEST || hidden(here) || isSecret ? null : here
  }

  while (shown.length < most) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) return text.slice(at).trim() === '' ? shown : shown + CUT
    at = TOKEN.lastIndex
    const [, sign, string, word] = match
    if (skipping > 0) {
      if (sign === '{' || sign === '[') skipping++
      else if (sign === '}' || sign === ']') skipping--
      continue
    }
    const top = open.at(-1)
    if (sign === '{' || sign === '[') {
      const here = place()
      if (here === null) {
        shown += JSON.stringify(HIDDEN)
        skipping = 1
      } else {
        shown += sign
        open.push({ isArray: sign === '[', pointer: here, index: 0, key: null })
      }
    } else if (sign === '}' || sign === ']') {
      shown += sign
      open.pop()
    } else if (sign === ',') {
      shown += sign
      if (top !== undefined) {
        top.index++
        top.key = null
      }
    } else if (sign === ':') shown += sign
    else if (string !== undefined && top?.isArray === false && top.key === null) {
      top.key = plainOf(string)
      shown += JSON.stringify(redactText(top.key))
    } else if (place() === null) shown += JSON.stringify(HIDDEN)
    else if (string !== undefined) shown += JSON.stringify(cut(redactText(plainOf(string).slice(0, 4 * most)), most))
    else shown += redactText(word as string) === word ? word : JSON.stringify(HIDDEN)
  }
  return text.slice(at).trim() === '' ? shown : shown + CUT
}

/** What is no JSON string, though it looks like one, is shown as it is written. */
function plainOf(quoted: string): string {
  try {
    return JSON.parse(quoted) as string
  } catch {
    return quoted.slice(1, -1)
  }
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}${CUT}`
}
