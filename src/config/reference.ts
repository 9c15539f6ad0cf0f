// The reference page of routes.yaml, made from the schema.
import { z } from 'zod'
import { allowed, defaultOf, descriptionOf, said, unwrap } from './about.ts'
import { NOT_YET } from './later.ts'
import { configSchema } from './schema.ts'

const MARK = `*(${NOT_YET})*`

const INTRODUCTION = `# routes.yaml

This page is made from the schema that reads the file; \`banyan config schema\` prints it for editors, \`banyan check\` tells every
mistake at once.

- Durations are \`250ms\`, \`10s\`, \`5m\`, \`2h\`, \`7d\`; sizes \`512B\`, \`64KiB\`, \`1MiB\`; percents \`5\` or \`5%\`, up to two decimals.
- \`\${NAME}\` and \`\${NAME:-default}\` take environment variables, \`$\${\` is a plain \`\${\`. \`file:PATH\` takes a file where the table
  says so. Both only in files, never in text that came by API. Secrets come in by no other way and are shown as \`***\`.
- Keys marked ${MARK} are reserved: any value but the default is refused.
`

/** Markdown. */
export function configReference(): string {
  const sections = fieldsOf(configSchema).map(([key, schema]) => sectionOf(key, schema))
  return [INTRODUCTION, ...sections].join('\n')
}

type Field = readonly [name: string, schema: z.ZodType]

function sectionOf(key: string, schema: z.ZodType): string {
  const head = `## ${key}\n\n${isLater(schema) ? `${MARK} ` : ''}${sentence(descriptionOf(schema))}\n`
  const fields = fieldsOf(schema)
  if (key === 'defaults') {
    return `${head}\nAny of ${fields.map(([name]) => `\`${name}\``).join(', ')}; see [routes](#routes).\n`
  }
  const list = unwrap(schema) instanceof z.ZodArray
  const rows =
    fields.length === 0
      ? [rowOf(key, schema, false)]
      : rowsOf(list ? (fields[0] as Field)[1] : schema, '', false, new Map())
  return `${head}\n${['| Key | Allowed | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n')}\n`
}

/** `known` are mappings that have their rows already, with the key that they stand under. */
function rowsOf(schema: z.ZodType, above: string, late: boolean, known: Map<z.ZodType, string>): readonly string[] {
  return fieldsOf(schema).flatMap(([name, inside]) => {
    const key = name === ITEM ? `${above}[]` : above === '' ? name : `${above}.${name}`
    const lateInside = late || isLater(inside)
    const shape = mappingIn(inside)
    const first = shape === null ? undefined : known.get(shape)
    if (first !== undefined) return [rowOf(key, inside, lateInside, first)]
    if (shape !== null) known.set(shape, key)
    const own = name === ITEM || name === ANY ? [] : [rowOf(key, inside, lateInside)]
    return [...own, ...rowsOf(inside, key, lateInside, known)]
  })
}

/** Both sides of a route are one mapping, so are both ways of a translation. */
function mappingIn(schema: z.ZodType): z.ZodType | null {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodUnion)
    return (bare.options as readonly z.ZodType[]).find(one => one instanceof z.ZodObject) ?? null
  return bare instanceof z.ZodObject ? bare : null
}

function rowOf(key: string, schema: z.ZodType, late: boolean, sameAs?: string): string {
  const bare = unwrap(schema)
  const holds = bare instanceof z.ZodObject || (bare instanceof z.ZodRecord && fieldsOf(bare).length > 0)
  const fallback = defaultOf(schema)
  const cells = [
    `\`${key}\``,
    sameAs !== undefined ? `the same as \`${sameAs}\`` : holds ? 'a mapping' : allowed(schema),
    holds || fallback === undefined ? '' : code(fallback),
    `${late ? `${MARK} ` : ''}${descriptionOf(schema)}`,
  ]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

const ITEM = '[]'
const ANY = '<name>'

/** What stands below: keys of a mapping, the entries of a list of mappings, the values of a mapping by name. */
function fieldsOf(schema: z.ZodType): readonly Field[] {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) return Object.entries(bare.shape as Record<string, z.ZodType>)
  if (bare instanceof z.ZodUnion) return (bare.options as readonly z.ZodType[]).flatMap(fieldsOf)
  const [name, inside] =
    bare instanceof z.ZodArray
      ? [ITEM, bare.element as z.ZodType]
      : bare instanceof z.ZodRecord
        ? [ANY, bare.valueType as z.ZodType]
        : [ITEM, null]
  return inside === null || fieldsOf(inside).length === 0 ? [] : [[name, inside]]
}

/** Comes later itself, or holds nothing that does not. */
function isLater(schema: z.ZodType): boolean {
  if (said(schema, 'later') !== undefined) return true
  const fields = fieldsOf(schema)
  return fields.length > 0 && fields.every(([, inside]) => isLater(inside))
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``
}

function sentence(words: string): string {
  return words === '' ? '' : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}
