// A configuration that can be used: text, values, plan and warnings together; or all of its mistakes.
import { compilePlan, type Place } from './config/plan.ts'
import type { Config } from './config/schema.ts'
import { BanyanError, type Mistake } from './model/errors.ts'
import type { Plan } from './model/snapshot.ts'
import type { EpochMs } from './model/units.ts'

export interface Configured {
  readonly config: Config
  readonly plan: Plan
  /** The whole with its defaults, secrets as `***`. */
  readonly shown: unknown
  readonly warnings: readonly Mistake[]
  /** Values that came from files and must be told from others, by JSON Pointer: what compiles it elsewhere needs to know them. */
  readonly froms: ReadonlyMap<string, string>
}

/** What `config/load` returns, as far as it matters here. */
export interface Read {
  readonly config: Config | null
  readonly mistakes: readonly Mistake[]
  place(pointer: string): Place
  fileOf?(pointer: string): string | null
}

/** So many are in the message; all of them are in the details. */
const MOST_SAID = 5

/** Throws `invalid_config` with every mistake in `details.mistakes`. */
export function configure(
  read: Read,
  shown: (config: Config) => unknown,
  file: string | null,
  at: EpochMs,
): Configured {
  const { place } = read
  const froms = new Map<string, string>()
  const fileOf = (pointer: string) => {
    const from = read.fileOf?.(pointer) ?? null
    if (from !== null) froms.set(pointer, from)
    return from
  }
  const compiled = read.config === null ? null : compilePlan(read.config, { file, loadedAt: at, place, fileOf })
  const mistakes = [...read.mistakes, ...(compiled?.mistakes ?? [])]
  const errors = mistakes.filter(mistake => mistake.level === 'error')
  if (read.config === null || compiled === null || errors.length > 0) {
    const count = errors.length === 1 ? 'one mistake' : `${errors.length} mistakes`
    const said = errors.slice(0, MOST_SAID).map(one => `${one.file}:${one.line}:${one.column} ${one.message}`)
    const more = errors.length > MOST_SAID ? `; and ${errors.length - MOST_SAID} more` : ''
    throw new BanyanError('invalid_config', `the configuration has ${count}: ${said.join('; ')}${more}`, {
      hint: 'banyan check shows each with its line',
      details: {
        mistakes,
        errors: errors.map(({ path, message, line, column }) => ({
          pointer: path,
          message: `${line}:${column} ${message}`,
        })),
      },
    })
  }
  return { config: read.config, plan: compiled.plan, shown: shown(read.config), warnings: mistakes, froms }
}
