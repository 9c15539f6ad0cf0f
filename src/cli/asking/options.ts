// What commands that ask two places for the same have in common: their flags, trust in certificates, a look whether both are there.
import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type Command, Option } from 'commander'
import { CliError, EXIT } from '../io.ts'
import type { Session } from '../session.ts'
import { readWhole } from '../values.ts'
import type { FieldList } from './answer.ts'
import { collectOwnHeaders, readHost } from './flags.ts'
import type { InputFlags } from './input.ts'
import { type TlsOptions, unreachable } from './reach.ts'
import { unreadable } from './unreadable.ts'

export interface AskingFlags extends InputFlags {
  readonly concurrency: number
  readonly rate: number
  readonly header: FieldList
  readonly ca?: string
  readonly insecure?: true
}

export function addAskingOptions(
  command: Command,
  meaning: { readonly concurrency: string; readonly host: string },
): Command {
  return command
    .addOption(
      new Option(
        '--from <file>',
        'access log, list of paths or URLs, or HAR file; - is standard input; may be repeated; .gz too',
      )
        .argParser((file: string, files: readonly string[] | undefined) => [...(files ?? []), file])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-n, --limit <number>', 'ask at most so many, spread over all kinds of paths')
        .argParser(text => readWhole(text, 1, 100_000, 'a whole number from 1 to 100000'))
        .default(1000),
    )
    .addOption(
      new Option('--concurrency <number>', meaning.concurrency)
        .argParser(text => readWhole(text, 1, 8, 'a whole number from 1 to 8'))
        .default(1),
    )
    .addOption(
      new Option('--rate <number>', 'requests a second at most, both ways together')
        .argParser(text => readWhole(text, 1, 10_000, 'a whole number from 1 to 10000'))
        .default(50),
    )
    .addOption(new Option('--host <name>', meaning.host).argParser(readHost))
    .addOption(
      new Option('-H, --header <name: value>', 'a header to send both ways; may be repeated')
        .argParser(collectOwnHeaders)
        .default([], 'none'),
    )
    .option('--include-suspicious', 'also ask what looks like a write by GET: logout, delete, action=…')
    .option('--ca <file>', 'certificates to trust, PEM')
    .option('--insecure', 'do not verify certificates')
}

export async function tlsOf(session: Session, { ca, insecure, host }: AskingFlags): Promise<TlsOptions> {
  return {
    ca: ca === undefined ? null : await readCa(ca, session),
    insecure: insecure === true,
    servername: host?.replace(/:\d+$/, '') ?? null,
  }
}

/** What was given, and before it what a server may expect of any client. */
export function headersOf({ header }: AskingFlags, userAgent: string): FieldList {
  const given = new Set(header.map(([name]) => name.toLowerCase()))
  const usual = [
    ['User-Agent', userAgent],
    ['Accept', '*/*'],
  ] as const
  return [...usual.filter(([name]) => !given.has(name.toLowerCase())), ...header]
}

export async function mustReach(
  flag: string,
  origin: URL,
  tls: TlsOptions,
  session: Session,
  over: AbortSignal,
): Promise<void> {
  const why = await unreachable({ origin, timeoutMs: session.timeoutMs(), tls, over })
  if (why === null) return
  const notes = /certificate|altname|self-signed/i.test(why)
    ? ['trust it with --ca FILE, or --insecure for a test']
    : []
  throw new CliError(EXIT.unreachable, `${flag} ${origin.origin} cannot be reached: ${why}`, { notes })
}

async function readCa(file: string, { io }: Session): Promise<Buffer> {
  try {
    return await readFile(isAbsolute(file) ? file : join(io.cwd, file))
  } catch (error) {
    const why = unreadable(error as NodeJS.ErrnoException)
    throw new CliError(EXIT.usage, `--ca ${file} cannot be read: ${why}`, { cause: error })
  }
}
