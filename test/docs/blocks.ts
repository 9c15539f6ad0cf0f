// The fenced blocks of the pages, as their tests read them. A block that no test can run says so in its first line, where readers
// see it too: `# not run by a test: needs docker`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

export interface Block {
  /** Relative to the checkout. */
  readonly page: string
  /** Of its first line of text, from 1. */
  readonly line: number
  /** The fence's own words: `sh`, `sh start`, `yaml routes.yaml`. */
  readonly kind: string
  readonly text: string
  /** Why no test runs it; null: nothing is said. */
  readonly notRun: string | null
}

const NOT_RUN = /^# not run by a test: (.+)$/m

export function pageText(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

/** In their order; fences may be indented, as in lists. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { line: number; kind: string; indent: number; lines: string[] } | null = null
  for (const [index, line] of pageText(page).split('\n').entries()) {
    const fence = /^( *)```(.*)$/.exec(line)
    if (open === null) {
      if (fence !== null) {
        open = { line: index + 2, kind: fence[2]?.trim() ?? '', indent: fence[1]?.length ?? 0, lines: [] }
      }
    } else if (fence === null) open.lines.push(line.slice(open.indent))
    else {
      const [first = ''] = open.lines
      const text = open.lines.map(one => `${one}\n`).join('')
      blocks.push({ page, line: open.line, kind: open.kind, text, notRun: NOT_RUN.exec(first)?.[1] ?? null })
      open = null
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line - 1}: a block without an end`)
  return blocks
}
