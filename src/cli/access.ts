// Where the admin API is and what proves who asks: flags, then the environment, then what `banyan start` left behind.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CliError, type CliInput, type CliIo, EXIT } from './io.ts'

export interface AccessFlags {
  readonly admin?: string
  /** A file name, `-` for standard input. */
  readonly tokenFile?: string
}

export interface FoundToken {
  readonly secret: string
  /** Said to people when it is refused: `BANYAN_TOKEN`, `the file …`. */
  readonly from: string
}

export const DEFAULT_ADMIN = 'http://127.0.0.1:9900'
export const TOKEN_FILE = '.banyan/admin.token'
const MAX_TOKEN_CHARS = 4096

/** Said wherever a token is missing or refused. */
export const TOKEN_SOURCES = `a token is taken from --token-file FILE, else BANYAN_TOKEN, else BANYAN_ADMIN_TOKEN, else the file ${TOKEN_FILE} in the working directory (\`banyan start\` writes it)`

export function findAdmin(flags: AccessFlags, env: CliIo['env']): URL {
  const [text, from] = flags.admin !== undefined ? [flags.admin, '--admin'] : [filled(env.BANYAN_ADMIN), 'BANYAN_ADMIN']
  const url = parseUrl(text ?? DEFAULT_ADMIN)
  if (url === null) {
    throw new CliError(EXIT.usage, `${from} is not an address of an admin API: ${text}`, {
      notes: [`allowed: http:// or https://, a host, a port, such as ${DEFAULT_ADMIN}; a token never belongs in it`],
    })
  }
  return url
}

/** null: there is none anywhere. A flag that names a file which cannot be read is an error, never skipped. */
export async function findToken(flags: AccessFlags, io: CliIo): Promise<FoundToken | null> {
  if (flags.tokenFile === '-') return tokenOf(await readAll(io.stdin, MAX_TOKEN_CHARS), 'standard input')
  if (flags.tokenFile !== undefined) {
    const text = await readFile(resolve(io.cwd, flags.tokenFile), 'utf8').catch((error: unknown) => {
      throw new CliError(EXIT.forbidden, `the token file ${flags.tokenFile} cannot be read (${codeOf(error)})`, {
        notes: [TOKEN_SOURCES],
      })
    })
    return tokenOf(text, `the file ${flags.tokenFile}`)
  }
  for (const name of ['BANYAN_TOKEN', 'BANYAN_ADMIN_TOKEN']) {
    const text = filled(io.env[name])
    if (text !== null) return tokenOf(text, name)
  }
  const text = await readFile(resolve(io.cwd, TOKEN_FILE), 'utf8').catch(() => null)
  return text === null ? null : tokenOf(text, `the file ${TOKEN_FILE}`)
}

/** All of a stream as text; more than `maxChars` is an error. */
export async function readAll(input: CliInput, maxChars: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of input) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    if (text.length > maxChars) throw new CliError(EXIT.usage, `standard input is longer than ${maxChars} characters`)
  }
  return text + decoder.decode()
}

export function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : String(error)
}

function tokenOf(text: string, from: string): FoundToken {
  const secret = text.trim()
  // What a header may carry; the text itself is never repeated in a message.
  if (!/^[\x21-\x7e]+$/.test(secret) || secret.length > MAX_TOKEN_CHARS) {
    throw new CliError(EXIT.forbidden, `${from} does not hold a token: one word of printable characters is expected`, {
      notes: [TOKEN_SOURCES],
    })
  }
  return { secret, from }
}

function parseUrl(text: string): URL | null {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  const usable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  return usable && url.search === '' && url.hash === '' ? url : null
}

function filled(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text
}
