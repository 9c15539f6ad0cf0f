// The configuration: its schema, what is in force, what a file would change, reading it again.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { codeOf, readAll } from '../access.ts'
import { CliError, EXIT } from '../io.ts'
import type { Session } from '../session.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { changesView, mistakesView } from '../views/records.ts'
import { bodyOf, reasonOption } from './change.ts'
import { examples } from './help.ts'
import { DEFAULT_FILE } from './run.ts'

/** What the API takes. */
const MAX_FILE_CHARS = 4 * 1024 * 1024

export function addConfigCommands(program: Command, session: Session): void {
  const config = program
    .command('config')
    .helpGroup('Administer:')
    .summary('schema, show, diff, reload')
    .description('The configuration: its schema, what is in force, what a file would change.')

  const schema = config
    .command('schema')
    .summary('JSON Schema of routes.yaml, for editors')
    .description('Print the JSON Schema of routes.yaml, for editors. Needs no running proxy.')
    .action(
      session.action(async () => {
        session.json(session.io.parts.schema())
        return EXIT.done
      }),
    )
  examples(schema, ['banyan config schema > routes.schema.json'])

  const show = config
    .command('show')
    .summary('what is in force')
    .description('Print the configuration in force with its defaults, as JSON; secrets as ***.')
    .option('--json', "the API's whole answer, with file and revision")
    .action(
      session.action(async (flags: { readonly json?: true }) => {
        const client = await session.client()
        const answer = await client.call('config')
        session.json(flags.json === true ? answer : answer.config)
        if (flags.json !== true) session.say(`${answer.file ?? 'without a file'}, revision ${answer.revision}`)
        return EXIT.done
      }),
    )
  examples(show, ['banyan config show', 'banyan config show | jq .routes'])

  const diff = config
    .command('diff')
    .argument('[file]', '- for standard input', DEFAULT_FILE)
    .summary('what a file would change')
    .description('Show what a file would change in the configuration in force. Exit code 2 when it has mistakes.')
    .option('--json', "the API's answer")
    .action(
      session.action(async (file: string, flags: { readonly json?: true }) => {
        const text = await readText(session, file)
        const client = await session.client()
        const answer = await client.call('configCheck', { body: { text } })
        const look = session.look()
        if (flags.json === true) session.json(answer)
        else {
          const lines = [...mistakesView(answer.mistakes, look), ...changesView(answer.changes, look)]
          if (lines.length > 0) session.data(lines)
        }
        if (answer.ok && answer.changes.length === 0) session.say(`${file}: nothing would change`)
        return answer.ok ? EXIT.done : EXIT.usage
      }),
    )
  examples(diff, [
    'banyan config diff',
    'banyan config diff next.yaml',
    'git show main:routes.yaml | banyan config diff -',
  ])

  const reload = config
    .command('reload')
    .summary('read the file again')
    .description('Let the proxy read its file again. A file with a mistake changes nothing.')
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (flags: { readonly reason?: string; readonly json?: true }) => {
        const client = await session.client()
        const answer = await client.call('configReload', { body: bodyOf(flags) })
        const look = session.look()
        if (flags.json === true) session.json(answer)
        else {
          session.data([
            ...mistakesView(answer.warnings, look),
            ...changesView(answer.changes, look),
            `configuration: reloaded, ${answer.changes.length === 0 ? 'nothing changed' : `${answer.changes.length} changed`} · ${appliedText(answer)}`,
          ])
        }
        return judgeApplied(session, answer)
      }),
    )
  examples(reload, ['banyan config reload --reason "new backend"'])
}

async function readText(session: Session, file: string): Promise<string> {
  if (file === '-') return readAll(session.io.stdin, MAX_FILE_CHARS)
  try {
    return await readFile(resolve(session.io.cwd, file), 'utf8')
  } catch (error) {
    throw new CliError(EXIT.error, `${file} cannot be read (${codeOf(error)})`, { cause: error })
  }
}
