// How anything that goes wrong is said: what, where, what is allowed.

/** A problem with a stable code; `proxy/respond` and `admin/server` turn codes into HTTP answers, the CLI into exit codes. */
export class BanyanError extends Error {
  readonly code: string
  readonly hint: string | null
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    message: string,
    options: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'BanyanError'
    this.code = code
    this.hint = options.hint ?? null
    this.details = options.details ?? {}
  }
}

/** What Node, PostgreSQL or we call a failure: `ENOENT`, `57P01`, `store_full`; null: it has no such name. */
export function codeOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}

/** One mistake in a configuration text. All of them are reported together. */
export interface Mistake {
  readonly file: string
  /** From 1; 0 when the place is not in a text (a command line flag, say). */
  readonly line: number
  readonly column: number
  /** JSON Pointer into the document, `""` for the whole. */
  readonly path: string
  readonly message: string
  /** What stands there, shortened, secrets as `***`; null when something is missing. */
  readonly found: string | null
  readonly allowed: string | null
  readonly hint: string | null
  /** A warning does not stop the configuration from being used. */
  readonly level: 'error' | 'warning'
}
