// The slow way to read JSON: iterative, keeps every number and sees every duplicate key. Expects a text that JSON.parse took.
import { decimalOf, Exact, isExactAsDouble } from './exact.ts'
import { pointerOf } from './pointer.ts'
import type { Json, Numbers, Read } from './read.ts'

/** Duplicates that are listed; nobody reads more. */
const MOST_DUPLICATES = 100

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

interface Open {
  readonly container: Json[] | { [name: string]: Json }
  /** The member that is read; of arrays null. */
  key: string | null
}

export function readLossless(text: string, numbers: Numbers): Read {
  const duplicates: string[] = []
  const stack: Open[] = []
  let top: Open | null = null
  let root: Json = null
  let at = 0

  const put = (value: Json) => {
    if (top === null) root = value
    else if (Array.isArray(top.container)) top.container.push(value)
    else setMember(top.container, top.key as string, value)
  }
  const open = (container: Open['container']) => {
    put(container)
    top = { container, key: null }
    stack.push(top)
  }

  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      const value = stringOf(text.slice(at, end))
      at = end
      const object: Open | null = top !== null && !Array.isArray((top as Open).container) ? top : null
      if (object === null || object.key !== null) {
        put(value)
        continue
      }
      object.key = value
      if (Object.hasOwn(object.container, value) && duplicates.length < MOST_DUPLICATES) duplicates.push(pathOf(stack))
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      open(code === OPEN_ARRAY ? [] : {})
      at++
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      stack.pop()
      top = stack.at(-1) ?? null
      at++
    } else if (code === COMMA) {
      if (top !== null) (top as Open).key = null
      at++
    } else if (code === COLON || code <= 32) {
      at++
    } else {
      const end = endOfWord(text, at)
      put(wordOf(text.slice(at, end), numbers))
      at = end
    }
  }
  return { tree: root, duplicates }
}

/** After the closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((end - before) % 2 === 1) return end + 1
  }
}

function stringOf(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

function endOfWord(text: string, start: number): number {
  let end = start + 1
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code <= 32 || code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT) break
  }
  return end
}

function wordOf(word: string, numbers: Numbers): Json {
  if (word === 'null') return null
  if (word === 'true') return true
  if (word === 'false') return false
  if (numbers === 'lexeme') return String(Number(word)) === word ? Number(word) : new Exact(word)
  return isExactAsDouble(word) ? Number(word) : new Exact(decimalOf(word))
}

/** `__proto__` is just a key. */
function setMember(object: { [name: string]: Json }, key: string, value: Json): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

function pathOf(stack: readonly Open[]): string {
  return pointerOf(
    stack.map(({ container, key }) => (Array.isArray(container) ? container.length - 1 : (key as string))),
  )
}
