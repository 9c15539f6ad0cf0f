// `transparent`: the proof that the proxy changes nothing. Reads requests, asks each both ways, prints what differs and what it costs.
import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type Command, Option } from 'commander'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import type { Session } from '../session.ts'
import { createAsker } from '../transparent/ask.ts'
import { collectOwnHeaders, MIB, readHost, readOrigin, readSize } from '../transparent/flags.ts'
import { linesOf } from '../transparent/lines.ts'
import { createPace } from '../transparent/pace.ts'
import { createProgress } from '../transparent/progress.ts'
import { prove } from '../transparent/prove.ts'
import { type TlsOptions, unreachable } from '../transparent/reach.ts'
import { inputView, reportView } from '../transparent/report-view.ts'
import { createSelector, type Selection } from '../transparent/select.ts'
import { createTally, type Report } from '../transparent/tally.ts'
import { readWhole } from '../values.ts'
import { examples } from './help.ts'

interface Flags {
  readonly direct: URL
  readonly via: URL
  readonly from: readonly string[]
  readonly limit: number
  readonly concurrency: number
  readonly rate: number
  readonly host?: string
  readonly header: readonly (readonly [string, string])[]
  readonly maxBody: number
  readonly includeSuspicious?: true
  readonly ca?: string
  readonly insecure?: true
  readonly json?: true
}

const NOTES = `
GET, HEAD and OPTIONS only; redirects are not followed; the same bytes are sent both ways. A request whose answers differ is asked
three times more directly and once more through the proxy: what the direct answers differ in as well varies by itself.

Exit codes: 0 identical (or varies by itself)   1 the proxy makes a difference   4 inconclusive   8 unreachable`

export function addTransparentCommand(program: Command, session: Session): void {
  const transparent = program
    .command('transparent')
    .helpGroup('Look:')
    .summary('prove that the proxy changes nothing')
    .description(
      'Ask each request of a log directly of the legacy and through the proxy, compare the answers as they are on the wire, and measure the added time.',
    )
    .addOption(new Option('--direct <url>', 'the legacy itself').argParser(readOrigin).makeOptionMandatory())
    .addOption(new Option('--via <url>', 'the proxy before it').argParser(readOrigin).makeOptionMandatory())
    .addOption(
      new Option('--from <file>', 'access log, or list of paths or URLs; - is standard input; may be repeated; .gz too')
        .argParser((file: string, files: readonly string[] | undefined) => [...(files ?? []), file])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-n, --limit <number>', 'ask at most so many, spread over all kinds of paths')
        .argParser(text => readWhole(text, 1, 100_000, 'a whole number from 1 to 100000'))
        .default(1000),
    )
    .addOption(
      new Option('--concurrency <number>', 'pairs at a time, 1 to 8; 1 measures best')
        .argParser(text => readWhole(text, 1, 8, 'a whole number from 1 to 8'))
        .default(1),
    )
    .addOption(
      new Option('--rate <number>', 'requests a second at most, both ways together')
        .argParser(text => readWhole(text, 1, 10_000, 'a whole number from 1 to 10000'))
        .default(50),
    )
    .addOption(
      new Option('--host <name>', 'Host both ways (default: that of the line, else that of --direct)').argParser(
        readHost,
      ),
    )
    .addOption(
      new Option('-H, --header <name: value>', 'a header to send both ways; may be repeated')
        .argParser(collectOwnHeaders)
        .default([], 'none'),
    )
    .addOption(
      new Option('--max-body <size>', 'compare so much of a body, such as 64KiB')
        .argParser(readSize)
        .default(16 * MIB, '16MiB'),
    )
    .option('--include-suspicious', 'also ask what looks like a write by GET: logout, delete, action=…')
    .option('--ca <file>', 'certificates to trust, PEM')
    .option('--insecure', 'do not verify certificates')
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
  const tls: TlsOptions = {
    ca: flags.ca === undefined ? null : await readCa(flags.ca, session),
    insecure: flags.insecure === true,
    servername: flags.host?.replace(/:\d+$/, '') ?? null,
  }
  const selection = await selectFrom(session, flags, over)
  await mustReach('--direct', flags.direct, tls, session, over)
  await mustReach('--via', flags.via, tls, session, over)
  const report = await proveAll(session, flags, selection, tls, over)
  if (flags.json === true) session.json(report)
  else session.data(reportView(report, session.look()))
  return { identical: EXIT.done, different: EXIT.error, inconclusive: EXIT.inconclusive }[report.verdict]
}

async function selectFrom(session: Session, flags: Flags, over: AbortSignal): Promise<Selection> {
  if (flags.from.includes('-') && session.io.stdin.isTTY === true)
    session.say('reading requests from the terminal; end with Ctrl-D')
  const selector = createSelector({
    suspicious: flags.includeSuspicious === true,
    host: flags.host ?? null,
    limit: flags.limit,
  })
  for await (const line of linesOf(flags.from, session.io, over)) selector.add(line)
  const selection = selector.select()
  const said = inputView({ input: selection.counts, selected: selection.requests.length })
  for (const line of said) session.say(line)
  if (selection.requests.length === 0) {
    throw new CliError(EXIT.usage, `there is nothing to ask in ${flags.from.join(', ')}`, {
      notes: [
        'taken are access logs (common, combined, JSON lines) and lists of paths or URLs, one a line; GET, HEAD and OPTIONS are asked',
      ],
    })
  }
  return selection
}

async function proveAll(
  session: Session,
  flags: Flags,
  { requests, counts }: Selection,
  tls: TlsOptions,
  over: AbortSignal,
): Promise<Report> {
  const now = (): number => performance.now()
  const given = new Set(flags.header.map(([name]) => name.toLowerCase()))
  const usual = [
    ['User-Agent', `banyan-transparent/${session.io.parts.version}`],
    ['Accept', '*/*'],
  ] as const
  const common = {
    host: flags.host ?? flags.direct.host,
    headers: [...usual.filter(([name]) => !given.has(name.toLowerCase())), ...flags.header],
    concurrency: flags.concurrency,
    timeoutMs: session.timeoutMs(),
    maxBytes: flags.maxBody,
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

async function mustReach(
  flag: string,
  origin: URL,
  tls: TlsOptions,
  session: Session,
  over: AbortSignal,
): Promise<void> {
  const why = await unreachable({ origin, timeoutMs: session.timeoutMs(), tls, over })
  if (why === null) return
  const notes = /certificate|altname|self-signed/i.test(why)
    ? ['trust it with --ca FILE, or --insecure for a test']
    : []
  throw new CliError(EXIT.unreachable, `${flag} ${origin.origin} cannot be reached: ${why}`, { notes })
}

async function readCa(file: string, { io }: Session): Promise<Buffer> {
  try {
    return await readFile(isAbsolute(file) ? file : join(io.cwd, file))
  } catch (error) {
    throw new CliError(EXIT.usage, `--ca ${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
