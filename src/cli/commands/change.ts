// Commands that change who serves: weight, rollback, restore, freeze, unfreeze.
import { type Command, Option } from 'commander'
import type { RouteView } from '../../admin/api.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../io.ts'
import { count, millis, moment, percent, safe } from '../print.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { collectList, readPercent, readRevision } from '../values.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { dryRun, dryRunOption } from './dry-run.ts'
import { examples } from './help.ts'

interface ChangeFlags {
  readonly reason?: string
  readonly ifRevision?: number
  readonly dryRun?: true
  readonly json?: true
}

type WeightFlags = ChangeFlags & { readonly unset?: true }
type RestoreFlags = ChangeFlags & { readonly rollback: readonly string[]; readonly percent?: number }

export function addChangeCommands(program: Command, session: Session): void {
  addWeight(program, session)
  addRollback(program, session)
  addRestore(program, session)
  addFreeze(program, session, 'freeze', 'no raise until unfrozen; down and rollback stay possible')
  addFreeze(program, session, 'unfreeze', 'allow raises again')
}

/** Flags that every change has. */
export function reasonOption(): Option {
  return new Option('-m, --reason <text>', 'why; kept in the audit log')
}

export function revisionOption(): Option {
  return new Option('--if-revision <number>', 'refuse (exit code 6) when somebody changed it since').argParser(
    readRevision,
  )
}

export function bodyOf(flags: { readonly reason?: string }): { readonly reason?: string } {
  return flags.reason === undefined ? {} : { reason: flags.reason }
}

function addWeight(program: Command, session: Session): void {
  const weight = program
    .command('weight')
    .helpGroup('Change:')
    .argument('<route>', 'id of the route')
    .argument('[percent]', 'of users on new: 5, 5%, 0.25', readPercent)
    .summary('set the percent of users on new')
    .description('Set the percent of users that new serves, for the route and its group; or return to the file.')
    .option('--unset', "return to the file's weight")
    .addOption(reasonOption())
    .addOption(revisionOption())
    .addOption(dryRunOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, wanted: number | undefined, flags: WeightFlags) => {
        if ((wanted === undefined) === (flags.unset !== true)) {
          throw new CliError(EXIT.usage, 'give either a percent or --unset', {
            notes: [`banyan weight ${route} 5`, `banyan weight ${route} --unset`],
          })
        }
        if (flags.dryRun === true) {
          const wish =
            wanted === undefined ? { action: 'unset-weight' as const } : { action: 'weight' as const, percent: wanted }
          return dryRun(session, route, wish, flags)
        }
        const client = await session.client()
        const params = { id: route }
        const { ifRevision } = flags
        const applied = await aboutRoute(client, route, () =>
          wanted === undefined
            ? client.call('unsetWeight', { params, query: bodyOf(flags), ifRevision })
            : client.call('setWeight', { params, body: { percent: wanted, ...bodyOf(flags) }, ifRevision }),
        )
        if (flags.json === true) session.json(applied)
        else {
          const done = wanted === undefined ? "the file's weight" : `weight ${percent(wanted)}`
          session.data(`${await inForce(session, client, route, done)} · ${appliedText(applied)}`)
        }
        return judgeApplied(session, applied)
      }),
    )
  examples(weight, [
    'banyan weight orders 5',
    'banyan weight orders 0.25 --reason "first users"',
    'banyan weight orders 25% --if-revision 42',
    'banyan weight orders --unset',
    'banyan weight orders 50 --dry-run',
  ])
}

function addRollback(program: Command, session: Session): void {
  const rollback = program
    .command('rollback')
    .helpGroup('Change:')
    .argument('[route]', 'id of the route; without one: everything')
    .summary('to legacy, at once')
    .description(
      'Everything of a route and its group, or of every route, to legacy at once. Asks nothing, waits for nothing, and may be repeated.',
    )
    .addOption(reasonOption())
    .addOption(dryRunOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string | undefined, flags: ChangeFlags) => {
        if (flags.dryRun === true) return dryRun(session, route, { action: 'rollback' }, flags)
        const client = await session.client()
        const answer = await (route === undefined
          ? client.call('rollbackAll', { body: bodyOf(flags) })
          : aboutRoute(client, route, () => client.call('rollback', { params: { id: route }, body: bodyOf(flags) }))
        ).catch(breakGlass)
        if (flags.json === true) session.json(answer)
        else {
          const { routes } = answer
          const who =
            route === undefined ? `every route (${count(routes.length, 'route')})` : routes.map(safe).join(', ')
          const what = routes.length === 0 ? 'no route has a legacy side' : `${who} on legacy, effective 0%`
          session.data(`rolled back: ${what} · ${safe(answer.rollback)} · ${appliedText(answer)}`)
        }
        const { tunnels, standing } = answer
        if (standing !== null) {
          const why = standing.reason === null ? '' : `: ${safe(standing.reason)}`
          session.say(`in force already since ${moment(standing.at)}, by ${safe(standing.by)}${why}`)
        }
        if (tunnels.open > 0) {
          const fate =
            tunnels.overMs === null ? 'stay there until they end' : `are cut within ${millis(tunnels.overMs)}`
          session.warn(`${count(tunnels.open, 'tunnel')} open on new ${fate} (rollback.tunnels)`)
        }
        for (const { route: skipped, why } of answer.skipped) session.warn(`${skipped} is not concerned: ${why}`)
        const code = judgeApplied(session, answer)
        session.say(`to return: banyan restore${route === undefined ? '' : ` ${route}`}`)
        return code
      }),
    )
  examples(rollback, [
    'banyan rollback orders',
    'banyan rollback',
    'banyan rollback --dry-run',
    'banyan rollback orders --reason "5xx since 10:02"',
  ])
}

function addRestore(program: Command, session: Session): void {
  const restore = program
    .command('restore')
    .helpGroup('Change:')
    .argument('[route]', 'id of the route; without one: every rollback that is in force')
    .summary('end rollbacks')
    .description('End rollbacks and return to the desired weight. Exit code 3 when others keep the route on legacy.')
    .addOption(
      new Option('--rollback <id>', 'only this one; may be repeated')
        .argParser(collectList)
        .default([], 'all in force'),
    )
    .addOption(new Option('--percent <percent>', 'and set this weight (one route only)').argParser(readPercent))
    .addOption(reasonOption())
    .addOption(revisionOption())
    .addOption(dryRunOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string | undefined, flags: RestoreFlags) => {
        if (route === undefined && flags.percent !== undefined) {
          throw new CliError(EXIT.usage, '--percent needs a route', { notes: ['banyan restore orders --percent 5'] })
        }
        const chosen = flags.rollback.length === 0 ? {} : { rollbacks: flags.rollback }
        const raised = flags.percent === undefined ? {} : { percent: flags.percent }
        if (flags.dryRun === true) return dryRun(session, route, { action: 'restore', ...chosen, ...raised }, flags)
        const client = await session.client()
        const { ifRevision } = flags
        const body = { ...chosen, ...bodyOf(flags) }
        const answer = await (route === undefined
          ? client.call('restoreAll', { body, ifRevision })
          : aboutRoute(client, route, () =>
              client.call('restore', {
                params: { id: route },
                body: { ...body, ...raised },
                ifRevision,
              }),
            ))
        const { ended, remaining } = answer
        const done = ended.length === 0 ? 'no rollback was in force' : `ended ${ended.map(safe).join(', ')}`
        if (flags.json === true) session.json(answer)
        else {
          const line = route === undefined ? done : await inForce(session, client, route, done)
          session.data(`restored: ${line} · ${appliedText(answer)}`)
        }
        const code = judgeApplied(session, answer)
        if (remaining.length === 0) return code
        session.warn(
          `still rolled back by ${remaining.join(', ')}: banyan restore${route === undefined ? '' : ` ${route}`}${remaining.map(id => ` --rollback ${id}`).join('')}`,
        )
        return EXIT.rolledBack
      }),
    )
  examples(restore, [
    'banyan restore orders',
    'banyan restore',
    'banyan restore orders --rollback rb-7 --percent 5 --reason "fixed in 1.4.2"',
  ])
}

function addFreeze(program: Command, session: Session, verb: 'freeze' | 'unfreeze', meaning: string): void {
  const command = program
    .command(verb)
    .helpGroup('Change:')
    .argument('<route>', 'id of the route')
    .summary(meaning)
    .description(`${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}. Concerns the route and its group.`)
    .addOption(reasonOption())
    .addOption(revisionOption())
    .addOption(dryRunOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, flags: ChangeFlags) => {
        if (flags.dryRun === true) return dryRun(session, route, { action: verb }, flags)
        const client = await session.client()
        const applied = await aboutRoute(client, route, () =>
          client.call(verb, { params: { id: route }, body: bodyOf(flags), ifRevision: flags.ifRevision }),
        )
        if (flags.json === true) session.json(applied)
        else session.data(`${safe(route)}: ${verb === 'freeze' ? 'frozen' : 'not frozen'} · ${appliedText(applied)}`)
        return judgeApplied(session, applied)
      }),
    )
  examples(command, [`banyan ${verb} orders`, `banyan ${verb} orders --reason "stock-taking"`])
}

/**
 * What the route's weights are now: a weight that was accepted is not always in force, and only the route itself knows.
 * The change is done already; when the route cannot be read back, that is said and nothing else.
 */
async function inForce(session: Session, client: Client, route: string, done: string): Promise<string> {
  let view: RouteView
  try {
    view = await client.call('route', { params: { id: route } })
  } catch (error) {
    session.warn(`what is in force could not be read back: ${(error as Error).message}`)
    return `${safe(route)}: ${done}`
  }
  const { declared, desired, effective } = view.weight
  if (effective !== desired) session.warn(`${percent(desired)} is desired but not in force: ${whyNot(view)}`)
  const group = view.group === null ? '' : ` (group ${safe(view.group)})`
  return `${safe(route)}${group}: ${done} · effective ${percent(effective)} (desired ${percent(desired)}, declared ${percent(declared)})`
}

function whyNot(route: RouteView): string {
  if (route.rollbacks.length > 0) {
    return `rolled back by ${route.rollbacks.map(({ id }) => id).join(', ')}; to return: banyan restore ${route.id}`
  }
  return route.held ? 'held since the first start; set a weight or unset it' : `see banyan routes ${route.id}`
}

/** The way that needs neither API nor token. */
function breakGlass(error: unknown): never {
  if (error instanceof CliError && (error.exit === EXIT.unreachable || error.exit === EXIT.timeout)) {
    throw error.with(
      'without the API: send SIGUSR2 to the process of `banyan start`, or put a file named rollback beside its store; either one rolls back everything at once',
    )
  }
  throw error
}
