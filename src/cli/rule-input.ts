// A rule as it is typed: the JSON of one, or flags for the common ones. What is wrong with it, the API says.
import { type Command, Option } from 'commander'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { CliError, EXIT } from './io.ts'
import { readUntil } from './values.ts'

export interface RuleFlags {
  readonly ignore?: readonly string[]
  readonly unordered?: readonly string[]
  readonly idMap?: readonly string[]
  readonly expect?: readonly string[]
  readonly reason?: string
  readonly owner?: string
  /** Milliseconds: from now. */
  readonly until?: Milliseconds | string
}

/** Flag → key of the rule. */
const ACTIONS = ['ignore', 'unordered', 'idMap', 'expect'] as const
const PATH = 'a JSONPath, header:NAME or status; may be repeated'
const EXAMPLE = `'{"ignore": "$.request_id", "reason": "an id of each request"}'`

export function addRuleOptions(command: Command): Command {
  const collect = (path: string, paths: readonly string[] | undefined) => [...(paths ?? []), path]
  return command
    .addOption(new Option('--ignore <path>', `what is there does not count: ${PATH}`).argParser(collect))
    .addOption(new Option('--unordered <path>', `the order of that list does not count: ${PATH}`).argParser(collect))
    .addOption(
      new Option('--id-map <path>', `ids there may differ, if they do consistently: ${PATH}`).argParser(collect),
    )
    .addOption(new Option('--expect <path>', `a wanted difference: ${PATH}`).argParser(collect))
    .option('-m, --reason <text>', 'why; none is added without')
    .option('--owner <name>', 'who answers for it')
    .addOption(
      new Option(
        '--until <when>',
        'it counts until then: a time from now such as 30d, or a date such as 2026-12-31',
      ).argParser(readUntil),
    )
}

/** `now`: for `--until 30d`. */
export function ruleOf(json: string | undefined, flags: RuleFlags, now: () => EpochMs): Record<string, unknown> {
  const actions = ACTIONS.filter(action => flags[action] !== undefined)
  if ((json === undefined) === (actions.length === 0) || actions.length > 1) {
    throw new CliError(EXIT.usage, json === undefined && actions.length === 0 ? 'which rule?' : 'one rule at a time', {
      notes: [`as JSON: ${EXAMPLE}`, "or by a flag: --ignore '$.request_id' --reason 'an id of each request'"],
    })
  }
  const rule: Record<string, unknown> = { ...(json === undefined ? {} : parsed(json)) }
  for (const action of actions) {
    const paths = flags[action] as readonly string[]
    rule[action] = paths.length === 1 ? paths[0] : paths
  }
  if (flags.reason !== undefined) rule.reason = flags.reason
  if (flags.owner !== undefined) rule.owner = flags.owner
  if (flags.until !== undefined) rule.until = untilOf(flags.until, now)
  return rule
}

/** To add one: whoever comes upon it later has to know why. */
export function needReason({ reason }: Readonly<Record<string, unknown>>): void {
  if (reason !== undefined && reason !== null && reason !== '') return
  throw new CliError(EXIT.usage, 'why? A rule that is added says so', {
    notes: ['with --reason \'an id of each request\', or as JSON: "reason": "an id of each request"'],
  })
}

function parsed(json: string): object {
  try {
    const rule: unknown = JSON.parse(json)
    if (typeof rule === 'object' && rule !== null && !Array.isArray(rule)) return rule
  } catch {}
  throw new CliError(EXIT.usage, 'that is not a rule in JSON', { notes: [`such as ${EXAMPLE}`] })
}

function untilOf(until: Milliseconds | string, now: () => EpochMs): string {
  if (typeof until === 'string') return until
  return new Date(now() + until).toISOString().replace(/\.\d+Z$/, 'Z')
}
