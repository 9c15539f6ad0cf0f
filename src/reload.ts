// The configuration in force and its replacement: reads again, compares, puts in force, or says why not.
import { type Difference, differences, needsRestart } from './config/diff.ts'
import type { Configured } from './configured.ts'
import type { Outcome } from './control/control.ts'
import type { LogLine } from './log.ts'
import type { Actor, Command } from './model/control.ts'
import { BanyanError, type Mistake } from './model/errors.ts'
import type { Plan } from './model/snapshot.ts'

export interface ReloadParts {
  readonly first: Configured
  /** Reads the configuration again; null when there is no file. */
  readonly reread: (() => Promise<Configured>) | null
  /** A text that came by API. */
  readonly check: (text: string) => Promise<Configured>
  readonly control: {
    reload(plan: Plan, command: Command, configured: Configured): Promise<Outcome>
  }
  /** Told after a new configuration is in force. */
  readonly inForce: (configured: Configured) => void
  readonly counted: (result: 'ok' | 'failed') => void
  readonly log: LogLine
}

export interface Reloaded {
  readonly outcome: Outcome
  readonly changes: readonly Difference[]
  readonly warnings: readonly Mistake[]
}

export interface Reloader {
  configured(): Configured
  state(): { readonly lastReload: 'none' | 'ok' | 'failed'; readonly lastError: string | null }
  /** One after another, so that what was read last is in force. Rejects with a BanyanError, and the configuration stays. */
  reload(actor: Actor, reason: string | null, source: string): Promise<Reloaded>
  /** What the file says by now and only a restart puts in force. */
  late(): readonly Mistake[]
  /** What a text (null: the file as it is now) would do, or all that is wrong with it. */
  check(
    text: string | null,
  ): Promise<{ readonly mistakes: readonly Mistake[]; readonly changes: readonly Difference[] }>
}

export function createReloader(parts: ReloadParts): Reloader {
  const { control, log } = parts
  let configured = parts.first
  let lastReload: 'none' | 'ok' | 'failed' = 'none'
  let lastError: string | null = null
  /** Settles with the reload that was asked for last. */
  let turn: Promise<unknown> = Promise.resolve()

  function late(): readonly Mistake[] {
    // Compared with what was read at the start, because that is what runs.
    const changed = differences(parts.first.shown, configured.shown).filter(needsRestart)
    return changed.map(change => restartWarning(configured, change.path))
  }

  async function reloadNow(reread: () => Promise<Configured>, command: Command): Promise<Reloaded> {
    try {
      const next = await reread()
      const changes = differences(configured.shown, next.shown)
      const outcome = await control.reload(next.plan, command, next)
      configured = next
      parts.inForce(next)
      lastReload = 'ok'
      lastError = null
      parts.counted('ok')
      const waiting = late()
      for (const { path } of waiting) log('warn', `${path} changed: in force after a restart`)
      return { outcome, changes, warnings: [...next.warnings, ...waiting] }
    } catch (error) {
      lastReload = 'failed'
      lastError = error instanceof Error ? error.message : String(error)
      parts.counted('failed')
      log('error', 'reload refused; the configuration in force stays', { error: lastError })
      throw error
    }
  }

  return {
    late,
    configured: () => configured,
    state: () => ({ lastReload, lastError }),
    async reload(actor, reason, source) {
      const reread = fileReader(parts)
      const reloaded = turn.then(() => reloadNow(reread, { type: 'reload', source, actor, reason }))
      turn = reloaded.catch(() => {})
      return reloaded
    },
    async check(text) {
      try {
        const checked = await (text === null ? fileReader(parts)() : parts.check(text))
        return { mistakes: checked.warnings, changes: differences(configured.shown, checked.shown) }
      } catch (error) {
        if (error instanceof BanyanError && Array.isArray(error.details.mistakes)) {
          return { mistakes: error.details.mistakes as Mistake[], changes: [] }
        }
        throw error
      }
    },
  }
}

/** Throws `no_file`. */
function fileReader({ reread }: ReloadParts): () => Promise<Configured> {
  if (reread !== null) return reread
  throw new BanyanError('no_file', 'there is no configuration file: started with --legacy alone', {
    hint: 'start with -c routes.yaml',
  })
}

function restartWarning(configured: Configured, path: string): Mistake {
  return {
    file: configured.plan.file ?? '',
    line: 0,
    column: 0,
    path,
    message: 'changed, and in force after a restart only',
    found: null,
    allowed: null,
    hint: null,
    level: 'warning',
  }
}
