// Two texts beside each other, lines that differ marked, long equal stretches left out.
import { cut, type Look, safe } from '../print.ts'

interface Row {
  readonly left: string | null
  readonly right: string | null
}

const MOST_LINES = 2_000
const CONTEXT = 3
const GAP = 3
const WIDTH_OF_A_PIPE = 160

/** `null`: there is no text. */
export function sideBySide(left: string | null, right: string | null, look: Look): readonly string[] {
  const rows = align(linesOf(left), linesOf(right))
  const width = Math.max(10, Math.floor(((look.width ?? WIDTH_OF_A_PIPE) - GAP) / 2))
  const near = rows.map((_, i) => rows.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some(differs))
  return rows.flatMap((row, i) => {
    if (!near[i]) return i === 0 || near[i - 1] ? [look.paint('dim', '…')] : []
    const mark = row.left === null ? '>' : row.right === null ? '<' : differs(row) ? '≠' : ' '
    const before = cut(safe(row.left ?? ''), width)
    const after = cut(safe(row.right ?? ''), width)
    const space = ' '.repeat(Math.max(0, width - [...before].length))
    const [red, green] = differs(row) ? (['red', 'green'] as const) : [null, null]
    return [`${look.paint(red, before)}${space} ${mark} ${look.paint(green, after)}`.trimEnd()]
  })
}

function differs({ left, right }: Row): boolean {
  return left !== right
}

/** JSON is laid out; what is no JSON stays as it is. */
function linesOf(text: string | null): readonly string[] {
  if (text === null) return []
  let laidOut = text
  try {
    // Only for looking at: numbers beyond a double are not shown so.
    if (!/\d{16}/.test(text)) laidOut = JSON.stringify(JSON.parse(text), null, 2)
  } catch {}
  const lines = laidOut.split(/\r?\n/)
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '…'] : lines
}

/** Equal lines stand beside each other: the longest common subsequence, of what is between equal beginnings and ends. */
function align(left: readonly string[], right: readonly string[]): readonly Row[] {
  let head = 0
  while (head < left.length && head < right.length && left[head] === right[head]) head++
  let tail = 0
  const room = Math.min(left.length, right.length) - head
  while (tail < room && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail++
  const [a, b] = [left.slice(head, left.length - tail), right.slice(head, right.length - tail)]
  const same = (line: string): Row => ({ left: line, right: line })
  return [...left.slice(0, head).map(same), ...paired(middle(a, b)), ...left.slice(left.length - tail).map(same)]
}

function middle(a: readonly string[], b: readonly string[]): readonly Row[] {
  const width = b.length + 1
  // lengths[i * width + j]: the longest common subsequence of a from i on and b from j on.
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const next = (i + 1) * width + j
      lengths[i * width + j] =
        a[i] === b[j] ? lengths[next + 1]! + 1 : Math.max(lengths[next]!, lengths[i * width + j + 1]!)
    }
  }
  const rows: Row[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) rows.push({ left: a[i++]!, right: b[j++]! })
    else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      rows.push({ left: a[i++]!, right: null })
    } else rows.push({ left: null, right: b[j++]! })
  }
  return rows
}

/** Of a stretch of differences, what was removed and what was added stand beside each other. */
function paired(rows: readonly Row[]): readonly Row[] {
  const out: Row[] = []
  for (let i = 0; i < rows.length; ) {
    if (!differs(rows[i]!)) {
      out.push(rows[i++]!)
      continue
    }
    const removed: string[] = []
    const added: string[] = []
    for (; i < rows.length && differs(rows[i]!); i++) {
      const { left, right } = rows[i]!
      if (left !== null) removed.push(left)
      if (right !== null) added.push(right)
    }
    for (let at = 0; at < Math.max(removed.length, added.length); at++) {
      out.push({ left: removed[at] ?? null, right: added[at] ?? null })
    }
  }
  return out
}
