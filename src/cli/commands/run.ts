// Commands that need no running proxy: start, demo, check, version.
import { type Command, Option } from 'commander'
import { EXIT } from '../io.ts'
import { safeLines } from '../print.ts'
import type { Session } from '../session.ts'
import { readDurationOrNone, readPercent } from '../values.ts'
import { examples } from './help.ts'

export const DEFAULT_FILE = 'routes.yaml'

interface StartFlags {
  readonly config?: string
  readonly legacy?: string
  readonly listen?: string
  readonly watch?: true
}

interface DemoFlags {
  readonly weight?: number
  readonly duration?: number | 'none'
  readonly dryRun?: true
}

export function addRunCommands(program: Command, session: Session): void {
  const { parts } = session.io

  const start = program
    .command('start')
    .helpGroup('Run:')
    .summary('run the proxy')
    .description(
      `Run the proxy with a configuration file, by default ${DEFAULT_FILE}. With --legacy alone no file is needed: a pure pass-through that changes nothing.`,
    )
    .option('-c, --config <file>', `configuration file (default: ${DEFAULT_FILE}, unless --legacy is given)`)
    .option('--legacy <url>', 'where everything goes that no route matches')
    .option('--listen <address>', 'host:port or :port to listen on')
    .option('--watch', 'reload when the file changes')
    .action(
      session.action((flags: StartFlags) =>
        parts.start({
          config: flags.config ?? null,
          legacy: flags.legacy ?? null,
          listen: flags.listen ?? null,
          watch: flags.watch === true,
        }),
      ),
    )
  examples(start, [
    'banyan start',
    'banyan start -c routes.yaml --watch',
    'banyan start --legacy http://10.0.0.5 --listen :8080',
  ])

  const check = program
    .command('check')
    .helpGroup('Run:')
    .summary('check a configuration file')
    .description('Print every mistake of a configuration file with its place. Exit code 2 when there is an error.')
    .option('-c, --config <file>', 'configuration file', DEFAULT_FILE)
    .option('--json', 'as JSON: {ok, mistakes}')
    .action(
      session.action(async (flags: { readonly config: string; readonly json?: true }) => {
        const { ok, lines, mistakes } = await parts.check(flags.config)
        if (flags.json === true) session.json({ ok, mistakes })
        else if (lines.trim() !== '') session.data(safeLines(lines.trimEnd()))
        const errors = mistakes.filter(({ level }) => level === 'error').length
        if (ok) session.say(`${flags.config}: ${mistakes.length === 0 ? 'no mistakes' : 'usable, with warnings'}`)
        else session.say(`${flags.config}: ${errors === 1 ? 'one mistake' : `${errors} mistakes`}`)
        return ok ? EXIT.done : EXIT.usage
      }),
    )
  examples(check, ['banyan check', 'banyan check -c routes.yaml --json | jq .mistakes'])

  const demo = program
    .command('demo')
    .helpGroup('Run:')
    .summary('a sample migration with real services and traffic')
    .description('Run a legacy service, its replacement, the proxy and traffic, all on this machine.')
    .addOption(new Option('--weight <percent>', 'percent of users on new at the beginning').argParser(readPercent))
    .addOption(
      new Option('--duration <time>', 'end after that time; none: until stopped').argParser(readDurationOrNone),
    )
    .option('--dry-run', 'start everything, try the six things once, stop')
    .action(
      session.action((flags: DemoFlags) =>
        parts.demo({
          dryRun: flags.dryRun === true,
          ...(flags.weight === undefined ? {} : { weight: flags.weight }),
          ...(flags.duration === undefined ? {} : { duration: flags.duration === 'none' ? null : flags.duration }),
        }),
      ),
    )
  examples(demo, ['banyan demo', 'banyan demo --weight 25 --duration 2m'])

  const version = program
    .command('version')
    .helpGroup('Run:')
    .summary('the version of this program')
    .description('Print the version of this program; the one that runs: `banyan status`.')
    .option('--json', 'as JSON: {product, version}')
    .action(
      session.action(async (flags: { readonly json?: true }) => {
        if (flags.json === true) session.json({ product: 'banyan', version: parts.version })
        else session.data(`banyan ${parts.version}`)
        return EXIT.done
      }),
    )
  examples(version, ['banyan version', 'banyan version --json'])
}
