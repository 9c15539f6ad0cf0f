// Turns values into text for a terminal or a pipe: escapes, colours, numbers with units, tables.

import { stripVTControlCharacters, styleText } from 'node:util'
import { HAZARDS } from '../model/hazards.ts'
import type { EpochMs, Milliseconds, Percent } from '../model/units.ts'
import type { CliIo, CliStream } from './io.ts'
import { beginningOf, columnsOf } from './width.ts'

export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'
export type Paint = (style: Style | null, text: string) => string

/** How wide a view may be and whether it is coloured. */
export interface Look {
  readonly paint: Paint
  /** Columns of the terminal; null: not a terminal, nothing is cut. */
  readonly width: number | null
}

export interface Column<Row> {
  readonly title: string
  readonly right?: true
  /** May be cut with … where a terminal is too narrow. */
  readonly cut?: true
  /** Of the last column: goes on below, in its column, where the table has lines to spare for it. */
  readonly wraps?: true
  /** Of `listing`: what a row is called by, and first where a row has lines of its own. */
  readonly head?: true
  /** Of `listing`: a sentence, which goes below the row where a terminal is too narrow. */
  readonly below?: true
  readonly of: (row: Row) => string
  readonly style?: (row: Row) => Style | null
}

const NOTHING = '–'
const GAP = '  '
const MIN_CUT = 8
const INDENT = '  '
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text from a server, a file or an argument, on one line and harmless to a terminal. */
export function safe(text: string): string {
  return text.replace(HAZARDS, escapeHazard)
}

/** The same for text whose line ends are meant. */
export function safeLines(text: string): string {
  return text.replace(HAZARDS, hazard => (hazard === '\n' ? hazard : escapeHazard(hazard)))
}

/** JSON that means the same to a parser and is harmless to a terminal. */
export function json(value: unknown, indent: 0 | 2 = 2): string {
  const text = JSON.stringify(value, null, indent) ?? 'null'
  return text.replace(HAZARDS, hazard =>
    hazard === '\n'
      ? hazard
      : hazard
          .split('')
          .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  )
}

export function lookOf(io: CliIo, stream: CliStream, color: boolean): Look {
  const coloured = color && stream.isTTY === true && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb'
  return {
    paint: (style, text) =>
      coloured && style !== null && text !== '' ? styleText(style, text, { validateStream: false }) : text,
    width: stream.isTTY === true ? (stream.columns ?? 80) : null,
  }
}

/** Lines without their ends; the first is the titles. Cells are escaped here. `spare`: lines besides one a row; the first rows get them. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  look: Look,
  spare = 0,
): readonly string[] {
  const cells = rows.map(row => columns.map(column => safe(column.of(row))))
  const widths = fit(columns, cells, look.width)
  const lineOf = (texts: readonly string[], styleOf: (column: Column<Row>) => Style | null): string =>
    columns
      .map((column, i) => {
        const text = cut(texts[i]!, widths[i]!)
        const space = ' '.repeat(widths[i]! - columnsOf(text))
        const painted = look.paint(styleOf(column), text)
        if (column.right === true) return space + painted
        return i === columns.length - 1 ? painted : painted + space
      })
      .join(GAP)
      .trimEnd()
  const titles = columns.map(column => column.title)
  let left = spare
  const linesOf = (row: Row, texts: readonly string[]): readonly string[] => {
    const last = columns.length - 1
    const wrapped = columns[last]?.wraps === true ? wrap(texts[last]!, widths[last]!) : [texts[last]!]
    const fits = wrapped.length - 1 <= left
    if (fits) left -= wrapped.length - 1
    return (fits ? wrapped : [texts[last]!]).map((text, i) =>
      lineOf(
        columns.map((_, at) => (at === last ? text : i === 0 ? texts[at]! : '')),
        column => column.style?.(row) ?? null,
      ),
    )
  }
  return [lineOf(titles, () => 'bold'), ...rows.flatMap((row, i) => linesOf(row, cells[i]!))]
}

/** A table where it fits; else sentences go below their row, then each row has lines of its own. Nothing is cut. */
export function listing<Row>(columns: readonly Column<Row>[], rows: readonly Row[], look: Look): readonly string[] {
  const { width } = look
  if (width === null || widthOf(columns, rows) <= width) return table(columns, rows, look)
  const beside = columns.filter(column => column.below !== true)
  if (beside.length === columns.length || widthOf(beside, rows) > width) {
    return rows.flatMap(row => cardOf(columns, row, look, width))
  }
  const [titles = '', ...lines] = table(beside, rows, look)
  return [titles, ...lines.flatMap((line, i) => [line, ...sentencesOf(columns, rows[i]!, look, width)])]
}

function cardOf<Row>(columns: readonly Column<Row>[], row: Row, look: Look, width: number): readonly string[] {
  const cells = columns.map(column => ({ column, text: safe(column.of(row)) })).filter(({ text }) => isSaid(text))
  const painted = ({ column, text }: (typeof cells)[number]): string => look.paint(column.style?.(row) ?? null, text)
  const heads = cells.filter(({ column }) => column.head === true)
  const facts = cells.filter(({ column }) => column.head !== true && column.below !== true)
  return [
    ...flow(heads.map(painted), GAP, width, ''),
    ...flow(
      facts.map(cell => `${cell.column.title.toLowerCase()} ${painted(cell)}`),
      GAP,
      width,
      INDENT,
    ),
    ...sentencesOf(columns, row, look, width),
  ]
}

function sentencesOf<Row>(columns: readonly Column<Row>[], row: Row, look: Look, width: number): readonly string[] {
  return columns
    .filter(column => column.below === true)
    .map(column => safe(column.of(row)))
    .filter(isSaid)
    .flatMap(text => wrap(text, width, INDENT))
    .map(line => look.paint('dim', line))
}

function isSaid(text: string): boolean {
  return text !== '' && text !== NOTHING
}

/** Text on as many lines as it needs, broken between words; null: on one. */
export function wrap(text: string, width: number | null, indent = ''): readonly string[] {
  return width === null ? [indent + text] : flow(text.split(' '), ' ', width, indent)
}

/** Pieces one after the other, each whole; from the second line on they stand a little further in. */
function flow(pieces: readonly string[], gap: string, width: number, indent: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const piece of pieces) {
    const joined = line === '' ? `${lines.length === 0 ? indent : indent + INDENT}${piece}` : `${line}${gap}${piece}`
    if (line === '' || columnsOf(stripVTControlCharacters(joined)) <= width) {
      line = joined
      continue
    }
    lines.push(line.trimEnd())
    line = `${indent}${INDENT}${piece}`
  }
  return line === '' ? lines : [...lines, line]
}

/** How wide a table of these rows is when nothing is cut. */
export function widthOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const cells = rows.map(row => columns.map(column => safe(column.of(row))))
  return total(fit(columns, cells, null))
}

export function percent(value: Percent | null): string {
  return value === null ? NOTHING : `${Number(value.toFixed(2))}%`
}

/** A ratio from 0 to 1 as percent. */
export function ratio(value: number | null): string {
  return value === null ? NOTHING : `${(value * 100).toFixed(2)}%`
}

export function rate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : String(Number(perSecond.toFixed(1)))
}

export function millis(value: Milliseconds | null): string {
  if (value === null) return NOTHING
  return `${value >= 10 ? value.toFixed(0) : Number(value.toFixed(1))}ms`
}

/** UTC, to the second: `2026-01-02T10:00:00Z`. */
export function moment(at: EpochMs): string {
  // A Date outside of its range throws; a server's number may be anything.
  return Math.abs(at) <= 8.64e15 ? new Date(at).toISOString().replace(/\.\d+Z$/, 'Z') : NOTHING
}

/** `45s`, `3m 20s`, `5h 12m`, `2d 4h`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s}s`
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`
}

/** `1 worker`, `3 workers`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

export function orNothing(text: string | null): string {
  return text === null || text === '' ? NOTHING : text
}

/** Cuts to `width` columns; the last one is then …. */
export function cut(text: string, width: number): string {
  return columnsOf(text) <= width ? text : `${beginningOf(text, width - 1)}…`
}

function fit<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  width: number | null,
): readonly number[] {
  const widths = columns.map((column, i) =>
    cells.reduce((most, row) => Math.max(most, columnsOf(row[i]!)), columnsOf(column.title)),
  )
  if (width === null) return widths
  for (let over = total(widths) - width; over > 0; over--) {
    const widest = columns.reduce(
      (best, column, i) => (column.cut === true && widths[i]! > MIN_CUT && widths[i]! > (widths[best] ?? 0) ? i : best),
      -1,
    )
    if (widest === -1) break
    widths[widest]! -= 1
  }
  return widths
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1)
}

function escapeHazard(hazard: string): string {
  const code = hazard.codePointAt(0)!
  return NAMED[hazard] ?? (code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
}
