// Commands about where the answers of the sides differ: the tree, one of them in full, asking again, acknowledging.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DivergencesAnswer } from '../../admin/api-compare.ts'
import { DIVERGENCE_KINDS, SEVERITIES } from '../../model/comparison.ts'
import type { Milliseconds } from '../../model/units.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../io.ts'
import { type Look, safe } from '../print.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { readLimit, readSpan, readTimer } from '../values.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { replayedView, signatureView } from '../views/divergence.ts'
import { createChanges, divergencesView, isOpen, type Listed } from '../views/divergences.ts'
import { bodyOf, reasonOption } from './change.ts'
import { examples } from './help.ts'
import { watch } from './watch.ts'

/** As many as the API lists at once. */
const MOST_LISTED = 1000
const STATES = ['divergent', 'noise', 'undecided', 'ignored'] as const

interface Flags {
  readonly since?: Milliseconds
  readonly severity?: string
  readonly kind?: string
  readonly path?: string
  readonly state?: string
  readonly limit: number
  readonly watch?: true
  readonly interval: Milliseconds
  readonly json?: true
}

/** What a caller of a backend would send as Authorization: never the value of a flag. */
const FORWARDED = 'BANYAN_FORWARD_AUTHORIZATION'

export function addDivergenceCommands(program: Command, session: Session): void {
  const divergences = program
    .command('divergences')
    .helpGroup('Compare:')
    .argument('[route]', 'id of one route (default: every route with two sides)')
    .summary('where the answers of the sides differ')
    .description(
      'Show where the answers of the sides differ: totals of the route, then each field with its rate, its places and an example. What is noise or ignored by a rule is named at the end, and listed with --state.',
    )
    .addOption(new Option('--since <time>', 'only what was seen since, such as 1h').argParser(readSpan))
    .addOption(new Option('--severity <severity>', 'of that severity or above').choices(SEVERITIES))
    .addOption(new Option('--kind <kind>', 'only differences of that kind').choices(DIVERGENCE_KINDS))
    .addOption(
      new Option(
        '--path <pointer>',
        'only at that place or below it, such as /lines; indexes and ids are *, as in /lines/*/total',
      ).argParser(readPointer),
    )
    .addOption(new Option('--state <state>', 'only those in that state').choices(STATES))
    .addOption(new Option('-n, --limit <number>', 'how many of a route').argParser(readLimit).default(100))
    .option('-w, --watch', 'again and again; drawn over on a terminal, else a line for each that is new or has changed')
    .addOption(new Option('--interval <time>', 'of --watch').argParser(readTimer).default(2000, '2s'))
    .option('--json', "the API's answer; of every route: a list of them")
    .action(session.action((route: string | undefined, flags: Flags) => list(session, route, flags)))
  examples(divergences, [
    'banyan divergences',
    'banyan divergences orders --since 1h --severity medium',
    'banyan divergences orders --kind value --path /lines',
    'banyan divergences orders --json | jq \'.items[] | select(.state == "divergent")\'',
    'banyan divergences show 0123456789ab',
  ])
  addShow(divergences, session)
  addReplay(divergences, session)
  addAck(divergences, session)
  addResume(divergences, session)
}

async function list(session: Session, route: string | undefined, flags: Flags): Promise<number> {
  const client = await session.client(flags.watch === true ? session.interruptible() : undefined)
  const isJson = flags.json === true
  /** By route: what else there is, which an answer does not tell. */
  const listed = new Map<string, Listed>()
  const ask = async () => {
    const answers = await answersOf(client, route, flags)
    if (!isJson) for (const answer of answers) listed.set(answer.route, await listedOf(client, answer, flags))
    return answers
  }
  const frame = (answers: readonly DivergencesAnswer[], look: Look): readonly string[] => {
    if (answers.length === 0) return ['there is no route with two sides']
    return answers.flatMap((answer, i) => [
      ...(i === 0 ? [] : ['']),
      ...divergencesView(answer, look, listed.get(answer.route)),
    ])
  }
  if (flags.watch === true) {
    const watched = { ask, frame, plain: createChanges() }
    return watch(session, watched, { intervalMs: flags.interval, json: isJson })
  }
  const answers = await ask()
  if (isJson) session.json(route === undefined ? answers : answers[0])
  else session.data(frame(answers, session.look()))
  return EXIT.done
}

async function answersOf(
  client: Client,
  route: string | undefined,
  flags: Flags,
): Promise<readonly DivergencesAnswer[]> {
  const query = { ...filterOf(flags), limit: flags.limit }
  const one = (id: string) => client.call('divergences', { params: { id }, query })
  if (route !== undefined) return [await aboutRoute(client, route, () => one(route))]
  const answers: DivergencesAnswer[] = []
  for (const { id, sides } of (await client.call('routes')).routes) {
    if (sides.legacy !== null && sides.new !== null) answers.push(await one(id))
  }
  return answers
}

function filterOf({ since, severity, kind, path, state }: Flags) {
  return { since: since === undefined ? undefined : `${since / 1000}s`, severity, kind, path, state }
}

/** Asked again only where something may be left out: that nothing is listed must not read as that there is nothing. */
async function listedOf(client: Client, { route, items }: DivergencesAnswer, flags: Flags): Promise<Listed> {
  const query = filterOf(flags)
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const all = flags.state !== undefined
  const isCut = items.length >= flags.limit && flags.limit < MOST_LISTED
  const isNone = given.length > 0 && !items.some(({ state }) => all || isOpen(state))
  const everyOf = async (asked: typeof query | null) => {
    const call = { params: { id: route }, query: { ...asked, limit: MOST_LISTED } }
    return (await client.call('divergences', call)).items
  }
  const known = new Set(items.map(({ signature }) => signature))
  const missing = isCut ? (await everyOf(query)).filter(({ signature }) => !known.has(signature)) : []
  const open = missing.filter(({ state }) => isOpen(state)).length
  return {
    all,
    filter: given.map(([name, value]) => `--${name} ${value}`).join(' '),
    more: { open, quiet: missing.length - open },
    unfiltered: isNone ? (await everyOf(null)).filter(({ state }) => isOpen(state)).length : null,
  }
}

function readPointer(text: string): string {
  if (!text.startsWith('/')) {
    throw new InvalidArgumentError(
      'Allowed: a JSON Pointer, which begins with /, such as /lines or /lines/*/total (indexes and ids are *), or a header as in /content-type.',
    )
  }
  return text
}

function addShow(divergences: Command, session: Session): void {
  const show = divergences
    .command('show')
    .argument('<signature>', 'as `banyan divergences` names it')
    .summary('one of them in full')
    .description(
      'Show one divergence in full: its places, why it is thought to be one, both answers side by side where values are kept, and the request for each side.',
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (signature: string, _: unknown, command: Command) => {
        const { json } = command.optsWithGlobals<{ readonly json?: true }>()
        const client = await session.client()
        const answer = await client.call('divergence', { params: { signature } })
        if (json === true) {
          session.json(answer)
          return EXIT.done
        }
        // Only for the addresses of its sides: without them there is just no curl.
        const route = await client.call('route', { params: { id: answer.route } }).catch(() => null)
        session.data(signatureView(answer, route, session.look()))
        return EXIT.done
      }),
    )
  examples(show, ['banyan divergences show 0123456789ab'])
}

function addReplay(divergences: Command, session: Session): void {
  const replay = divergences
    .command('replay')
    .argument('<signature>', 'as `banyan divergences` names it')
    .summary('ask both sides again now')
    .description(
      `Let the proxy ask both sides again now, and compare. Without credentials, or with those in ${FORWARDED}, which become Authorization. Exit code 1 when the difference is there again, 4 when a side does not answer. Needs the scopes bodies and operate.`,
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (signature: string, _: unknown, command: Command) => {
        const { json } = command.optsWithGlobals<{ readonly json?: true }>()
        const forwardAuthorization = session.io.env[FORWARDED]
        if (forwardAuthorization !== undefined && !/^[\x20-\x7e]+$/.test(forwardAuthorization)) {
          throw new CliError(EXIT.usage, `${FORWARDED} is no value of a header: printable ASCII is`)
        }
        const client = await session.client()
        const answer = await client.call('replay', { params: { signature }, body: {}, forwardAuthorization })
        if (json === true) session.json(answer)
        else session.data(replayedView(answer, session.look()))
        return { persistent: EXIT.error, other: EXIT.error, transient: EXIT.done, failed: EXIT.inconclusive }[
          answer.verdict
        ]
      }),
    )
  examples(replay, [
    'banyan divergences replay 0123456789ab',
    `${FORWARDED}="Bearer $TOKEN" banyan divergences replay 0123456789ab`,
  ])
}

function addAck(divergences: Command, session: Session): void {
  const ack = divergences
    .command('ack')
    .argument('<signature>', 'as `banyan divergences` names it')
    .summary('acknowledge one: it is forgotten until it is seen again')
    .description(
      'Acknowledge a divergence, as after a fix: it is forgotten, and it is new when it is seen again. To ignore it for good, add a rule: banyan rules add.',
    )
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (signature: string, flags: { readonly reason?: string }, command: Command) => {
        const { json } = command.optsWithGlobals<{ readonly json?: true }>()
        const client = await session.client()
        const answer = await client.call('acknowledge', { params: { signature }, query: bodyOf(flags) })
        if (json === true) session.json(answer)
        else session.data(`${safe(answer.route)}: acknowledged ${safe(signature)} · ${appliedText(answer)}`)
        return judgeApplied(session, answer)
      }),
    )
  examples(ack, ['banyan divergences ack 0123456789ab --reason "fixed in 1.4.2"'])
}

function addResume(divergences: Command, session: Session): void {
  const resume = divergences
    .command('resume')
    .argument('<route>', 'id of a route')
    .argument('[template]', 'as `banyan divergences` names it (default: every suspended one of the route)')
    .summary('ask a suspended template again')
    .description(
      'Ask a template again that was suspended because its answers set session cookies or redirect to a login. It is not suspended again before the next start.',
    )
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(
        async (route: string, template: string | undefined, flags: { readonly reason?: string }, command: Command) => {
          const { json } = command.optsWithGlobals<{ readonly json?: true }>()
          const client = await session.client()
          const query = { ...bodyOf(flags), ...(template === undefined ? {} : { template }) }
          const answer = await aboutRoute(client, route, () => client.call('resume', { params: { id: route }, query }))
          if (json === true) session.json(answer)
          else for (const one of answer.resumed) session.data(`${safe(one.template)}: ${one.side} is asked again`)
          return judgeApplied(session, answer)
        },
      ),
    )
  examples(resume, ['banyan divergences resume orders /orders/:id --reason "send.cookies is set now"'])
}
