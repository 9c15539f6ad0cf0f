// Turns values into text for a terminal or a pipe: escapes, colours, numbers with units, tables.
import { styleText } from 'node:util'
import type { EpochMs, Milliseconds, Percent } from '../model/units.ts'
import type { CliIo, CliStream } from './io.ts'

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
  readonly of: (row: Row) => string
  readonly style?: (row: Row) => Style | null
}

const NOTHING = '–'
const GAP = '  '
const MIN_CUT = 8
// Controls, format characters (bidi overrides, zero width …), lone surrogates and line separators: what can move a cursor or
// make text read differently from what it is.
const HAZARDS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
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

/** Lines without their ends; the first is the titles. Cells are escaped here. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], look: Look): readonly string[] {
  const cells = rows.map(row => columns.map(column => safe(column.of(row))))
  const widths = fit(columns, cells, look.width)
  const lineOf = (texts: readonly string[], styleOf: (column: Column<Row>) => Style | null): string =>
    columns
      .map((column, i) => {
        const text = cut(texts[i]!, widths[i]!)
        const space = ' '.repeat(widths[i]! - lengthOf(text))
        const painted = look.paint(styleOf(column), text)
        if (column.right === true) return space + painted
        return i === columns.length - 1 ? painted : painted + space
      })
      .join(GAP)
      .trimEnd()
  const titles = columns.map(column => column.title)
  return [
    lineOf(titles, () => 'bold'),
    ...rows.map((row, i) => lineOf(cells[i]!, column => column.style?.(row) ?? null)),
  ]
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
  return lengthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join('')}…`
}

function fit<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  width: number | null,
): readonly number[] {
  const widths = columns.map((column, i) =>
    cells.reduce((most, row) => Math.max(most, lengthOf(row[i]!)), lengthOf(column.title)),
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

function lengthOf(text: string): number {
  return [...text].length
}

function escapeHazard(hazard: string): string {
  const code = hazard.codePointAt(0)!
  return NAMED[hazard] ?? (code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
}
