// routes.yaml → Config, or every mistake in it at once, each with its place.
import type { Mistake } from '../model/errors.ts'
import type { EpochMs } from '../model/units.ts'
import { check } from './check.ts'
import {
  type BeforeRead,
  expandInclude,
  type ReadFile,
  readAnyBytes,
  readBytes,
  readText,
  wordsInText,
  wordsOf,
} from './files.ts'
import { kindHint } from './hint.ts'
import { interpolate, type Sources } from './interpolate.ts'
import { concernsRefused, type Finding, findingsOf, locate } from './mistakes.ts'
import { type Located, nearestTo, type Place, pathOf, plainOf, readYaml } from './positions.ts'
import { type Config, configSchema, SHARED_KEYS } from './schema.ts'

export interface Loaded {
  /** null if and only if some mistake is an error. */
  readonly config: Config | null
  /** In the order of the text; warnings too. */
  readonly mistakes: readonly Mistake[]
  /** All that was read, the main file first; for a pattern of `include` also the directory that it looks into. */
  readonly files: readonly string[]
  /** Of the main file. */
  readonly text: string
  /** Texts by file name, for showing the line of a mistake. */
  readonly texts: ReadonlyMap<string, string>
  /** Where a JSON Pointer into the whole configuration stands: the value, or the nearest that holds it. */
  readonly place: (pointer: string) => Place
  /** The file that a value came from by `file:`; null for any other. */
  readonly fileOf: (pointer: string) => string | null
}

export interface LoadFile {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile?: ReadFile
  /** Of `file` itself. Default: `readFile`, else from a pipe too. */
  readonly readMain?: ReadFile
  readonly before?: BeforeRead
  /** Default: the system's clock. */
  readonly now?: () => EpochMs
}

export interface LoadText {
  readonly text: string
  /** The name that mistakes show; included files and `file:` values are relative to it. */
  readonly file: string
  /** False for a text that came by API: variables, `file:` and `include` are mistakes. */
  readonly interpolate: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly readFile?: ReadFile
  readonly before?: BeforeRead
  /** Default: the system's clock. */
  readonly now?: () => EpochMs
}

const MAX_MISTAKES = 500
const unheard: BeforeRead = () => {}

/** Never rejects: what cannot be read is a mistake too. */
export async function loadConfig(from: LoadFile): Promise<Loaded> {
  const { file, readMain = from.readFile ?? readAnyBytes, before = unheard } = from
  try {
    before(file)
    return await loadText({ ...from, text: await readText(file, readMain), interpolate: true })
  } catch (error) {
    const nowhere = { file, line: 0, column: 0 }
    const mistake: Mistake = { ...nowhere, path: '', found: null, ...wordsOf(error), level: 'error' }
    return {
      config: null,
      mistakes: [mistake],
      files: [file],
      text: '',
      texts: new Map(),
      place: () => nowhere,
      fileOf: () => null,
    }
  }
}

export async function loadText(from: LoadText): Promise<Loaded> {
  const { file, env = {}, readFile = readBytes, before = unheard, now = Date.now } = from
  const text = from.text.replace(/^\uFEFF/, '')
  const readOne = (path: string) => {
    before(path)
    return readText(path, readFile)
  }
  const reading = new Reading(from.interpolate ? { env, readText: readOne } : null, before)
  const main = await reading.read(text, file)
  const root = main === null ? null : merge(main, await reading.readIncluded(main, file), reading.mistakes)
  const config = root === null || reading.broken ? null : validate(root, reading.mistakes, now())
  const files = [...new Set(reading.files)]
  return {
    config: reading.mistakes.some(({ level }) => level === 'error') ? null : config,
    mistakes: inOrder(reading.mistakes, files),
    files,
    text,
    texts: reading.texts,
    place: pointer => (root === null ? { file, line: 1, column: 1 } : nearestTo(root, pathOf(pointer)).node.at),
    fileOf: pointer => (root === null ? null : (nearestTo(root, pathOf(pointer)).node.from ?? null)),
  }
}

/** The texts of one load, and what was found wrong in them before their meaning. */
class Reading {
  readonly #sources: Sources | null
  readonly #before: BeforeRead
  readonly mistakes: Mistake[] = []
  readonly files: string[] = []
  readonly texts = new Map<string, string>()
  /** Some text is not YAML: what the rest means cannot be said. */
  broken = false

  constructor(sources: Sources | null, before: BeforeRead) {
    this.#sources = sources
    this.#before = before
  }

  async read(text: string, file: string): Promise<Located | null> {
    this.files.push(file)
    this.texts.set(file, text)
    const { root, mistakes } = readYaml(text, file)
    this.mistakes.push(...mistakes)
    if (root === null) {
      this.broken = true
      return null
    }
    const filled = await interpolate(root, configSchema, this.#sources)
    this.files.push(...filled.files)
    this.#report(filled.findings, filled.root)
    return filled.root
  }

  async readIncluded(main: Located, from: string): Promise<readonly Located[]> {
    const include = main.items.get('include')
    if (include === undefined) return []
    const patterns = include.kind === 'list' ? [...include.items.values()] : [include]
    const roots: Located[] = []
    for (const [index, { value }] of patterns.entries()) {
      if (typeof value !== 'string' || value === '') continue
      const path = include.kind === 'list' ? ['include', index] : ['include']
      const refuse = (words: Omit<Finding, 'path'>) => this.#report([{ path, ...words }], main)
      if (this.#sources === null) {
        refuse({ message: 'other files are only allowed in files' })
        continue
      }
      const { files, directory } = await expandInclude(value, from, this.#before)
      if (directory !== null) this.files.push(directory)
      if (files.length === 0) refuse({ message: 'no file has such a name', level: 'warning' })
      for (const file of files) {
        if (this.texts.has(file)) continue
        try {
          const root = await this.read(await this.#sources.readText(file), file)
          if (root !== null) roots.push(root)
        } catch (error) {
          this.files.push(file)
          refuse(wordsInText(error))
        }
      }
    }
    return roots
  }

  #report(findings: readonly Finding[], root: Located): void {
    this.mistakes.push(...findings.map(finding => locate(finding, root)))
  }
}

/** One tree out of many: routes in the order of the files, backends and groups by name. */
function merge(main: Located, others: readonly Located[], mistakes: Mistake[]): Located {
  if (others.length === 0 || main.kind !== 'map') return main
  const items = new Map(main.items)
  for (const other of others) {
    const refuse = (path: readonly string[], words: Omit<Finding, 'path'>) =>
      mistakes.push(locate({ path, ...words }, other))
    if (other.kind !== 'map') {
      refuse([], { message: 'must be a mapping', allowed: SHARED_KEYS.join(', ') })
      continue
    }
    for (const [key, part] of other.items) {
      const kind = key === 'routes' ? 'list' : 'map'
      if (!SHARED_KEYS.some(shared => shared === key)) {
        refuse([key], { at: 'key', message: 'not in an included file', allowed: SHARED_KEYS.join(', ') })
      } else if (part.kind !== kind) {
        const expected = kind === 'list' ? 'list' : 'mapping'
        const value = part.kind === 'scalar' ? part.value : part.kind === 'list' ? [] : {}
        refuse([key], { message: `must be a ${expected}`, hint: kindHint(expected, value, part.source) })
      } else {
        const known = items.get(key) ?? { ...part, items: new Map() }
        const joined = new Map(known.items)
        for (const [name, item] of part.items) {
          const first = kind === 'map' ? joined.get(name) : undefined
          if (first === undefined) joined.set(kind === 'list' ? String(joined.size) : name, item)
          else
            refuse([key, name], {
              at: 'key',
              message: `duplicate name; the first is at ${shortOf(first.key ?? first.at)}`,
            })
        }
        // What is no list or mapping in the main file is reported there.
        if (known.kind === kind) items.set(key, { ...known, items: joined })
      }
    }
  }
  return { ...main, items }
}

function validate(root: Located, mistakes: Mistake[], now: EpochMs): Config | null {
  const data = plainOf(root)
  const parsed = configSchema.safeParse(data)
  const findings = [
    ...(parsed.error?.issues ?? []).flatMap(issue => findingsOf(issue, configSchema, root)),
    ...check(data, path => shortOf(nearestTo(root, path).node.at), now),
  ]
  mistakes.push(...findings.filter(finding => !concernsRefused(finding, root)).map(finding => locate(finding, root)))
  return parsed.success ? parsed.data : null
}

function shortOf({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}

function inOrder(mistakes: readonly Mistake[], files: readonly string[]): readonly Mistake[] {
  const sorted = mistakes.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  )
  const rest = sorted.splice(MAX_MISTAKES)
  const [next] = rest
  if (next !== undefined)
    sorted.push({
      ...next,
      message: `and ${rest.length} more mistakes`,
      found: null,
      allowed: null,
      hint: null,
      level: rest.some(({ level }) => level === 'error') ? 'error' : 'warning',
    })
  return sorted
}
