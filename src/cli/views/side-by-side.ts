// Draws two texts beside each other in as many columns as there are.
import { beside, type Line, type Mark, type Marked } from '../../compare/beside.ts'
import { cut, type Look, safe } from '../print.ts'

export interface SideBySide {
  readonly lines: readonly string[]
  readonly marks: ReadonlySet<Mark>
}

const GAP = 3
const WIDTH_OF_A_PIPE = 160
const LEAST_WIDTH = 10
/** Of a member or a header. */
const NAME = /^ *(?:"(?:[^"\\]|\\.)*"|[\w-]+): /

export function sideBySide(left: readonly Line[], right: readonly Line[], look: Look): SideBySide {
  const rows = beside(left, right)
  const width = widthOf(look)
  return {
    lines: rows.map(row => (row === null ? look.paint('dim', '…') : rowText(row, width, look))),
    marks: new Set(rows.map(row => row?.mark ?? '')),
  }
}

export function titlesView(look: Look): string {
  return `${look.paint('bold', 'LEGACY')}${' '.repeat(widthOf(look) - 'LEGACY'.length + GAP)}${look.paint('bold', 'NEW')}`
}

function widthOf(look: Look): number {
  return Math.max(LEAST_WIDTH, Math.floor(((look.width ?? WIDTH_OF_A_PIPE) - GAP) / 2))
}

function rowText({ left, right, mark }: Marked, width: number, look: Look): string {
  const sign = mark === '' ? ' ' : mark === 'other' ? '~' : left === null ? '>' : right === null ? '<' : '≠'
  const [before, after] = piecesOf(safe(left?.text ?? ''), safe(right?.text ?? ''), width)
  const space = ' '.repeat(Math.max(0, width - [...before].length))
  const [red, green] = mark === 'counts' ? (['red', 'green'] as const) : ([null, null] as const)
  return `${look.paint(red, before)}${space} ${sign} ${look.paint(green, after)}`.trimEnd()
}

/** Of lines that are too long, the stretch around the first difference, behind their name. */
function piecesOf(before: string, after: string, width: number): readonly [string, string] {
  const name = NAME.exec(before)?.[0] ?? ''
  if (name !== '' && [...name].length < width / 2 && after.startsWith(name)) {
    const rest = piecesOf(before.slice(name.length), after.slice(name.length), width - [...name].length)
    return [name + rest[0], name + rest[1]]
  }
  const [left, right] = [[...before], [...after]]
  if ((left.length <= width && right.length <= width) || before === '' || after === '' || before === after) {
    return [cut(before, width), cut(after, width)]
  }
  let at = 0
  while (at < Math.min(left.length, right.length) && left[at] === right[at]) at++
  const from = Math.max(0, at - Math.floor(width / 3))
  // The beginning fits, with the difference in it.
  if (at < width - 1 && from < width / 2) return [cut(before, width), cut(after, width)]
  const piece = (text: readonly string[]): string => cut(`…${text.slice(from + 1).join('')}`, width)
  return [piece(left), piece(right)]
}
