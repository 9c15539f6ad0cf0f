// A mistake as people read it: where, what, and the line with a caret under the place.
import { styleText } from 'node:util'
import type { Mistake } from '../model/errors.ts'
import { withoutUserInfo } from './mistakes.ts'

const WIDTH = 110
type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

/** Lines without line ends. `text` is the text of `mistake.file`, null when it is not at hand. */
export function formatMistake(mistake: Mistake, text: string | null, colour: boolean): string[] {
  const paint: Paint = (style, words) => (colour ? styleText(style, words, { validateStream: false }) : words)
  const { file, line, column, level, path } = mistake
  const where = line === 0 ? file : `${file}:${line}:${column}`
  const what = paint(level === 'error' ? 'red' : 'yellow', level)
  const pointer = path === '' ? '' : paint('dim', `  ${printable(path)}`)
  return [
    `${paint('bold', printable(where))}  ${what}  ${printable(mistake.message)}${pointer}`,
    ...(text === null || line === 0 ? [] : excerpt(mistake, text, paint)),
    ...(['found', 'allowed', 'hint'] as const).flatMap(name => {
      const words = mistake[name]
      return words === null ? [] : [`    ${paint('dim', name.padEnd(7))}  ${printable(words)}`]
    }),
  ]
}

function excerpt({ line, column, found, level }: Mistake, text: string, paint: Paint): string[] {
  const whole =
    text
      .split('\n', line)
      .at(line - 1)
      ?.replace(/^\uFEFF/, '') ?? ''
  const safe = found === '***' ? `${whole.slice(0, column - 1)}***` : withoutSecrets(whole)
  // The caret stays in sight in a long line.
  const from = column > WIDTH - 10 ? column - WIDTH / 2 : 0
  const shown = printable(safe.slice(from, from + WIDTH).trimEnd())
  const margin = `    ${String(line).padStart(4)} | `
  const caret = `${' '.repeat(margin.length - 2)}| ${' '.repeat(Math.max(0, column - 1 - from))}`
  return [
    `${paint('dim', margin)}${shown}`,
    `${paint('dim', caret)}${paint(level === 'error' ? 'red' : 'yellow', '^')}`,
  ]
}

/** Also where the text could not be understood: no value of a key that sounds like a secret is printed. */
function withoutSecrets(line: string): string {
  return withoutUserInfo(line).replace(
    /\b(seed|secret|token|password)(["']?\s*:\s*["']?)(?!\$\{|file:)[^\s,}"']+.*/i,
    '$1$2***',
  )
}

/** One character each, so that the caret stays in its place and no escape codes of a text reach the terminal. */
function printable(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[\p{Cc}\p{Cf}]/gu, '·')
}
