// Commands that only read: status, routes, explain, audit.
import { type Command, Option } from 'commander'
import type { RouteView, Status } from '../../admin/api.ts'
import type { DivergencesAnswer } from '../../admin/api-compare.ts'
import { DEFAULT_ROUTE } from '../../model/route.ts'
import type { AnswerOf, Client } from '../client.ts'
import { EXIT, type ExitCode } from '../io.ts'
import { json } from '../print.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { collectHeaders, readLimit, readSequence, readTimer } from '../values.ts'
import { fleetView } from '../views/fleet.ts'
import { auditView, explainView } from '../views/records.ts'
import { routesView, routeView } from '../views/routes.ts'
import { plainStatus, rowsOf, statusView } from '../views/status.ts'
import { examples, refuseWords } from './help.ts'
import { watch } from './watch.ts'

interface StatusFlags {
  readonly json?: true
  readonly watch?: true
  readonly interval: number
  readonly exitCode?: true
}

interface ExplainFlags {
  readonly header: readonly (readonly [string, string])[]
  readonly address?: string
  readonly json?: true
}

interface AuditFlags {
  readonly limit: number
  readonly before?: number
  readonly route?: string
  readonly all?: true
  readonly json?: true
}

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'trace', 'connect']

export function addLookCommands(program: Command, session: Session): void {
  addStatus(program, session)
  addRoutes(program, session)
  addExplain(program, session)
  addAudit(program, session)
}

function addStatus(program: Command, session: Session): void {
  const status = program
    .command('status')
    .helpGroup('Look:')
    .summary('the instance, every route, rollbacks, warnings')
    .description(
      'Show declared, desired, effective and observed weight of every route, and both sides beside each other.',
    )
    .option('-w, --watch', 'again and again; drawn over on a terminal, else plain lines (with --json: one per look)')
    .addOption(new Option('--interval <time>', 'of --watch').argParser(readTimer).default(1000, '1s'))
    .addOption(
      new Option('--exit-code', 'leave 3 when something is rolled back, else 4 when something is held').conflicts(
        'watch',
      ),
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (flags: StatusFlags) => {
        if (flags.watch === true) {
          const client = await session.client(session.interruptible())
          const ask = () => client.call('status')
          const watched = { ask, frame: fleetView, plain: plainStatus }
          return watch(session, watched, { intervalMs: flags.interval, json: flags.json === true })
        }
        const client = await session.client()
        const answer = await client.call('status')
        if (flags.json === true) session.json(answer)
        else session.data(statusView(answer, session.look()))
        return flags.exitCode === true ? judgeStatus(answer) : EXIT.done
      }),
    )
  examples(status, [
    'banyan status',
    'banyan status --watch',
    'banyan status --json | jq .routes',
    'banyan status --exit-code',
  ])
}

function addRoutes(program: Command, session: Session): void {
  const routes = program
    .command('routes')
    .helpGroup('Look:')
    .argument(
      '[route]',
      `id of one route, or ${DEFAULT_ROUTE} for what no route matches: everything that is known of it`,
    )
    .summary('every route, or one in detail')
    .description(
      'Show every route, or one with its weights, sides, reasons, tunnels and rollbacks, and what comparing its sides came to.',
    )
    .option('--exit-code', 'leave 3 when something is rolled back, else 4 when something is held')
    .option('--json', "the API's answer")
    .action(
      session.action(async (id: string | undefined, flags: { readonly json?: true; readonly exitCode?: true }) => {
        const client = await session.client()
        if (id === undefined) {
          const answer = await client.call('routes')
          if (flags.json === true) session.json(answer)
          else session.data(routesView(answer.routes, session.look()))
          return flags.exitCode === true ? judgeRoutes(answer.routes) : EXIT.done
        }
        const route = await aboutRoute(client, id, () => client.call('route', { params: { id } }), DEFAULT_ROUTE)
        if (flags.json === true) session.json(route)
        else {
          const [compared, next] = await Promise.all([comparedOf(client, route), nextOf(client, route)])
          session.data(routeView(route, { compared, next }, session.look()))
        }
        return flags.exitCode === true ? judgeRoutes([route]) : EXIT.done
      }),
    )
  examples(routes, ['banyan routes', 'banyan routes orders', 'banyan routes orders --json | jq .weight.observed'])
}

/** Beside the point where it fails: the route is what was asked for. */
async function comparedOf(client: Client, { id, sides }: RouteView): Promise<DivergencesAnswer | null> {
  if (sides.legacy === null || sides.new === null) return null
  return client.call('divergences', { params: { id }, query: { limit: 1000 } }).catch(() => null)
}

/** Likewise beside the point. */
async function nextOf(client: Client, { id }: RouteView): Promise<string | null> {
  const status = await client.call('status').catch(() => null)
  return (status === null ? [] : rowsOf(status)).find(short => short.id === id)?.next ?? null
}

function addExplain(program: Command, session: Session): void {
  const explain = program
    .command('explain')
    .helpGroup('Look:')
    .argument('<method>', 'such as GET')
    .argument('<url>', 'a path, or a whole URL whose host counts as Host')
    .summary('which side a request would take, and why')
    .description('Show which route and which side a request would take, step by step. Nothing is sent to any backend.')
    .addOption(
      new Option('-H, --header <name: value>', 'a header of the request; may be repeated')
        .argParser(collectHeaders)
        .default([], 'none'),
    )
    .option('--address <ip>', "the client's address (default: 127.0.0.1)")
    .option('--json', "the API's answer")
    .action(
      session.action(async (method: string, url: string, flags: ExplainFlags) => {
        const client = await session.client()
        const named = METHODS.includes(method) ? method.toUpperCase() : method
        const body = {
          method: named,
          url,
          headers: headersOf(flags.header),
          ...(flags.address === undefined ? {} : { address: flags.address }),
        }
        const explanation = await client.call('explain', { body })
        if (flags.json === true) session.json(explanation)
        else session.data(explainView(`${named} ${url}`, explanation, session.look()))
        return EXIT.done
      }),
    )
  examples(explain, [
    'banyan explain GET /orders/42',
    "banyan explain GET https://shop.example.com/orders/42 -H 'x-user-id: 7' -H 'cookie: sid=abc'",
    'banyan explain POST /orders --address 10.1.2.3 --json',
  ])
}

function addAudit(program: Command, session: Session): void {
  const audit = program
    .command('audit')
    .helpGroup('Look:')
    .summary('who changed what, when and why')
    .description('Show who changed what, when and why, newest first.')
    .addOption(new Option('-n, --limit <number>', 'how many').argParser(readLimit).default(100))
    .addOption(new Option('--before <seq>', 'only older ones than this entry').argParser(readSequence))
    .option('--route <id>', 'only what concerns this route: itself, its group, or everything')
    .addOption(
      new Option('--all', 'every entry, one JSON object per line: to keep it elsewhere').conflicts(['limit', 'json']),
    )
    .option('--json', "the API's answer")
    .allowExcessArguments()
    .action(
      session.action(async (flags: AuditFlags) => {
        refuseWords(audit)
        const client = await session.client()
        if (flags.all === true) return printAll(session, client, flags)
        const answer = await readPages(client, flags)
        if (flags.json === true) session.json(answer)
        else session.data(auditView(answer.entries, session.look()))
        const of = flags.route === undefined ? '' : ` --route ${flags.route}`
        if (answer.next !== null) session.say(`older ones: banyan audit${of} --before ${answer.next}`)
        return EXIT.done
      }),
    )
  examples(audit, [
    'banyan audit',
    'banyan audit --route orders',
    'banyan audit --limit 20 --json',
    'banyan audit --all > audit.ndjson',
    'banyan audit verify',
  ])

  const verify = audit
    .command('verify')
    .summary('walk the whole hash chain')
    .description(
      'Walk the whole hash chain in the store. Exit code 1 when an entry does not follow from the one before: it, or one before it, was changed or taken out after it was written.',
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (_: unknown, command: Command) => {
        const client = await session.client()
        const answer = await client.call('auditVerify')
        if (command.optsWithGlobals().json === true) session.json(answer)
        else if (answer.ok) session.data(`whole: ${answer.entries} entries, each follows from the one before`)
        else {
          const at = answer.brokenAt
          session.data(
            `BROKEN at entry ${at ?? '?'} of ${answer.entries}: it does not follow from the one before; what is older than it is whole`,
          )
          if (at !== null) session.say(`look at it: banyan audit --before ${at + 1} --limit 2`)
        }
        return answer.ok ? EXIT.done : EXIT.error
      }),
    )
  examples(verify, ['banyan audit verify'])
}

/** Of one route a page may be short though more is to come. */
async function readPages(client: Client, { limit, before, route }: AuditFlags): Promise<AnswerOf<'audit'>> {
  const entries: AnswerOf<'audit'>['entries'] = []
  let next: number | null | undefined = before
  do {
    const query = { limit: limit - entries.length, before: next, route }
    const answer: AnswerOf<'audit'> = await client.call('audit', { query })
    entries.push(...answer.entries)
    next = answer.next
  } while (route !== undefined && next !== null && entries.length < limit)
  return { entries, next }
}

/** Newest first, page by page: an entry that is written meanwhile is not in it. */
async function printAll(session: Session, client: Client, { before, route }: AuditFlags): Promise<ExitCode> {
  let next: number | null | undefined = before
  while (next !== null && !session.over.aborted) {
    const answer: AnswerOf<'audit'> = await client.call('audit', { query: { limit: 1000, before: next, route } })
    if (answer.entries.length > 0) session.data(answer.entries.map(entry => json(entry, 0)))
    next = answer.next
  }
  return EXIT.done
}

function judgeStatus({ rollbacks, routes }: Status): ExitCode {
  if (rollbacks.length > 0 || routes.some(({ state }) => state === 'rolled-back')) return EXIT.rolledBack
  return routes.some(({ state }) => state === 'held') ? EXIT.inconclusive : EXIT.done
}

function judgeRoutes(routes: readonly RouteView[]): ExitCode {
  if (routes.some(({ rollbacks }) => rollbacks.length > 0)) return EXIT.rolledBack
  return routes.some(({ held }) => held) ? EXIT.inconclusive : EXIT.done
}

/** Names of headers do not depend on case: what comes twice under any spelling is one list. */
function headersOf(
  pairs: readonly (readonly [string, string])[],
): Readonly<Record<string, string | readonly string[]>> {
  const values = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase()
    values.set(lower, [...(values.get(lower) ?? []), value])
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, list.length === 1 ? list[0]! : list]))
}
