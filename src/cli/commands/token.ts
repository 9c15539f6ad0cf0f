// Tokens of the admin API: make, list, revoke.
import { type Command, Option } from 'commander'
import { SCOPES, type Scope } from '../../model/control.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../io.ts'
import { moment, safe } from '../print.ts'
import type { Session } from '../session.ts'
import { collectList, collectScopes, readDuration } from '../values.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { tokensView } from '../views/records.ts'
import { bodyOf, reasonOption } from './change.ts'
import { examples } from './help.ts'

interface CreateFlags {
  readonly scope: readonly Scope[]
  readonly route: readonly string[]
  readonly expires?: number
  readonly reason?: string
  readonly json?: true
}

/** Ids of tokens begin so; a name that does as well is found by its id only. */
const ID = /^tok-/

export function addTokenCommands(program: Command, session: Session): void {
  const token = program
    .command('token')
    .helpGroup('Administer:')
    .summary('make, list and revoke tokens')
    .description('Make, list and revoke tokens of the admin API.')

  const create = token
    .command('create')
    .argument('<name>', 'who it is for: letters, digits and . _ @ -')
    .summary('make a token')
    .description('Make a token. Its secret is printed on stdout, once; nobody can read it again.')
    .addOption(
      new Option('--scope <scopes>', `what it may do: ${SCOPES.join(', ')}; with commas or repeated`)
        .argParser(collectScopes)
        .default([], 'none'),
    )
    .addOption(new Option('--route <ids>', 'only these routes').argParser(collectList).default([], 'every route'))
    .addOption(new Option('--expires <time>', 'such as 8h or 90d (default: never)').argParser(readDuration))
    .addOption(reasonOption())
    .option('--json', "the API's answer, secret included")
    .action(
      session.action(async (name: string, flags: CreateFlags) => {
        if (flags.scope.length === 0) {
          throw new CliError(EXIT.usage, '--scope is needed', { notes: [`allowed: ${SCOPES.join(', ')}`] })
        }
        const client = await session.client()
        const answer = await client.call('createToken', {
          body: {
            name,
            scopes: flags.scope,
            ...(flags.route.length === 0 ? {} : { routes: flags.route }),
            ...(flags.expires === undefined ? {} : { expiresInSeconds: Math.max(1, Math.round(flags.expires / 1000)) }),
            ...bodyOf(flags),
          },
        })
        if (flags.json === true) session.json(answer)
        else {
          session.data(safe(answer.secret))
          const { id, scopes, expiresAt } = answer.token
          const until = expiresAt === null ? 'without an end' : `until ${moment(expiresAt)}`
          session.say(`token ${id} for ${scopes.join(', ')}, ${until} · ${appliedText(answer)}`)
          session.say('keep the secret now, it is not shown again; use it as BANYAN_TOKEN')
        }
        return judgeApplied(session, answer)
      }),
    )
  examples(create, [
    'banyan token create ci --scope read',
    'banyan token create on-call --scope rollback --route orders,carts --expires 90d > on-call.token',
  ])

  const list = token
    .command('list')
    .summary('every token, without its secret')
    .description(
      'Show every token, without its secret, and when the process that is asked has last seen it since its start.',
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (flags: { readonly json?: true }) => {
        const client = await session.client()
        const answer = await client.call('tokens')
        if (flags.json === true) session.json(answer)
        else session.data(tokensView(answer.tokens, session.look(), Date.now()))
        return EXIT.done
      }),
    )
  examples(list, ['banyan token list', 'banyan token list --json'])

  const revoke = token
    .command('revoke')
    .argument('<token>', 'its id or its name, as `banyan token list` shows them')
    .summary('end a token')
    .description('Revoke a token; it is refused from then on.')
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (idOrName: string, flags: { readonly reason?: string; readonly json?: true }) => {
        const client = await session.client()
        const id = ID.test(idOrName) ? idOrName : await idOf(client, idOrName)
        const applied = await client.call('revokeToken', { params: { id }, query: bodyOf(flags) })
        if (flags.json === true) session.json(applied)
        else session.data(`token ${safe(id)}: revoked · ${appliedText(applied)}`)
        return judgeApplied(session, applied)
      }),
    )
  examples(revoke, ['banyan token revoke ci', 'banyan token revoke tok-3 --reason "left the team"'])
}

async function idOf(client: Client, name: string): Promise<string> {
  const { tokens } = await client.call('tokens')
  const found = tokens.find(token => token.name === name)
  if (found !== undefined) return found.id
  throw new CliError(EXIT.error, `there is no token named ${name}`, { notes: ['`banyan token list` shows them'] })
}
