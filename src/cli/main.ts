// The command line: builds the commands, runs one, and answers with its exit code. Never ends the process by itself.
import { Command, CommanderError, Option } from 'commander'
import { BanyanError } from '../model/errors.ts'
import { DEFAULT_ADMIN, TOKEN_FILE } from './access.ts'
import { addChangeCommands } from './commands/change.ts'
import { addCompareCommand } from './commands/compare.ts'
import { addConfigCommands } from './commands/config.ts'
import { addDivergenceCommands } from './commands/divergences.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { examples, refuseUnknownTopics } from './commands/help.ts'
import { addInitCommand } from './commands/init.ts'
import { addInventoryCommand } from './commands/inventory.ts'
import { addLaterCommands } from './commands/later.ts'
import { addLookCommands } from './commands/look.ts'
import { addReportCommand } from './commands/report.ts'
import { addRuleCommands } from './commands/rules.ts'
import { addRunCommands } from './commands/run.ts'
import { addSeedCommands } from './commands/seed.ts'
import { addTokenCommands } from './commands/token.ts'
import { addTransparentCommand } from './commands/transparent.ts'
import { addUserCommands } from './commands/users.ts'
import { CliError, type CliIo, EXIT } from './io.ts'
import { safeLines } from './print.ts'
import { createSession, type GlobalFlags, type Session } from './session.ts'
import { readTimer } from './values.ts'

export type { CheckReport, CliInput, CliIo, CliParts, CliStream, DemoOptions, StartOptions } from './io.ts'

const EXIT_CODES = `
Exit codes:
  0 done   1 error   2 usage, or mistakes in a file   3 rolled back   4 held, or not confirmed everywhere
  5 timed out   6 conflict   7 forbidden   8 unreachable

Environment:
  BANYAN_ADMIN        address of the admin API (--admin)
  BANYAN_TOKEN        token, else BANYAN_ADMIN_TOKEN, else the file ${TOKEN_FILE}
  NO_COLOR, TERM=dumb no colours`

/** `argv` without the program's own name: `process.argv.slice(2)`. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const { program, session } = createProgram(io)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return session.exit
  } catch (error) {
    return fail(error, session)
  }
}

/** Every command with its help; whoever writes a reference walks this. */
export function createProgram(io: CliIo): { readonly program: Command; readonly session: Session } {
  const program = new Command('banyan')
  const session = createSession(io, () => program.opts<GlobalFlags>())
  program
    .description('Strangler-fig migration proxy: split users between legacy and new, watch, go back at once.')
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      // Of a command above, flags are its own.
      visibleGlobalOptions: command => (command === program ? [] : program.options.filter(({ hidden }) => !hidden)),
    })
    .configureOutput({
      writeOut: text => session.raw(text),
      // Commander repeats what was typed.
      writeErr: text => session.talk(safeLines(text)),
      getOutHelpWidth: () => (io.stdout.isTTY === true ? (io.stdout.columns ?? 80) : 100),
      getErrHelpWidth: () => (io.stderr.isTTY === true ? (io.stderr.columns ?? 80) : 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .version(`banyan ${io.parts.version}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .option('--admin <url>', `address of the admin API (default: BANYAN_ADMIN, else ${DEFAULT_ADMIN})`)
    .option('--token-file <file>', 'file with the token, - for standard input')
    .addOption(
      new Option('--timeout <time>', 'for a call of the admin API, or for an answer')
        .argParser(readTimer)
        .default(10_000, '10s'),
    )
    .option('--no-color', 'no colours')
    .addHelpText('after', EXIT_CODES)
  addRunCommands(program, session)
  addInitCommand(program, session)
  addLookCommands(program, session)
  addInventoryCommand(program, session)
  addDoctorCommand(program, session)
  addChangeCommands(program, session)
  addDivergenceCommands(program, session)
  addReportCommand(program, session)
  addCompareCommand(program, session)
  addRuleCommands(program, session)
  addUserCommands(program, session)
  addTokenCommands(program, session)
  addSeedCommands(program, session)
  addConfigCommands(program, session)
  addTransparentCommand(program, session)
  addLaterCommands(program, session)
  program.helpCommand('help [command]', 'show help of a command')
  refuseUnknownTopics(program)
  examples(program, ['banyan demo', 'banyan status --watch', 'banyan weight orders 5', 'banyan rollback orders'])
  return { program, session }
}

function fail(error: unknown, session: Session): number {
  if (error instanceof CommanderError) {
    // It said so itself; help and version that were asked for are no mistake.
    return error.exitCode === 0 ? session.exit : EXIT.usage
  }
  if (error instanceof CliError) {
    session.say(`banyan: ${error.message}`)
    for (const note of error.notes) session.say(`  ${note}`)
    if (error.raw !== undefined) session.json(error.raw)
    return error.exit
  }
  session.say(`banyan: ${error instanceof Error ? error.message : String(error)}`)
  if (error instanceof BanyanError && error.hint !== null) session.say(`  ${error.hint}`)
  return error instanceof BanyanError && error.code === 'usage' ? EXIT.usage : EXIT.error
}
