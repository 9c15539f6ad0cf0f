// Rules of a file for `banyan compare`: a list as in compare.rules of routes.yaml, as JSON.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { RuleMistake } from '../../compare/rules/mistakes.ts'
import { ruleFrom, ruleMistakes } from '../../compare/rules/parse.ts'
import type { Rule } from '../../model/comparison.ts'
import type { EpochMs } from '../../model/units.ts'
import { unreadable } from '../asking/unreadable.ts'
import { CliError, type CliIo, EXIT } from '../io.ts'

const ALLOWED = 'allowed: a list of rules as JSON, such as [{"ignore": "$.request_id"}]'
const YAML = 'YAML as in routes.yaml is not read here'

export async function readRules(file: string, { cwd }: CliIo, now: EpochMs): Promise<readonly Rule[]> {
  const refuse = (why: string, ...notes: readonly string[]) =>
    new CliError(EXIT.usage, `--rules ${file}: ${why}`, { notes })
  const text = await readFile(resolve(cwd, file), 'utf8').catch(error => {
    throw refuse(`it cannot be read: ${unreadable(error)}`, ALLOWED)
  })
  let list: unknown
  try {
    list = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw refuse(`it is not JSON${placeOf(error as Error)}`, ALLOWED, YAML)
  }
  const inputs = (list as { readonly rules?: unknown } | null)?.rules ?? list
  if (!Array.isArray(inputs)) throw refuse('it is not a list', ALLOWED)
  const mistakes = inputs.flatMap((input, i) =>
    ruleMistakes(input, now)
      .filter(({ level }) => level === 'error')
      .map(mistake => lineOf(i, mistake)),
  )
  if (mistakes.length > 0) throw refuse('there are mistakes in it', ...mistakes)
  return inputs.map((input, i) => ruleFrom(input, `file:${i}`))
}

/** Where, what, what to do, what is allowed. */
function lineOf(index: number, { path, message, hint, allowed }: RuleMistake): string {
  return [
    `/${index}${path}: ${message}`,
    ...(hint === null ? [] : [hint]),
    ...(allowed === null ? [] : [`allowed: ${allowed}`]),
  ].join('; ')
}

/** Of V8's words only the place: what it expected there is of no use to who did not write JSON. */
function placeOf({ message }: Error): string {
  const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(message) ?? []
  return line === undefined ? '' : `, line ${line}, column ${column}`
}
