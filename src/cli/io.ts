// What the command line is handed from outside, the exit codes it answers with, and how it says that something failed.
import type { Mistake } from '../model/errors.ts'
import type { Milliseconds, Percent } from '../model/units.ts'

/** `process.stdout` fits; so does an object that collects text. */
export interface CliStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  /** Where there is one, a closed pipe is learned from it. */
  on?(event: 'error', listener: (error: Error) => void): unknown
}

export type CliInput = AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean | undefined }

export interface CliIo {
  readonly stdout: CliStream
  readonly stderr: CliStream
  readonly stdin: CliInput
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute; where `.banyan/admin.token` and relative file names are looked for. */
  readonly cwd: string
  readonly parts: CliParts
  /** Ends `status --watch`; absent: only a closed pipe or the end of the process does. */
  readonly signal?: AbortSignal
  /** Takes Ctrl-C over for a command that has something to say when it is stopped; the second one ends the process. */
  interrupts?(): AbortSignal
  /** Runs when the process ends, whatever ends it but a kill: for what a terminal was told and has to be told back. */
  atEnd?(run: () => void): void
}

/** What only a higher floor can do. Numbers that come back are exit codes. */
export interface CliParts {
  readonly version: string
  start(options: StartOptions): Promise<number>
  demo(options: DemoOptions): Promise<number>
  /**
   * `lines` is every mistake for people, one place per line; `ok` is false when one of them is an error. `text`: what stands
   * in the file, if it is not to be read.
   */
  check(file: string, text?: string): Promise<CheckReport>
  /** What differs between two configurations, leaf by leaf; both as `CheckReport.shown`. */
  differences(before: unknown, after: unknown): Promise<readonly Difference[]> | readonly Difference[]
  /** Plain JSON as YAML; `remarks` by JSON Pointer, `head` at the top. */
  yaml(value: unknown, remarks: ReadonlyMap<string, string>, head: readonly string[]): Promise<string> | string
  /** How many rollbacks this file holds that the store does not have yet; null: it is damaged. */
  unsavedRollbacks(file: string): Promise<number | null>
  /** JSON Schema of `routes.yaml`. */
  schema(): unknown
}

export interface StartOptions {
  /** File name as it was typed; null: not given. */
  readonly config: string | null
  readonly legacy: string | null
  readonly listen: string | null
  /** Reload when the file changes. */
  readonly watch: boolean
}

export interface DemoOptions {
  /** Absent: the demo's own. */
  readonly weight?: Percent
  /** Absent: the demo's own; null: until it is stopped (`--duration none`). */
  readonly duration?: Milliseconds | null
  readonly dryRun: boolean
}

export interface CheckReport {
  readonly ok: boolean
  readonly lines: string
  readonly mistakes: readonly Mistake[]
  /** The whole with its defaults, secrets as `***`; absent or null: some mistake is an error. */
  readonly shown?: unknown
}

export interface Difference {
  /** JSON Pointer. */
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  rolledBack: 3,
  /** Held, or not confirmed everywhere. */
  inconclusive: 4,
  timeout: 5,
  conflict: 6,
  forbidden: 7,
  unreachable: 8,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A failure that people read: one sentence, then notes below it. Texts may hold what a server said; they are escaped when printed. */
export class CliError extends Error {
  readonly exit: ExitCode
  readonly notes: readonly string[]
  /** HTTP status, where there was an answer. */
  readonly status: number | null
  /** An answer that was received but not understood; printed, so that nothing in it is lost. */
  readonly raw: unknown

  constructor(
    exit: ExitCode,
    message: string,
    options: { notes?: readonly string[]; status?: number; raw?: unknown; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'CliError'
    this.exit = exit
    this.notes = options.notes ?? []
    this.status = options.status ?? null
    this.raw = options.raw
  }

  /** The same failure with more to say. */
  with(...notes: readonly string[]): CliError {
    return new CliError(this.exit, this.message, {
      notes: [...this.notes, ...notes],
      raw: this.raw,
      cause: this.cause,
      ...(this.status === null ? {} : { status: this.status }),
    })
  }
}
