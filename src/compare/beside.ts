// Two texts beside each other, line by line: lines stand beside each other only where they are about the same thing, and a mark
// says whether a line is what is looked at, or differs for another reason. For people: terminal and dashboard draw it.
const MOST_LINES = 2_000
const CONTEXT = 3

/** One line of a text. */
export interface Line {
  readonly text: string
  /** What it is about: the name of a header, the pointer of a member; lines about different things are no pair. */
  readonly about: string
  /** Whether it is what is looked at, if it differs. */
  readonly counts: boolean
}

/** `''`: they are equal; `other`: they differ, and it is not what is looked at. */
export type Mark = '' | 'counts' | 'other'

interface Row {
  readonly left: Line | null
  readonly right: Line | null
}

export type Marked = Row & { readonly mark: Mark }

/** Rows in their order; null: a stretch of equal ones is left out. */
export function beside(left: readonly Line[], right: readonly Line[]): readonly (Marked | null)[] {
  const rows = align(left, right).map(row => ({ ...row, mark: markOf(row) }))
  const near = rows.map((_, i) => rows.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some(({ mark }) => mark !== ''))
  return rows.flatMap((row, i) => {
    if (near[i]) return [row]
    return i === 0 || near[i - 1] ? [null] : []
  })
}

function markOf({ left, right }: Row): Mark {
  if (left !== null && right !== null && isSame(left, right)) return ''
  return left?.counts === true || right?.counts === true ? 'counts' : 'other'
}

/** A comma says that another member follows, and nothing of this one. */
function isSame(one: Line, other: Line): boolean {
  return one.about === other.about && withoutComma(one) === withoutComma(other)
}

function withoutComma({ text, about }: Line): string {
  return about !== '' && text.endsWith(',') ? text.slice(0, -1) : text
}

/** `counts`: of a line, by its pointer if the text is JSON, which is then laid out; null: it is not. */
export function linesOf(text: string, counts: (pointer: string | null) => boolean): readonly Line[] {
  const laidOut = jsonLines(text, counts)
  if (laidOut !== null) return laidOut
  const lines = text.split(/\r?\n/, MOST_LINES + 1)
  const kept = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '…'] : lines
  return kept.map(line => ({ text: line, about: '', counts: counts(null) }))
}

/** Only for looking at: texts with numbers beyond a double stay as they are. */
function jsonLines(text: string, counts: (pointer: string) => boolean): readonly Line[] | null {
  if (/\d{16}/.test(text)) return null
  try {
    const lines: Line[] = []
    layOut(JSON.parse(text), '', '', '', (line, pointer) => {
      if (lines.length < MOST_LINES) lines.push({ text: line, about: aboutOf(pointer), counts: counts(pointer) })
    })
    return lines.length < MOST_LINES ? lines : [...lines, { text: '…', about: '…', counts: false }]
  } catch {
    return null
  }
}

/** Elements of an array are about the same thing, wherever they stand. */
function aboutOf(pointer: string): string {
  return `$${pointer.replace(/\/\d+(?=\/|$)/g, '/*')}`
}

function layOut(
  value: unknown,
  pointer: string,
  indent: string,
  name: string,
  add: (line: string, pointer: string) => void,
  comma = '',
): void {
  const isList = Array.isArray(value)
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : []
  if (members.length === 0) {
    add(`${indent}${name}${JSON.stringify(value)}${comma}`, pointer)
    return
  }
  add(`${indent}${name}${isList ? '[' : '{'}`, pointer)
  members.forEach(([key, member], i) => {
    const below = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    layOut(
      member,
      below,
      `${indent}  `,
      isList ? '' : `${JSON.stringify(key)}: `,
      add,
      i === members.length - 1 ? '' : ',',
    )
  })
  add(`${indent}${isList ? ']' : '}'}${comma}`, pointer)
}

/** Equal lines stand beside each other: the longest common subsequence, of what is between equal beginnings and ends. */
function align(left: readonly Line[], right: readonly Line[]): readonly Row[] {
  let head = 0
  while (head < left.length && head < right.length && isSame(left[head]!, right[head]!)) head++
  let tail = 0
  const room = Math.min(left.length, right.length) - head
  while (tail < room && isSame(left[left.length - 1 - tail]!, right[right.length - 1 - tail]!)) tail++
  const [a, b] = [left.slice(head, left.length - tail), right.slice(head, right.length - tail)]
  const same = (from: number, other: number, count: number): readonly Row[] =>
    Array.from({ length: count }, (_, i) => ({ left: left[from + i]!, right: right[other + i]! }))
  return [...same(0, 0, head), ...paired(common(a, b, isSame)), ...same(left.length - tail, right.length - tail, tail)]
}

function common(a: readonly Line[], b: readonly Line[], fits: (one: Line, other: Line) => boolean): readonly Row[] {
  const width = b.length + 1
  // lengths[i * width + j]: the longest common subsequence of a from i on and b from j on.
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const next = (i + 1) * width + j
      lengths[i * width + j] = fits(a[i]!, b[j]!)
        ? lengths[next + 1]! + 1
        : Math.max(lengths[next]!, lengths[i * width + j + 1]!)
    }
  }
  const rows: Row[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && fits(a[i]!, b[j]!)) rows.push({ left: a[i++]!, right: b[j++]! })
    else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      rows.push({ left: a[i++]!, right: null })
    } else rows.push({ left: null, right: b[j++]! })
  }
  return rows
}

/** Of a stretch of differences, lines about the same thing stand beside each other. */
function paired(rows: readonly Row[]): readonly Row[] {
  const isPair = ({ left, right }: Row): boolean => left !== null && right !== null
  const out: Row[] = []
  for (let i = 0; i < rows.length; ) {
    if (isPair(rows[i]!)) {
      out.push(rows[i++]!)
      continue
    }
    const removed: Line[] = []
    const added: Line[] = []
    for (; i < rows.length && !isPair(rows[i]!); i++) {
      const { left, right } = rows[i]!
      if (left !== null) removed.push(left)
      if (right !== null) added.push(right)
    }
    out.push(...common(removed, added, (one, other) => one.about === other.about))
  }
  return out
}
