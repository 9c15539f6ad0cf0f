// Rules of a file for `banyan compare`: a list as in compare.rules of routes.yaml, as JSON.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ruleFrom, ruleMistakes } from '../../compare/rules/parse.ts'
import type { Rule } from '../../model/comparison.ts'
import type { EpochMs } from '../../model/units.ts'
import { CliError, type CliIo, EXIT } from '../io.ts'

export async function readRules(file: string, { cwd }: CliIo, now: EpochMs): Promise<readonly Rule[]> {
  const refuse = (why: string, ...notes: readonly string[]) =>
    new CliError(EXIT.usage, `--rules ${file}: ${why}`, { notes })
  let list: unknown
  try {
    list = JSON.parse(await readFile(resolve(cwd, file), 'utf8'))
  } catch (error) {
    throw refuse((error as Error).message)
  }
  const inputs = (list as { readonly rules?: unknown } | null)?.rules ?? list
  if (!Array.isArray(inputs)) throw refuse('it is not a list', 'such as [{"ignore": "$.request_id"}]')
  const mistakes = inputs.flatMap((input, i) =>
    ruleMistakes(input, now)
      .filter(({ level }) => level === 'error')
      .map(({ path, message }) => `/${i}${path}: ${message}`),
  )
  if (mistakes.length > 0) throw refuse('there are mistakes in it', ...mistakes)
  return inputs.map((input, i) => ruleFrom(input, `file:${i}`))
}
