// `banyan compare`: both sides asked for recorded requests, without a proxy and without live traffic; for CI, before the first shadow.
import { type Command, Option } from 'commander'
import { describeRule } from '../../compare/rules/describe.ts'
import type { BodyCopy, ComparePolicy, Rule } from '../../model/comparison.ts'
import { DEFAULT_COMPARE_POLICY } from '../../model/comparison.ts'
import type { Milliseconds, Percent } from '../../model/units.ts'
import { type Asker, createAsker } from '../asking/ask.ts'
import { MIB, readOrigin, readSize } from '../asking/flags.ts'
import { selectFrom } from '../asking/input.ts'
import { type AskingFlags, addAskingOptions, headersOf, mustReach, tlsOf } from '../asking/options.ts'
import { createPace } from '../asking/pace.ts'
import { createProgress } from '../asking/progress.ts'
import type { Selection } from '../asking/select.ts'
import { askAgain } from '../compare/ask-again.ts'
import { type AskBothParts, askBoth } from '../compare/ask-both.ts'
import { readRules } from '../compare/read-rules.ts'
import { sayCompared } from '../compare/say.ts'
import { takeCopy } from '../compare/take-copy.ts'
import { type CompareTally, createCompareTally } from '../compare/tally.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { count } from '../print.ts'
import type { Session } from '../session.ts'
import { readPercent, readTimer, readWhole } from '../values.ts'
import { examples } from './help.ts'
import { addVerdictOptions, type VerdictFlags } from './report.ts'

interface Flags extends AskingFlags, VerdictFlags {
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
    .action(session.action((flags: Flags) => run(session, flags)))
  examples(compare, [
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from access.log',
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from browser.har --rules rules.json --markdown',
    'banyan compare --legacy http://10.0.0.5:3001 --new http://10.0.0.9:3002 --from urls.txt --min-match 99.9 --severity medium',
  ])
}

async function run(session: Session, flags: Flags): Promise<ExitCode> {
  if (flags.legacy.origin === flags.new.origin) {
    throw new CliError(EXIT.usage, `--legacy and --new are the same: ${flags.legacy.origin}`)
  }
  const over = session.interruptible()
  const rules = flags.rules === undefined ? [] : await readRules(flags.rules, session.io, Date.now())
  const tls = await tlsOf(session, flags)
  const selection = await selectFrom(session, flags, over)
  await mustReach('--legacy', flags.legacy, tls, session, over)
  await mustReach('--new', flags.new, tls, session, over)
  const asker = (origin: URL): Asker<BodyCopy> =>
    createAsker({
      origin,
      host: flags.host ?? origin.host,
      headers: headersOf(flags, `banyan-compare/${session.io.parts.version}`),
      concurrency: flags.concurrency,
      timeoutMs: session.timeoutMs(),
      takeBody: () => takeCopy(flags.maxBody),
      tls,
      now,
      over,
    })
  return compareAll(session, flags, selection, rules, { legacy: asker(flags.legacy), new: asker(flags.new) }, over)
}

type Asking = Omit<AskBothParts, 'repeats' | 'onAsked'>

function now(): number {
  return performance.now()
}

async function compareAll(
  session: Session,
  flags: Flags,
  { requests }: Selection,
  rules: readonly Rule[],
  askers: { readonly legacy: Asker<BodyCopy>; readonly new: Asker<BodyCopy> },
  over: AbortSignal,
): Promise<ExitCode> {
  const policy: ComparePolicy = {
    ...DEFAULT_COMPARE_POLICY,
    maxBodyBytes: flags.maxBody,
    rules,
    noisePercent: flags.noise,
    valuesUntil: flags.values === true ? Number.MAX_SAFE_INTEGER : null,
  }
  const tally = createCompareTally({ policy, now: Date.now, monotonic: now })
  const asking: Asking = {
    ...askers,
    pace: createPace(flags.rate, now, over),
    concurrency: flags.concurrency,
    repeatAfterMs: flags.repeatAfter,
    now,
    over,
  }
  const stopped =
    (await askAll(session, requests, flags.noise, asking, tally)) ??
    (await settle(session, flags.repeat, asking, tally))
  askers.legacy.close()
  askers.new.close()
  const at = Date.now()
  const report = {
    ...tally.report({ route: 'compare', template: `${flags.legacy.origin} → ${flags.new.origin}`, at }),
    rules: rules.map(rule => ruleShown(rule, tally.hits.get(rule.id) ?? 0, tally.asked, at)),
  }
  const code = sayCompared(session, report, flags)
  if (stopped === null) return code
  session.warn(`${stopped} after ${tally.asked} of ${requests.length}: this is what they say`)
  return code === EXIT.done ? EXIT.inconclusive : code
}

/** Each once, and so many of them of legacy twice, evenly over all of them. Null: all were asked; else why not. */
async function askAll(
  session: Session,
  requests: Selection['requests'],
  noise: Percent,
  asking: Asking,
  tally: CompareTally,
): Promise<string | null> {
  const progress = createProgress(session, requests.length, now)
  const stopped = await askBoth(requests, {
    ...asking,
    repeats: i => Math.floor(((i + 1) * noise) / 100) > Math.floor((i * noise) / 100),
    onAsked(asked) {
      tally.add(asked)
      progress.at(tally.asked, tally.different)
    },
  })
  progress.end()
  return stopped
}

/** Asks on for what is undecided. */
async function settle(session: Session, times: number, asking: Asking, tally: CompareTally): Promise<string | null> {
  let progress = createProgress(session, 0, now)
  const stopped = await askAgain({
    ...asking,
    tally,
    times,
    onBegin({ sets, mostRepeats, mostRequests }) {
      const what = `${count(sets, 'kind')} of difference ${sets === 1 ? 'is' : 'are'} undecided`
      session.say(`${what}: asking again, ${mostRequests} requests at most (--repeat 0: not)`)
      progress = createProgress(session, mostRepeats, now)
    },
    onAsked: done => progress.at(done, 0),
  })
  progress.end()
  return stopped
}

function ruleShown(rule: Rule, hits: number, comparisons: number, at: number) {
  const { id, does, paths, owner, reason, until } = rule
  return {
    id,
    text: describeRule({ ...rule, owner: null, reason: null, until: null }),
    does,
    paths: [...paths],
    owner,
    reason,
    until,
    source: 'file' as const,
    by: null,
    at: null,
    hits,
    lastHit: null,
    comparisons,
    dead: false,
    expired: until !== null && until <= at,
  }
}
