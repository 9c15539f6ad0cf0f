// What a change would do, for `--dry-run`: a sentence, a row for each route, and what else to know.
import type { PreviewView } from '../../admin/api.ts'
import { type Column, count, type Look, millis, orNothing, percent, rate, safe, table } from '../print.ts'

type Row = PreviewView['routes'][number]

const columns: readonly Column<Row>[] = [
  { title: 'ROUTE', cut: true, of: row => row.id },
  { title: 'EFFECTIVE', right: true, of: row => arrow(row.effective, percent), style: () => 'bold' },
  { title: 'DESIRED', right: true, of: row => arrow(row.desired, percent) },
  { title: 'LEGACY/S', right: true, of: row => perSecondText(row, 'legacy') },
  { title: 'NEW/S', right: true, of: row => perSecondText(row, 'new') },
  { title: 'HEADROOM', cut: true, of: headroomText, style: row => (isTight(row) ? 'yellow' : null) },
]

export function previewView(preview: PreviewView, look: Look): readonly string[] {
  const { says, routes, tunnels, revision } = preview
  return [
    `${look.paint('bold', 'would')}: ${safe(says)}`,
    ...(routes.length === 0 ? [] : ['', ...table(columns, routes, look)]),
    ...routes.flatMap(({ id, notes }) => notes.map(note => `${safe(id)}: ${safe(note)}`)),
    ...(tunnels.open === 0 || tunnels.overMs === null
      ? []
      : [`${count(tunnels.open, 'tunnel')} on new would be cut within ${millis(tunnels.overMs)}`]),
    look.paint('dim', `nothing was changed · revision ${revision} (--if-revision ${revision} holds the change to it)`),
  ]
}

function arrow<T>({ from, to }: { readonly from: T; readonly to: T }, text: (value: T) => string): string {
  return from === to ? text(from) : `${text(from)} → ${text(to)}`
}

function perSecondText({ perSecond }: Row, side: 'legacy' | 'new'): string {
  return perSecond === null ? orNothing(null) : arrow(perSecond[side], rate)
}

function headroomText({ headroom }: Row): string {
  if (headroom === null) return orNothing(null)
  const { side, backend, limit, inside, wouldNeed } = headroom
  const need = wouldNeed === null ? '' : `, about ${wouldNeed} then`
  return `${side} (${backend}): ${inside} of ${limit} places taken${need}`
}

function isTight({ headroom }: Row): boolean {
  return headroom !== null && headroom.wouldNeed !== null && headroom.wouldNeed > 0.8 * headroom.limit
}
