// Inputs of the fuzz as files that a person can read: lines that say what for, then the bytes with escapes.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Ending = 'wait' | 'close' | 'reset'

/** What is sent: by a client, or by a backend as its answer. */
export interface Input {
  readonly name: string
  readonly why: string
  /** latin1 text. */
  readonly bytes: string
  /** Where one write ends and the next begins. */
  readonly cuts: readonly number[]
  /** For answers: what is answered. */
  readonly method: string
  /** For answers: what the backend does after the last byte. */
  readonly ending: Ending
}

export type Kind = 'requests' | 'answers'

const folder = (kind: Kind) => join(import.meta.dirname, 'corpus', kind)

export function readCorpus(kind: Kind): Input[] {
  const names = readdirSync(folder(kind)).filter(name => name.endsWith('.txt'))
  return names.sort().map(name => parse(name.slice(0, -4), readFileSync(join(folder(kind), name), 'utf8')))
}

/** Keeps what has found something; the name says which file. */
export function keep(kind: Kind, input: Input): string {
  const name = `found-${createHash('sha256').update(input.bytes).digest('hex').slice(0, 10)}`
  writeFileSync(join(folder(kind), `${name}.txt`), render(kind, input))
  return name
}

function parse(name: string, text: string): Input {
  const lines = text.split('\n')
  const notes: string[] = []
  while (lines[0]?.startsWith('#')) notes.push((lines.shift() as string).slice(2))
  const said = (key: string) => notes.find(note => note.startsWith(`${key}: `))?.slice(key.length + 2)
  return {
    name,
    why: notes[0] ?? '',
    bytes: unescaped(lines.join('')),
    cuts: (said('cuts') ?? '').split(' ').filter(Boolean).map(Number),
    method: said('method') ?? 'GET',
    ending: (said('then') ?? 'wait') as Ending,
  }
}

function render(kind: Kind, { why, bytes, cuts, method, ending }: Input): string {
  const notes = [why.replaceAll(/[^\x20-\x7e]/g, '?')]
  if (kind === 'answers') notes.push(`method: ${method}`, `then: ${ending}`)
  if (cuts.length > 0) notes.push(`cuts: ${cuts.join(' ')}`)
  return `${notes.map(note => `# ${note}\n`).join('')}${escaped(bytes)}\n`
}

/** A line ends where one ends in the bytes. */
export function escaped(bytes: string): string {
  const text = bytes.replaceAll(/[^\x20-\x7e]|\\/g, char => {
    if (char === '\\') return '\\\\'
    if (char === '\r') return '\\r'
    if (char === '\n') return '\\n\n'
    return hex(char)
  })
  return text.replaceAll(/^#/gm, hex('#'))
}

function hex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}

export function unescaped(text: string): string {
  return text.replaceAll(/\\(r|n|\\|x([0-9a-f]{2}))/g, (_, what: string, code: string | undefined) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
    return what === 'r' ? '\r' : what === 'n' ? '\n' : '\\'
  })
}
