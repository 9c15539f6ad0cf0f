// `banyan init`: writes a first routes.yaml from what the proxy saw or an access log tells. Never over a file that is there.
import { stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Draft, type DraftOptions, draftOf, MOST_ROUTES } from '../../inventory/draft.ts'
import type { Inventory } from '../../inventory/sketch.ts'
import { codeOf } from '../access.ts'
import { readLogs } from '../inventory/read-log.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { count, moment, safeLines } from '../print.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'
import { addLogOptions, type LogFlags, sayBroken } from './inventory.ts'
import { DEFAULT_FILE } from './run.ts'

interface InitFlags extends LogFlags {
  readonly legacy?: string
  readonly output: string
  readonly force?: true
}

/** What is in force, as far as a draft needs it. */
interface InForce {
  readonly proxy?: { readonly listen?: unknown }
  readonly backends?: Readonly<Record<string, { readonly url?: unknown; readonly urls?: unknown }>>
  readonly default?: unknown
}

export function addInitCommand(program: Command, session: Session): void {
  const init = program
    .command('init')
    .helpGroup('Run:')
    .summary('a first routes.yaml from live traffic or an access log')
    .description(
      `Write a commented routes.yaml from what the running proxy saw, or from access logs: a route with a legacy side only for each template (${MOST_ROUTES} at most), what was seen of it, and the questions that are left. Everything still goes to legacy. A file that is there is not touched without --force.`,
    )
  addLogOptions(init)
    .addOption(
      new Option('--legacy <url>', 'where the legacy is (default: as the running proxy has it)').argParser(readUrl),
    )
    .option('-o, --output <file>', '- for standard output', DEFAULT_FILE)
    .option('--force', 'overwrite the file')
    .action(session.action((flags: InitFlags) => run(session, flags)))
  examples(init, [
    'banyan init',
    'banyan init -o - | less',
    'banyan init --from access.log --legacy http://10.0.0.5:3001',
    'banyan init -o next.yaml && banyan config diff next.yaml',
  ])
}

async function run(session: Session, flags: InitFlags): Promise<ExitCode> {
  const file = flags.output
  // Before a log of an hour is read.
  if (file !== '-') await mustBeFree(session, file, flags.force === true)
  const draft = flags.from === undefined ? await liveDraft(session, flags) : await logDraft(session, flags, flags.from)
  if (file === '-') session.raw(draft.text)
  else await write(session, file, draft.text, flags.force === true)
  const left = draft.left === 0 ? '' : `; ${count(draft.left, 'rarer template')} without one`
  session.say(`${file === '-' ? 'standard output' : file}: ${count(draft.routes, 'route')}, all to legacy${left}`)
  if (file === '-') return EXIT.done
  const checked = await session.io.parts.check(file)
  if (checked.lines.trim() !== '') session.talk(`${safeLines(checked.lines.trimEnd())}\n`)
  if (!checked.ok) return EXIT.error
  session.say(`next: answer its questions, then \`banyan check -c ${file}\` and \`banyan start -c ${file}\``)
  return EXIT.done
}

async function liveDraft(session: Session, flags: InitFlags): Promise<Draft> {
  const client = await session.client()
  const inventory = await client.call('inventory')
  const { config, file } = await client.call('config')
  const inForce = config as InForce
  const urls = flags.legacy === undefined ? legacyOf(inForce) : [flags.legacy]
  if (urls === null) session.warn('the running proxy has no legacy that serves what no route matches: give --legacy')
  if (inventory.requests === 0) {
    session.warn('no request has passed through the proxy yet: there is nothing to make routes of')
  }
  return draftOf(inventory, {
    legacy: urls,
    listen: listenOf(inForce),
    from: `live traffic, ${spanOf(inventory)}`,
    notes:
      file === null
        ? []
        : [`The proxy runs with ${file}: of its settings only the address of legacy and \`proxy.listen\` are here.`],
  })
}

async function logDraft(session: Session, flags: InitFlags, files: readonly string[]): Promise<Draft> {
  const log = await readLogs(session, files, { wholeTime: flags.timeUnit }, session.interruptible())
  sayBroken(session, log)
  const options: DraftOptions = {
    legacy: flags.legacy === undefined ? null : [flags.legacy],
    listen: null,
    from: `${files.map(file => (file === '-' ? 'standard input' : file)).join(', ')}, ${spanOf(log.inventory)}`,
    notes: ['A log does not tell which answers set a session.'],
  }
  if (flags.legacy === undefined) session.warn('where the legacy is stays a question in the file; or give --legacy URL')
  return draftOf(log.inventory, options)
}

/** The backend of what no route matches. */
function legacyOf({ backends, default: target }: InForce): readonly string[] | null {
  const backend = typeof target === 'string' ? backends?.[target] : undefined
  const urls = backend === undefined ? [] : [backend.url, backend.urls].flat()
  const texts = urls.filter(url => typeof url === 'string')
  // What has a secret in it is shown as ***.
  return texts.length === 0 || texts.some(url => url.includes('***')) ? null : texts
}

function listenOf({ proxy }: InForce): string | null {
  return typeof proxy?.listen === 'string' ? proxy.listen : null
}

function spanOf({ since, until }: Inventory): string {
  return since === null || until === null ? 'without times' : `${moment(since)} to ${moment(until)}`
}

async function mustBeFree(session: Session, file: string, force: boolean): Promise<void> {
  const found = await stat(resolve(session.io.cwd, file)).catch(() => null)
  if (found === null) return
  if (!found.isFile()) throw new CliError(EXIT.error, `${file} is there, and is not a file`)
  if (!force) throw exists(file)
}

async function write(session: Session, file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(resolve(session.io.cwd, file), text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw exists(file)
    throw new CliError(EXIT.error, `${file} cannot be written (${codeOf(error)})`, { cause: error })
  }
}

function exists(file: string): CliError {
  return new CliError(EXIT.error, `${file} is there already, and is left as it is`, {
    notes: ['another name: -o FILE; to standard output: -o -; to overwrite it: --force'],
  })
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.hostname === '') {
    throw new InvalidArgumentError('Allowed: an address such as http://10.0.0.5:3001.')
  }
  return text
}
