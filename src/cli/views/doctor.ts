// A diagnosis for people: areas with trouble first, a line for each finding, the block to paste at the end.
import type { Diagnosis } from '../../admin/api.ts'
import { count, type Look, moment, type Style, safe, safeLines } from '../print.ts'

type Check = Diagnosis['checks'][number]
type Level = Check['level']

const LEVELS: readonly Level[] = ['ok', 'note', 'warn', 'bad']
const STYLE: Readonly<Record<Level, Style>> = { ok: 'green', note: 'dim', warn: 'yellow', bad: 'red' }
const LABEL: Readonly<Record<Level, string>> = { ok: 'ok', note: 'note', warn: 'WARN', bad: 'BAD' }
const AREA_WIDTH = 11
const LEVEL_WIDTH = 5
const NARROWEST = 60

export function diagnosisView({ checks, paste, since, sampled, seen }: Diagnosis, look: Look): readonly string[] {
  const number = (value: number) => value.toLocaleString('en-US')
  return [
    `${look.paint('bold', 'banyan doctor')} · ${number(seen)} ${seen === 1 ? 'request' : 'requests'} since ${moment(since)}, ${number(sampled)} looked at closely`,
    '',
    ...checksView(checks, look),
    ...(paste === null
      ? []
      : ['', look.paint('bold', 'To merge into routes.yaml (then: banyan check):'), '', pasteText(paste)]),
  ]
}

export function checksView(checks: readonly Check[], look: Look): readonly string[] {
  const worst = new Map<string, number>()
  for (const { area, level } of checks) worst.set(area, Math.max(worst.get(area) ?? 0, LEVELS.indexOf(level)))
  // A stable order: areas of one level stay as they came.
  const sorted = [...checks].sort((a, b) => (worst.get(b.area) ?? 0) - (worst.get(a.area) ?? 0))
  const grouped = [...Map.groupBy(sorted, check => check.area).values()].flat()
  let last = ''
  const lines = grouped.flatMap(check => {
    const isFirst = check.area !== last
    last = check.area
    return linesOf(check, isFirst, look)
  })
  return [...lines, '', summary(checks, look)]
}

function linesOf({ area, level, message, route, code }: Check, isFirst: boolean, look: Look): readonly string[] {
  const name = (isFirst ? safe(area) : '').padEnd(AREA_WIDTH)
  const label = LABEL[level] ?? safe(level)
  const indent = ' '.repeat(AREA_WIDTH + LEVEL_WIDTH + 1)
  // What is fine needs no name to look it up by.
  const tail = level === 'ok' ? '' : ` [${safe(code)}]`
  const text = `${route === null ? '' : `${safe(route)}: `}${safe(message)}${tail}`
  const [first = '', ...rest] = wrapped(text, look.width === null ? null : look.width - indent.length)
  const painted = look.paint(STYLE[level] ?? null, label) + ' '.repeat(Math.max(0, LEVEL_WIDTH - label.length))
  return [`${look.paint('bold', name)}${painted} ${first}`, ...rest.map(line => indent + line)]
}

function summary(checks: readonly Check[], look: Look): string {
  const of = (level: Level) => checks.filter(check => check.level === level).length
  const [bad, warn, note, ok] = [of('bad'), of('warn'), of('note'), of('ok')]
  const said = [
    ...(bad === 0 ? [] : [look.paint('red', `${bad} bad`)]),
    ...(warn === 0 ? [] : [look.paint('yellow', count(warn, 'warning'))]),
    ...(note === 0 ? [] : [count(note, 'note')]),
    `${ok} ok`,
  ]
  return said.join(', ')
}

/** At blanks; null: not at all. */
function wrapped(text: string, width: number | null): readonly string[] {
  if (width === null || width < NARROWEST - AREA_WIDTH - LEVEL_WIDTH) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function pasteText(paste: string): string {
  return safeLines(paste.trimEnd())
}
