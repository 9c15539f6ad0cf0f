// Runs `banyan compare`: asks both sides, again for what is undecided, and says what was found.
import { describeRule } from '../../compare/rules/describe.ts'
import type { BodyCopy, ComparePolicy, Rule } from '../../model/comparison.ts'
import { DEFAULT_COMPARE_POLICY } from '../../model/comparison.ts'
import type { Percent } from '../../model/units.ts'
import { type Asker, createAsker } from '../asking/ask.ts'
import { selectFrom } from '../asking/input.ts'
import { headersOf, mustReach, tlsOf } from '../asking/options.ts'
import { createPace } from '../asking/pace.ts'
import { createProgress } from '../asking/progress.ts'
import type { Selection } from '../asking/select.ts'
import type { CompareFlags } from '../commands/compare.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { count } from '../print.ts'
import type { Session } from '../session.ts'
import { askAgain } from './ask-again.ts'
import { type AskBothParts, askBoth } from './ask-both.ts'
import { readRules } from './read-rules.ts'
import { sayCompared } from './say.ts'
import { takeCopy } from './take-copy.ts'
import { type CompareTally, createCompareTally } from './tally.ts'

export async function runCompare(session: Session, flags: CompareFlags): Promise<ExitCode> {
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
  flags: CompareFlags,
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
