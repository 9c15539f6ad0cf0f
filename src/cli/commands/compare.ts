// `banyan compare`: both sides asked for recorded requests, without a proxy and without live traffic; for CI, before the first shadow.
import { type Command, Option } from 'commander'
import type { Milliseconds, Percent } from '../../model/units.ts'
import { MIB, readOrigin, readSize } from '../asking/flags.ts'
import { type AskingFlags, addAskingOptions } from '../asking/options.ts'
import type { Session } from '../session.ts'
import { readPercent, readTimer, readWhole } from '../values.ts'
import { examples } from './help.ts'
import { addVerdictOptions, type VerdictFlags } from './report.ts'

export interface CompareFlags extends AskingFlags, VerdictFlags {
  readonly legacy: URL
  readonly new: URL
  readonly maxBody: number

  readonly noise: Percent
  readonly repeat: number
  readonly repeatAfter: Milliseconds
  readonly rules?: string
  readonly values?: true
}

const NOTES = `
GET, HEAD and OPTIONS only; redirects are not followed. The same request twice in the list is asked once.

A value that differs may be a fault or vary by itself: legacy is asked a second time for some requests (--noise), and what is
still undecided then is asked again of both (--repeat), a few at a time, within --rate. It is a fault when only new differed ten
times; to call it noise takes 20 repeats of a kind of path in which legacy differed from itself, too.

Good is no divergence and nothing undecided of the severity in at least --min-compared comparisons, or with --min-match an
interval above it. Exit codes: 0 good   1 divergent   4 not known well enough   8 unreachable`

export function addCompareCommand(program: Command, session: Session): void {
  const compare = addVerdictOptions(
    addAskingOptions(
      program
        .command('compare')
        .helpGroup('Compare:')
        .summary('compare both sides by recorded requests')
        .description(
          'Ask each request of a log of legacy and of new, compare the answers as shadowing does, and report: match rate, differences, what varies by itself, time. Needs no proxy.',
        )
        .addOption(new Option('--legacy <url>', 'the legacy').argParser(readOrigin).makeOptionMandatory())
        .addOption(new Option('--new <url>', 'the new').argParser(readOrigin).makeOptionMandatory()),
      {
        concurrency: 'requests at a time, 1 to 8',
        host: 'Host for both (default: that of the line, else of --legacy and --new)',
      },
    )
      .addOption(
        new Option('--max-body <size>', 'larger bodies are compared by hash').argParser(readSize).default(MIB, '1MiB'),
      )
      .addOption(
        new Option('--noise <percent>', 'of the requests, so many are asked of legacy twice; 0: nothing is learned')
          .argParser(readPercent)
          .default(20, '20%'),
      )
      .addOption(
        new Option('--repeat <times>', 'what differs and is undecided is asked again at most so many times; 0: not')
          .argParser(text => readWhole(text, 0, 1000, 'a whole number from 0 to 1000'))
          .default(30),
      )
      .addOption(
        new Option('--repeat-after <time>', 'legacy is asked again so much later: more than the steps of its clocks')
          .argParser(readTimer)
          .default(2000, '2s'),
      )
      .option('--rules <file>', 'what does not count: a list as in compare.rules, as JSON')
      .option('--values', 'show an example of each difference: request and values, redacted'),
  )
    .addHelpText('after', NOTES)
    // Most calls are of another command, and should not wait for what compares.
    .action(
      session.action(async (flags: CompareFlags) => (await import('../compare/run.ts')).runCompare(session, flags)),
    )
  examples(compare, [
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from access.log',
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from browser.har --rules rules.json --markdown',
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from urls.txt --min-match 99.9 --severity medium',
  ])
}
