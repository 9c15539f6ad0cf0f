// `transparent`: the proof that the proxy changes nothing. Reads requests, asks each both ways, prints what differs and what it costs.
import { type Command, Option } from 'commander'
import { createAsker } from '../asking/ask.ts'
import { createBody } from '../asking/body.ts'
import { MIB, readOrigin, readSize } from '../asking/flags.ts'
import { selectFrom } from '../asking/input.ts'
import { type AskingFlags, addAskingOptions, headersOf, mustReach, tlsOf } from '../asking/options.ts'
import { createPace } from '../asking/pace.ts'
import { createProgress } from '../asking/progress.ts'
import type { TlsOptions } from '../asking/reach.ts'
import type { Selection } from '../asking/select.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import type { Session } from '../session.ts'
import { prove } from '../transparent/prove.ts'
import { reportView } from '../transparent/report-view.ts'
import { createTally, type Report } from '../transparent/tally.ts'
import { examples } from './help.ts'

interface Flags extends AskingFlags {
  readonly direct: URL
  readonly via: URL
  readonly maxBody: number
  readonly json?: true
}

const NOTES = `
GET, HEAD and OPTIONS only; redirects are not followed; the same bytes are sent both ways. A request whose answers differ is asked
three times more directly and once more through the proxy: what the direct answers differ in as well varies by itself.

Exit codes: 0 identical (or varies by itself)   1 the proxy makes a difference   4 inconclusive   8 unreachable`

export function addTransparentCommand(program: Command, session: Session): void {
  const transparent = addAskingOptions(
    program
      .command('transparent')
      .helpGroup('Look:')
      .summary('prove that the proxy changes nothing')
      .description(
        'Ask each request of a log directly of the legacy and through the proxy, compare the answers as they are on the wire, and measure the added time.',
      )
      .addOption(new Option('--direct <url>', 'the legacy itself').argParser(readOrigin).makeOptionMandatory())
      .addOption(new Option('--via <url>', 'the proxy before it').argParser(readOrigin).makeOptionMandatory()),
    {
      concurrency: 'pairs at a time, 1 to 8; 1 measures best',
      host: 'Host both ways (default: that of the line, else that of --direct)',
    },
  )
    .addOption(
      new Option('--max-body <size>', 'compare so much of a body, such as 64KiB')
        .argParser(readSize)
        .default(16 * MIB, '16MiB'),
    )
    .option('--json', 'the report as JSON')
    .addHelpText('after', NOTES)
    .action(session.action((flags: Flags) => run(session, flags)))
  examples(transparent, [
    'banyan transparent --direct http://10.0.0.5:3001 --via http://127.0.0.1:8080 --from access.log',
    "banyan transparent --direct http://10.0.0.5:3001 --via http://127.0.0.1:8080 --from urls.txt -H 'cookie: sid=abc' --host shop.example.com",
    'zcat access.log.*.gz | banyan transparent --direct http://10.0.0.5:3001 --via http://127.0.0.1:8080 --from - --json | jq .verdict',
  ])
}

async function run(session: Session, flags: Flags): Promise<ExitCode> {
  if (flags.direct.origin === flags.via.origin) {
    throw new CliError(EXIT.usage, `--direct and --via are the same: ${flags.direct.origin}`, {
      notes: ['--direct is the legacy itself, --via the proxy that stands in front of it'],
    })
  }
  const over = session.interruptible()
  const tls = await tlsOf(session, flags)
  const selection = await selectFrom(session, flags, over)
  await mustReach('--direct', flags.direct, tls, session, over)
  await mustReach('--via', flags.via, tls, session, over)
  const report = await proveAll(session, flags, selection, tls, over)
  if (flags.json === true) session.json(report)
  else session.data(reportView(report, session.look()))
  return { identical: EXIT.done, different: EXIT.error, inconclusive: EXIT.inconclusive }[report.verdict]
}

async function proveAll(
  session: Session,
  flags: Flags,
  { requests, counts }: Selection,
  tls: TlsOptions,
  over: AbortSignal,
): Promise<Report> {
  const now = (): number => performance.now()
  const common = {
    host: flags.host ?? flags.direct.host,
    headers: headersOf(flags, `banyan-transparent/${session.io.parts.version}`),
    concurrency: flags.concurrency,
    timeoutMs: session.timeoutMs(),
    takeBody: () => createBody(flags.maxBody),
    tls,
    now,
    over,
  }
  const direct = createAsker({ ...common, origin: flags.direct })
  const via = createAsker({ ...common, origin: flags.via })
  const tally = createTally()
  const progress = createProgress(session, requests.length, now)
  const stopped = await prove(requests, {
    direct,
    via,
    pace: createPace(flags.rate, now, over),
    concurrency: flags.concurrency,
    over,
    onProved(proved) {
      tally.add(proved)
      progress.at(tally.asked, tally.different)
    },
  })
  progress.end()
  direct.close()
  via.close()
  return tally.report({
    direct: flags.direct.origin,
    via: flags.via.origin,
    host: flags.host ?? null,
    selected: requests.length,
    stopped,
    input: counts,
  })
}
