// `banyan inventory`: what the traffic consists of, as the proxy saw it or as access logs tell.
import { type Command, Option } from 'commander'
import type { TimeUnit } from '../../inventory/log-time.ts'
import { brokenNotes, readLogs } from '../inventory/read-log.ts'
import { EXIT, type ExitCode } from '../io.ts'
import type { Session } from '../session.ts'
import { readLimit } from '../values.ts'
import { INVENTORY_SORTS, type InventorySort, inventoryView } from '../views/inventory.ts'
import { examples } from './help.ts'

interface InventoryFlags extends LogFlags {
  readonly json?: true
  readonly limit: number
  readonly sort: InventorySort
}

export interface LogFlags {
  readonly from?: readonly string[]
  readonly timeUnit: TimeUnit
}

export function addInventoryCommand(program: Command, session: Session): void {
  const inventory = program
    .command('inventory')
    .helpGroup('Look:')
    .summary('what the traffic consists of')
    .description(
      'Show every template of paths with its methods, rate, P95, bytes, callers, and whether it sets a session, looks like a write, or streams: as the running proxy saw it, or from access logs (common, combined, JSON), which needs no proxy.',
    )
  addLogOptions(inventory)
    .addOption(new Option('-n, --limit <number>', 'rows of the table').argParser(readLimit).default(50))
    .addOption(new Option('--sort <by>', 'order of the table').choices(INVENTORY_SORTS).default('rps'))
    .option('--json', "the API's answer; with --from also what could not be read")
    .action(session.action((flags: InventoryFlags) => run(session, flags)))
  examples(inventory, [
    'banyan inventory',
    'banyan inventory --sort p95 --limit 20',
    'banyan inventory --from access.log --from access.log.1.gz',
    'banyan inventory --from access.log --json | jq \'.entries[] | select(.write == "looks-like")\'',
  ])
}

export function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--from <file>',
        'access log instead of the running proxy; - is standard input; may be repeated; .gz too',
      ).argParser((file: string, files: readonly string[] | undefined) => [...(files ?? []), file]),
    )
    .addOption(
      new Option('--time-unit <unit>', 'of a whole number alone behind the user agent: Apache writes %D (us), %T (s)')
        .choices(['us', 'ms', 's'])
        .default('us'),
    )
}

async function run(session: Session, flags: InventoryFlags): Promise<ExitCode> {
  const { limit, sort } = flags
  if (flags.from === undefined) {
    const client = await session.client()
    const answer = await client.call('inventory')
    if (flags.json === true) session.json(answer)
    else session.data(inventoryView(answer, { limit, sort }, session.look()))
    return EXIT.done
  }
  const log = await readLogs(session, flags.from, { wholeTime: flags.timeUnit }, session.interruptible())
  if (flags.json === true) {
    const { inventory, ...read } = log
    session.json({ ...inventory, read })
  } else {
    session.data(inventoryView(log.inventory, { limit, sort }, session.look()))
  }
  sayBroken(session, log)
  return EXIT.done
}

/** What could not be read, on stderr. */
export function sayBroken(session: Session, log: Awaited<ReturnType<typeof readLogs>>): void {
  if (log.isPartial) session.warn(`stopped after ${log.lines} lines: this is what they say`)
  const all = log.broken.reduce((sum, { count }) => sum + count, 0)
  if (all === 0) return
  session.warn(`${all} of ${log.lines} lines could not be read and are left out`)
  for (const note of brokenNotes(log.broken)) session.say(`  ${note}`)
}
