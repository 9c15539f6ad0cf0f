// The configuration in force and its replacement: reads again, compares, puts in force, or says why not.
import { type Difference, differences, needsRestart } from './config/diff.ts'
import type { Configured } from './configured.ts'
import type { Outcome } from './control/control.ts'
import type { LogLine } from './log.ts'
import type { Actor, Command } from './model/control.ts'
import { BanyanError, type Mistake } from './model/errors.ts'
import type { Plan } from './model/snapshot.ts'
import type { Milliseconds } from './model/units.ts'

/** As many as an entry of the audit log names. */
const MOST_PATHS = 20
const LOOK_AGAIN_MS: Milliseconds = 1_000

interface Said {
  readonly source: string
  readonly actor: Actor
  readonly reason: string | null
}

export interface ReloadParts {
  readonly instance: string
  readonly first: Configured
  /** Reads the configuration again; null when there is no file. */
  readonly reread: (() => Promise<Configured>) | null
  /** A text that came by API. */
  readonly check: (text: string) => Promise<Configured>
  readonly control: {
    reload(plan: Plan, command: Command, configured: Configured): Promise<Outcome>
  }
  readonly storeAnswers: () => boolean
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
  /** By a signal or a watch, so that nobody hears an answer: what the store refuses is done when it answers again. */
  told(source: string): Promise<void>
  /** What the file says by now and only a restart puts in force. */
  late(): readonly Mistake[]
  /** What a text (null: the file as it is now) would do, or all that is wrong with it. */
  check(
    text: string | null,
  ): Promise<{ readonly mistakes: readonly Mistake[]; readonly changes: readonly Difference[] }>
  close(): void
}

export function createReloader(parts: ReloadParts): Reloader {
  const { control, log } = parts
  let configured = parts.first
  let lastReload: 'none' | 'ok' | 'failed' = 'none'
  let lastError: string | null = null
  /** Settles with the reload that was asked for last. */
  let turn: Promise<unknown> = Promise.resolve()
  let again: NodeJS.Timeout | undefined

  function late(): readonly Mistake[] {
    // Compared with what was read at the start, because that is what runs.
    const changed = differences(parts.first.shown, configured.shown).filter(needsRestart)
    return changed.map(change => restartWarning(configured, change.path))
  }

  async function reloadNow(reread: () => Promise<Configured>, said: Said): Promise<Reloaded> {
    try {
      const next = await reread()
      const changes = differences(configured.shown, next.shown)
      const paths = changes.slice(0, MOST_PATHS).map(({ path }) => path)
      const command = { type: 'reload' as const, ...said, instance: parts.instance, changes: changes.length, paths }
      const outcome = await control.reload(next.plan, command, next)
      clearInterval(again)
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

  async function reload(actor: Actor, reason: string | null, source: string): Promise<Reloaded> {
    const reread = fileReader(parts)
    const reloaded = turn.then(() => reloadNow(reread, { source, actor, reason }))
    turn = reloaded.catch(() => {})
    return reloaded
  }

  async function told(source: string): Promise<void> {
    clearInterval(again)
    try {
      await reload({ name: source, tokenId: null, address: null }, null, source)
    } catch (error) {
      const code = error instanceof BanyanError ? error.code : ''
      if (code === 'no_file') log('warn', `${source}: ${(error as Error).message}`)
      if (!code.startsWith('store_')) return
      clearInterval(again)
      again = setInterval(() => {
        if (parts.storeAnswers()) void told(source)
      }, LOOK_AGAIN_MS).unref()
    }
  }

  return {
    late,
    reload,
    told,
    configured: () => configured,
    state: () => ({ lastReload, lastError }),
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
    close: () => clearInterval(again),
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
