// Values from outside of the text: `${NAME}` and `${NAME:-default}` take environment variables, `file:PATH` takes a file.
// Secrets come in by no other way.
import { dirname, isAbsolute, join } from 'node:path'
import type { z } from 'zod'
import { child, said } from './about.ts'
import { wordsInText } from './files.ts'
import type { Finding } from './mistakes.ts'
import type { Located } from './positions.ts'

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; rejects with a BanyanError that says why not. */
  readonly readText: (path: string) => Promise<string>
}

export interface Interpolated {
  readonly root: Located
  readonly findings: readonly Finding[]
  /** Read for `file:` values. */
  readonly files: readonly string[]
}

/** Puts the values in. Without `sources` (a text that came by API) everything from outside is a mistake. */
export async function interpolate(root: Located, schema: z.ZodType, sources: Sources | null): Promise<Interpolated> {
  const findings: Finding[] = []
  const files: string[] = []

  async function walk(node: Located, at: z.ZodType | null, path: readonly string[]): Promise<Located> {
    const secret = at !== null && said(at, 'secret') === true
    if (node.kind === 'scalar') return fill(secret ? { ...node, secret } : node, at, path)
    if (node.items.size === 0) return node
    const items = new Map<string, Located>()
    for (const [key, item] of node.items) {
      items.set(key, await walk(item, at === null ? null : child(at, key), [...path, key]))
    }
    return { ...node, items }
  }

  async function fill(node: Located, at: z.ZodType | null, path: readonly string[]): Promise<Located> {
    const { value } = node
    const refuse = (message: string, hint: string | null, allowed: string | null = null): Located => {
      findings.push({ path, message, allowed, hint })
      return { ...node, kind: 'refused', value: undefined }
    }
    if (typeof value === 'string' && value.startsWith('file:') && at !== null && said(at, 'fromFile') === true) {
      if (sources === null) return refuse(ONLY_IN_FILES, null)
      const named = value.slice('file:'.length)
      const file = isAbsolute(named) ? named : join(dirname(node.at.file), named)
      try {
        files.push(file)
        return { ...node, outside: true, from: file, value: (await sources.readText(file)).replace(/\r?\n$/, '') }
      } catch (error) {
        const { message, allowed, hint } = wordsInText(error)
        return refuse(message, hint, allowed)
      }
    }
    const mask = at === null ? undefined : said(at, 'mask')
    if (mask !== undefined && typeof value === 'string' && mask(withoutVariables(value)) !== withoutVariables(value)) {
      return refuse(
        'a password must not stand in the text',
        `write "\${NAME}" in its place, with quotes, and set the variable`,
      )
    }
    if (typeof value === 'string' && value.includes('${')) {
      const filled = substitute(value, sources)
      if (filled instanceof Unfilled) return refuse(filled.message, filled.hint)
      // Without quotes it is read as if the value stood there itself.
      const read = filled.used && node.plain ? coreScalar(filled.text) : filled.text
      return { ...node, outside: filled.used, value: read }
    }
    if (node.secret && value !== '' && value !== null) {
      return refuse(
        'a secret must not stand in the text',
        `write "\${NAME}" with quotes and set the variable, or file:PATH`,
      )
    }
    return node
  }

  return { root: await walk(root, schema, []), findings, files }
}

const ONLY_IN_FILES = 'values from outside are only allowed in files'

class Unfilled {
  readonly message: string
  readonly hint: string | null
  constructor(message: string, hint: string | null) {
    this.message = message
    this.hint = hint
  }
}

/** A text in which only what it says itself is left. */
function withoutVariables(text: string): string {
  return text.replace(VARIABLE, whole => (whole.startsWith('$$') ? whole : ''))
}

const VARIABLE = /\$?\$\{([^}]*)\}?/g

/** `used` is false when nothing but escapes was in it. A default also stands in for an empty variable, as in a shell. */
function substitute(
  text: string,
  sources: Sources | null,
): { readonly text: string; readonly used: boolean } | Unfilled {
  let wrong: Unfilled | null = null
  let used = false
  const filled = text.replace(VARIABLE, (whole, inside: string) => {
    if (whole.startsWith('$$')) return whole.slice(1)
    used = true
    const [, name, fallback] = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inside) ?? []
    if (name === undefined || !whole.endsWith('}')) {
      wrong ??= new Unfilled('not a variable', `write \${NAME} or \${NAME:-default}; $\${ stands for \${`)
      return ''
    }
    if (sources === null) {
      wrong ??= new Unfilled(ONLY_IN_FILES, '$${ stands for ${')
      return ''
    }
    const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
    if (value === undefined) {
      wrong ??= new Unfilled(`the environment has no ${name}`, `set it, or write \${${name}:-default}`)
    }
    return value ?? ''
  })
  return wrong ?? { text: filled, used }
}

/** YAML 1.2 core, but for null: a variable that is empty is an empty text. */
function coreScalar(text: string): unknown {
  if (/^(true|True|TRUE)$/.test(text)) return true
  if (/^(false|False|FALSE)$/.test(text)) return false
  return /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text) ? Number(text) : text
}
