// The configuration: its schema, what is in force, what a file would change, reading it again.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { codeOf, readAll } from '../access.ts'
import type { AnswerOf } from '../client.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { safe } from '../print.ts'
import type { Session } from '../session.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { headOf, remarksOf } from '../views/effective.ts'
import { changesView, mistakesView } from '../views/records.ts'
import { bodyOf, reasonOption } from './change.ts'
import { examples } from './help.ts'

/** What the API takes. */
const MAX_FILE_CHARS = 4 * 1024 * 1024

export function addConfigCommands(program: Command, session: Session): void {
  const config = program
    .command('config')
    .helpGroup('Administer:')
    .summary('schema, show, check, diff, reload')
    .description('The configuration: its schema, what is in force, what a file would change.')

  const schema = config
    .command('schema')
    .summary('JSON Schema of routes.yaml, for editors')
    .description('Print the JSON Schema of routes.yaml, for editors. Needs no running proxy.')
    .action(
      session.action(async () => {
        session.json(await session.io.parts.schema())
        return EXIT.done
      }),
    )
  examples(schema, ['banyan config schema > routes.schema.json'])

  const show = config
    .command('show')
    .summary('what is in force')
    .description(
      'Print the configuration in force with its defaults; secrets as ***. What is printed loads again, but for secrets.',
    )
    .option('--effective', 'with the weights and rules that operators set since, and who did')
    .addOption(new Option('--yaml', 'as YAML, with remarks').conflicts('json'))
    .option('--json', "the API's whole answer, with file and revision")
    .action(
      session.action(async (flags: ShowFlags) => {
        const client = await session.client()
        const answer = await client.call('config', flags.effective === true ? { query: { effective: 'true' } } : {})
        const from = `${answer.file ?? 'without a file'}, revision ${answer.revision}`
        if (flags.yaml === true) {
          const remarks = new Map(remarksOf(answer.inForce))
          session.raw(
            await session.io.parts.yaml(answer.config, remarks, [`in force: ${from}`, ...headOf(answer.inForce)]),
          )
          return EXIT.done
        }
        session.json(flags.json === true ? answer : answer.config)
        if (flags.json !== true) session.say(from)
        return EXIT.done
      }),
    )
  examples(show, [
    'banyan config show | jq .routes',
    'banyan config show --effective --yaml',
    'banyan config show --effective --yaml > routes.yaml   # what was tried becomes the file',
  ])

  const check = config
    .command('check')
    .argument('[file]', `- for standard input (default: the proxy's own file)`)
    .summary('let the proxy judge a file')
    .description(
      'Let the running proxy judge its own file as it is now, with its own environment, or a text that is sent to it: mistakes, and what it would change. Nothing is put in force. A text that is sent must not take values from variables or files: `banyan check` judges those here.',
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (file: string | undefined, flags: { readonly json?: true }) => {
        const text = file === undefined ? undefined : await readText(session, file)
        const client = await session.client()
        const answer = await client.call('configCheck', { body: text === undefined ? {} : { text } })
        return tell(session, flags, { ...answer, of: file ?? 'the file of the proxy' })
      }),
    )
  examples(check, ['banyan config check', 'banyan config check next.yaml', 'banyan config check --json'])

  const diff = config
    .command('diff')
    .argument('[file]', `- for standard input (default: the proxy's own file)`)
    .summary('what a file would change')
    .description(
      'Show what a file would change in the configuration in force. A file that is named is read here, with the variables of this shell; without one the proxy reads its own again. Exit code 2 when it has mistakes.',
    )
    .option('--json', 'as JSON: {ok, mistakes, changes}')
    .action(
      session.action(async (file: string | undefined, flags: { readonly json?: true }) => {
        const client = await session.client()
        if (file === undefined) {
          const answer = await client.call('configCheck', { body: {} })
          return tell(session, flags, { ...answer, of: 'the file of the proxy' })
        }
        const { parts } = session.io
        const checked = await parts.check(file, await readText(session, file))
        const changes = checked.ok ? await parts.differences((await client.call('config')).config, checked.shown) : []
        const { ok, mistakes } = checked
        return tell(session, flags, { ok, mistakes: [...mistakes], changes: [...changes], of: file })
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
            `configuration${answer.instance === null ? '' : ` of ${safe(answer.instance)}`}: reloaded, ${answer.changes.length === 0 ? 'nothing changed' : `${answer.changes.length} changed`} · ${appliedText(answer)}`,
          ])
        }
        if (answer.appliedBy.some(({ instance }) => instance !== answer.instance)) {
          session.say('the other instances run their own files: reload each of them')
        }
        return judgeApplied(session, answer)
      }),
    )
  examples(reload, ['banyan config reload --reason "new backend"'])
}

interface ShowFlags {
  readonly effective?: true
  readonly yaml?: true
  readonly json?: true
}

type Judged = AnswerOf<'configCheck'> & { readonly of: string }

/** What was found and what would change. */
function tell(session: Session, flags: { readonly json?: true }, judged: Judged): ExitCode {
  const { of, ...answer } = judged
  const look = session.look()
  if (flags.json === true) session.json(answer)
  else {
    const lines = [...mistakesView(answer.mistakes, look), ...changesView(answer.changes, look)]
    if (lines.length > 0) session.data(lines)
  }
  if (answer.ok && answer.changes.length === 0) session.say(`${of}: nothing would change`)
  return answer.ok ? EXIT.done : EXIT.usage
}

async function readText(session: Session, file: string): Promise<string> {
  if (file === '-') return readAll(session.io.stdin, MAX_FILE_CHARS)
  try {
    return await readFile(resolve(session.io.cwd, file), 'utf8')
  } catch (error) {
    throw new CliError(EXIT.error, `${file} cannot be read (${codeOf(error)})`, { cause: error })
  }
}
