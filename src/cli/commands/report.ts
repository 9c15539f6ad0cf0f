// `banyan report`: what is known of a route, with an exit code for CI.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ReportAnswer } from '../../admin/api-compare.ts'
import { SEVERITIES, type Severity } from '../../model/comparison.ts'
import type { ExitCode } from '../io.ts'
import { exitOf, FEWEST_COMPARED, judgeReport } from '../report-verdict.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { readWhole } from '../values.ts'
import { reportMarkdown, reportView } from '../views/report.ts'
import { examples } from './help.ts'

export interface VerdictFlags {
  /** 0 to 1. */
  readonly minMatch?: number
  readonly severity: Severity
  readonly minCompared: number
  readonly markdown?: true
  readonly json?: true
}

export function addReportCommand(program: Command, session: Session): void {
  const report = addVerdictOptions(
    program
      .command('report')
      .helpGroup('Compare:')
      .argument('<route>', 'id of the route')
      .summary('how well new answers like legacy, for CI')
      .description(
        'Show the match rate of a route with its interval by severity, the differences, what did not count and by which rule, what was never compared and why, and the time of both sides.',
      ),
  )
    .addHelpText('after', '\nExit codes: 0 good   1 divergent   4 not known well enough')
    .action(
      session.action(async (route: string, flags: VerdictFlags) => {
        const client = await session.client()
        const answer = await aboutRoute(client, route, () => client.call('report', { params: { id: route } }))
        return sayReport(session, answer, flags)
      }),
    )
  examples(report, [
    'banyan report orders',
    'banyan report orders --min-match 99.9 --severity medium',
    'banyan report orders --markdown > report.md',
  ])
}

export function addVerdictOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--min-match <percent>',
        'good only above that match rate, divergent only below it, whatever chance may do (default: no divergence)',
      ).argParser(readShare),
    )
    .addOption(
      new Option('--severity <severity>', 'differences of that severity or above count')
        .choices(SEVERITIES)
        .default('low'),
    )
    .addOption(
      new Option('--min-compared <number>', 'good takes so many comparisons, where there is no --min-match')
        .argParser(text => readWhole(text, 1, 100_000, 'a whole number from 1 to 100000'))
        .default(FEWEST_COMPARED),
    )
    .option('--markdown', 'the report as Markdown')
    .addOption(new Option('--json', 'the report as JSON, with the verdict').conflicts('markdown'))
}

/** Prints it, and answers with the exit code of its verdict. */
export function sayReport(session: Session, report: ReportAnswer, flags: VerdictFlags): ExitCode {
  const verdict = judgeReport(report, {
    minMatch: flags.minMatch ?? null,
    severity: flags.severity,
    fewest: flags.minCompared,
  })
  if (flags.json === true) session.json({ ...verdict, ...report })
  else if (flags.markdown === true) session.data(reportMarkdown(report, verdict))
  else session.data(reportView(report, verdict, session.look()))
  return exitOf(verdict)
}

/** `99.9`, `99.95%`: as finely as a bound for many requests needs. */
function readShare(text: string): number {
  const digits = /^(\d{1,3}(?:\.\d{1,6})?)\s?%?$/.exec(text.trim())?.[1]
  if (digits === undefined || Number(digits) > 100) {
    throw new InvalidArgumentError('Allowed: 0 to 100 percent, such as 99.9.')
  }
  return Number(digits) / 100
}
