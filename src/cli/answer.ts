// Makes sense of what came back from the admin API: an answer, or one sentence, notes and an exit code.
import { type Operation, Problem } from '../admin/api.ts'
import { codeOf, DEFAULT_ADMIN, TOKEN_SOURCES } from './access.ts'
import type { ClientOptions } from './client.ts'
import { CliError, EXIT, type ExitCode } from './io.ts'

export interface Received {
  readonly status: number
  readonly type: string
  readonly location: string | null
  readonly text: string
}

interface Misfit {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly expected?: unknown
}

const EXIT_BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.forbidden,
  403: EXIT.forbidden,
  408: EXIT.timeout,
  409: EXIT.conflict,
  412: EXIT.conflict,
  422: EXIT.usage,
  // Failed logins are throttled; a valid token always passes.
  429: EXIT.forbidden,
}

/** What shows the same as a call that hints name. */
const COMMANDS: Readonly<Record<string, string>> = {
  '/routes': 'banyan routes',
  '/routes/{id}/rules': 'banyan rules <route>',
  '/routes/{id}/noise': 'banyan noise <route>',
  '/routes/{id}/divergences': 'banyan divergences <route>',
  '/tokens': 'banyan token list',
}

export function exitByStatus(status: number): ExitCode {
  return EXIT_BY_STATUS[status] ?? EXIT.error
}

const OUR_TYPES = 'urn:banyan:'

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be resolved now',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ECONNRESET: 'the connection was cut before the whole answer was there',
  EPIPE: 'the connection was cut while asking',
}

/** The answer, when it is one; else throws what to tell people. */
export function understand(operation: Operation, received: Received, options: ClientOptions): unknown {
  const { status } = received
  const answer = parse(received.text)
  if (status < 200 || status > 299) throw refused(operation, received, answer, options)
  if (answer === undefined) {
    const begin = received.text.slice(0, 60)
    throw notOurs(`its answer (${status}) is not JSON but ${received.type}: ${begin}`, options.admin)
  }
  const misfits = misfitsOf(operation, answer)
  if (misfits.length === 0) return answer
  throw new CliError(EXIT.error, `${options.admin.origin} answered ${status}, but not in the form that is expected`, {
    notes: [
      ...misfits.slice(0, 3),
      changes(operation)
        ? 'the change may be in force: see `banyan status`; the whole answer is on stdout'
        : 'the whole answer is on stdout',
      `this is banyan ${options.version}: does another version answer there, or something else?`,
    ],
    raw: answer,
    status,
  })
}

/**
 * Where an answer lacks what views rely on. New fields, new words in an enumeration and numbers out of their range do no
 * harm and are let through: a server may be newer than its client. It may be older as well: a list that it does not know is
 * empty, and what may be null is null.
 */
function misfitsOf(operation: Operation, answer: unknown): readonly string[] {
  const misfits = (): readonly Misfit[] =>
    operation.answer
      ?.safeParse(answer)
      .error?.issues.filter(
        issue => issue.code === 'invalid_union' || (issue.code === 'invalid_type' && issue.expected !== 'int'),
      ) ?? []
  for (const misfit of misfits()) fillAbsent(answer, misfit)
  return misfits().map(({ path, message }) => `/${path.join('/')}: ${message}`)
}

/** Not enumerable, so that `--json` prints what was answered and nothing else. */
function fillAbsent(answer: unknown, { path, expected }: Misfit): void {
  const name = path.at(-1)
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], answer)
  if (name === undefined || typeof parent !== 'object' || parent === null || name in parent) return
  Object.defineProperty(parent, name, { value: expected === 'array' ? [] : null })
}

function refused(operation: Operation, received: Received, answer: unknown, options: ClientOptions): CliError {
  const { status } = received
  const problem = Problem.partial().safeParse(answer)
  const said = problem.success ? problem.data : {}
  if (!isOfAdmin(said.type, answer)) return refusedByOther(operation, received, answer, options)
  const detail = said.detail ?? said.title
  const exit = exitByStatus(status)
  const notes = [
    ...(said.errors ?? [])
      .filter(one => !isSaidBy(detail, one))
      .map(({ pointer, message }) => `${pointer === '' ? '/' : pointer}: ${message}`),
    ...(said.hint === undefined ? [] : [withCommands(said.hint)]),
    ...(said.currentRevision === undefined ? [] : [`the revision is now ${said.currentRevision}`]),
    ...(exit === EXIT.forbidden ? aboutToken(operation, status, options) : []),
  ]
  return new CliError(exit, detail ?? `${options.admin.origin} answered ${status} (${received.type})`, {
    notes,
    status,
  })
}

/** All refusals of the admin listener name their kind so. Those of the listener for clients do, too, and which request it was. */
function isOfAdmin(type: string | undefined, answer: unknown): boolean {
  return type?.startsWith(OUR_TYPES) === true && !isOfClients(answer)
}

function isOfClients(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'exchange' in answer
}

/** Without a status: what it means there says nothing of what was asked for here. */
function refusedByOther(operation: Operation, received: Received, answer: unknown, options: ClientOptions): CliError {
  const { status, type, location } = received
  // A proxy in front, that signs people in, may say so; a token that is missing or wrong there as well.
  const isForbidden = exitByStatus(status) === EXIT.forbidden
  const isMoved = location !== null && status >= 300 && status < 400
  return notOurs(
    `it answered ${status} (${type})`,
    options.admin,
    [
      ...(isMoved ? [`it points to ${location}; redirects are not followed: give the right address with --admin`] : []),
      isOfClients(answer)
        ? 'it is the listener for clients of a Banyan (`proxy.listen`); the admin API is on another port'
        : 'the listener for clients (`proxy.listen`) hands everything to backends; a proxy in front of the admin listener may answer, too',
      ...(isForbidden ? aboutToken(operation, status, options) : []),
    ],
    isForbidden ? EXIT.forbidden : EXIT.error,
  )
}

function aboutToken(operation: Operation, status: number, { token }: ClientOptions): readonly string[] {
  return [
    token === null ? 'no token was found' : `the token came from ${token.from}`,
    ...(status === 403 && operation.scope !== null ? [`the scope that is needed: ${operation.scope}`] : []),
    TOKEN_SOURCES,
  ]
}

/** The only mistake, or the first of several, is often the whole sentence already. */
function isSaidBy(sentence: string | undefined, { pointer, message }: { pointer: string; message: string }): boolean {
  if (sentence === undefined) return false
  const said = sentence.endsWith(`: ${message}`) ? sentence.slice(0, -message.length - 2) : null
  return (
    sentence === message ||
    said === pointer ||
    said?.startsWith(`${pointer.slice(1)} in the `) === true ||
    (pointer === '' && said !== null)
  )
}

/** The API tells its callers which call to make; who types commands is told the command. */
export function withCommands(hint: string): string {
  return hint.replace(/GET \/api\/v1(\/[\w{}/]+)/g, (call, path: string) => {
    const command = COMMANDS[path]
    return command === undefined ? call : `\`${command}\``
  })
}

/** No answer at all, or not all of it. */
export function unreached(error: unknown, operation: Operation, late: boolean, options: ClientOptions): CliError {
  const notes = changes(operation) ? ['the change may be in force nevertheless: see `banyan status`'] : []
  if (late) {
    const seconds = options.timeoutMs / 1000
    return new CliError(EXIT.timeout, `no answer from ${options.admin.origin} within ${seconds} s (--timeout)`, {
      notes,
    })
  }
  const code = codeOf(error)
  if (code.startsWith('HPE_')) return notOurs(`it does not speak HTTP there (${code})`, options.admin)
  const never = code === 'ECONNREFUSED' || code === 'ENOTFOUND'
  return new CliError(EXIT.unreachable, `${options.admin.origin} cannot be reached: ${UNREACHABLE[code] ?? code}`, {
    notes: [
      ...(never ? [] : notes),
      ...(/CERT|SIGNATURE/.test(code) ? ['an authority of your own is trusted by NODE_EXTRA_CA_CERTS=file.pem'] : []),
      whereIsIt(options.admin),
    ],
    cause: error,
  })
}

/** Something answers, but it is another thing. */
export function notOurs(why: string, url: URL, notes: readonly string[] = [], exit: ExitCode = EXIT.error): CliError {
  return new CliError(exit, `${url.origin} does not seem to be a Banyan admin listener: ${why}`, {
    notes: [...notes, whereIsIt(url)],
  })
}

function whereIsIt(url: URL): string {
  return `the admin API is looked for at ${url.href}; another one: --admin URL, or BANYAN_ADMIN. A Banyan listens at \`admin.listen\`, ${DEFAULT_ADMIN} unless its file says otherwise`
}

function changes(operation: Operation): boolean {
  return operation.scope !== 'read' && operation.scope !== null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
