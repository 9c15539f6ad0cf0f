// Commands about single users and testers: pin, who, link.
import { type Command, Option } from 'commander'
import { CliError, EXIT } from '../io.ts'
import { moment, safe } from '../print.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { readSide, readSpan } from '../values.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { pinsView, whoView } from '../views/users.ts'
import { bodyOf, reasonOption, revisionOption } from './change.ts'
import { examples } from './help.ts'

interface PinFlags {
  readonly for?: number
  readonly remove?: true
  readonly reason?: string
  readonly ifRevision?: number
  readonly json?: true
}

interface LinkFlags {
  readonly side: 'legacy' | 'new'
  readonly for: number
  readonly host?: string
  readonly url?: string
  readonly reason?: string
  readonly json?: true
}

export function addUserCommands(program: Command, session: Session): void {
  addPin(program, session)
  addWho(program, session)
  addLink(program, session)
}

function addPin(program: Command, session: Session): void {
  const pin = program
    .command('pin')
    .helpGroup('Users:')
    .argument('<route>', 'id of the route')
    .argument('[key]', 'of the user: the value of one of the route’s sticky keys')
    .argument('[side]', 'legacy or new', readSide)
    .summary('give one user a side for a while, or show who has one')
    .description(
      'Give one user a side of a route and its group for a while; without a key: show who has one. The key is stored as a hash only.',
    )
    .addOption(new Option('--for <time>', 'how long, such as 2h or 7d').argParser(readSpan))
    .option('--remove', 'take it back')
    .addOption(reasonOption())
    .addOption(revisionOption())
    .option('--json', "the API's answer")
    .action(
      session.action(
        async (route: string, key: string | undefined, side: 'legacy' | 'new' | undefined, flags: PinFlags) => {
          const wanted = key === undefined ? 'list' : flags.remove === true ? 'remove' : 'set'
          refuseHalf(wanted, route, side, flags)
          const client = await session.client()
          const params = { id: route }
          if (key === undefined) {
            const answer = await aboutRoute(client, route, () => client.call('pins', { params }))
            if (flags.json === true) session.json(answer)
            else session.data(pinsView(answer.pins, session.look()))
            return EXIT.done
          }
          const { ifRevision } = flags
          if (wanted === 'remove') {
            const query = { key, ...bodyOf(flags) }
            const answer = await aboutRoute(client, route, () => client.call('unpin', { params, query, ifRevision }))
            const done = answer.pin === null ? 'the user had no pin' : `no longer pinned to ${answer.pin.side}`
            if (flags.json === true) session.json(answer)
            else session.data(`${safe(route)}: ${done} · ${appliedText(answer)}`)
            return judgeApplied(session, answer)
          }
          const body = { key, side: side as 'legacy' | 'new', for: (flags.for as number) / 1000, ...bodyOf(flags) }
          const answer = await aboutRoute(client, route, () => client.call('pin', { params, body, ifRevision }))
          if (flags.json === true) session.json(answer)
          else {
            const { pin: made } = answer
            session.data(`${safe(route)}: pinned to ${made.side} until ${moment(made.until)} · ${appliedText(answer)}`)
          }
          return judgeApplied(session, answer)
        },
      ),
    )
  examples(pin, [
    'banyan pin orders user-7 legacy --for 7d --reason "ticket 4711"',
    'banyan pin orders user-7 --remove',
    'banyan pin orders',
  ])
}

function refuseHalf(wanted: 'list' | 'remove' | 'set', route: string, side: string | undefined, flags: PinFlags): void {
  const notes = [`banyan pin ${route} user-7 legacy --for 7d`, `banyan pin ${route} user-7 --remove`]
  if (wanted === 'set' && (side === undefined || flags.for === undefined)) {
    throw new CliError(EXIT.usage, side === undefined ? 'to which side, and for how long?' : 'for how long? --for', {
      notes,
    })
  }
  if (wanted !== 'set' && (side !== undefined || flags.for !== undefined)) {
    throw new CliError(EXIT.usage, '--remove takes neither a side nor --for', { notes })
  }
  if (wanted === 'list' && flags.remove === true) throw new CliError(EXIT.usage, 'whose pin? give the key', { notes })
}

function addWho(program: Command, session: Session): void {
  const who = program
    .command('who')
    .helpGroup('Users:')
    .argument('<key>', 'of the user: the value of a sticky key')
    .summary('where a user is on each route, and why')
    .description('Show which side a user has on each route, and why. Nothing is sent to any backend.')
    .option('--json', "the API's answer")
    .action(
      session.action(async (key: string, flags: { readonly json?: true }) => {
        const client = await session.client()
        const answer = await client.call('who', { query: { key } })
        if (flags.json === true) session.json(answer)
        else session.data(whoView(answer, session.look()))
        return EXIT.done
      }),
    )
  examples(who, ['banyan who user-7', 'banyan who user-7 --json | jq .routes'])
}

function addLink(program: Command, session: Session): void {
  const link = program
    .command('link')
    .helpGroup('Users:')
    .argument('<route>', 'id of the route')
    .summary('a signed link to one side, for testers')
    .description(
      'Sign a link by which its holder gets a side of a route and its group. The browser keeps it by a cookie until it expires; ?banyan_side=off forgets it. The route needs override: { links: true }.',
    )
    .addOption(new Option('--side <side>', 'legacy or new').argParser(readSide).makeOptionMandatory())
    .addOption(
      new Option('--for <time>', 'how long it counts, such as 30m or 2h').argParser(readSpan).makeOptionMandatory(),
    )
    .option('--host <name>', 'the only host on which it counts (default: any)')
    .option('--url <url>', 'a page of the route, as clients reach it')
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, flags: LinkFlags) => {
        const client = await session.client()
        const { side, host, url } = flags
        const body = {
          side,
          for: flags.for / 1000,
          ...(host === undefined ? {} : { host }),
          ...(url === undefined ? {} : { url }),
          ...bodyOf(flags),
        }
        const answer = await aboutRoute(client, route, () => client.call('link', { params: { id: route }, body }))
        if (flags.json === true) session.json(answer)
        else session.data([safe(answer.url), safe(`${answer.header.name}: ${answer.header.value}`)])
        const where = answer.host === null ? '' : ` on ${answer.host}`
        session.say(`${side} of ${route}${where} until ${moment(answer.until)}; whoever holds it may pass`)
        return judgeApplied(session, answer)
      }),
    )
  examples(link, [
    'banyan link orders --side new --for 2h',
    'banyan link orders --side new --for 1d --url https://shop.example.com/orders --host shop.example.com',
  ])
}
