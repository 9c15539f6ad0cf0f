// A copy of the last state that the store held, on this machine: what an instance goes on with when it starts and the store does
// not answer, and what it gives back to one that holds less.
import { resolve } from 'node:path'
import type { ControlState } from '../model/control.ts'
import type { Milliseconds, Revision } from '../model/units.ts'
import { readSealed, writeSealed } from './sealed-file.ts'

export interface Copy {
  /** null: there is none, or it cannot be used; the log says why. `ours`: it was written beside the store of this name. */
  read(): Promise<{ readonly state: ControlState; readonly ours: boolean } | null>
  /** Returns at once. What comes while one is being written takes the place of what waits. What fails is tried again. */
  write(state: ControlState): void
  /** Nothing is being written: all is; false: the last one could not be. */
  settled(): Promise<boolean>
  /** Why it is not what was to be written; null: it is. */
  failing(): string | null
  close(): Promise<void>
}

export interface CopyParts {
  readonly path: string
  /** Of the store, as the configuration names it; no secret. */
  readonly store: string
  readonly log: (level: 'warn', message: string, details: Record<string, unknown>) => void
}

const AGAIN_MS: Milliseconds = 5_000

/** Far above any that comes about, and far below where adding one changes nothing. */
const MAX_REVISION: Revision = 2 ** 48
const LISTS = ['rollbacks', 'tokens'] as const
/** They came with later versions. */
const LATER_LISTS = ['ended', 'pins', 'rules'] as const

/** `store` stands beside the fields of the state, where the version before passes it over, which did not write it. */
type Written = ControlState & { readonly store?: string }

export function createCopy({ path: given, store, log }: CopyParts): Copy {
  const path = resolve(given)
  let waiting: ControlState | null = null
  let writing: Promise<void> | null = null
  let failing: string | null = null
  let again: NodeJS.Timeout | undefined

  async function writeAll(): Promise<void> {
    clearTimeout(again)
    for (let state = waiting; state !== null; state = waiting) {
      waiting = null
      try {
        await writeSealed(path, JSON.stringify({ ...state, store }))
        failing = null
      } catch (error) {
        if (failing === null)
          log('warn', 'the local copy of the state could not be written', { path, error: String(error) })
        failing = String(error)
        if (waiting !== null) continue
        again = setTimeout(write, AGAIN_MS, state).unref()
      }
    }
  }

  function write(state: ControlState): void {
    waiting = state
    writing ??= writeAll().finally(() => {
      writing = null
    })
  }

  async function settled(): Promise<boolean> {
    while (writing !== null) await writing
    return failing === null
  }

  return {
    async read() {
      try {
        const text = await readSealed(path)
        if (text === null) return null
        const { store: of, ...state } = read(text)
        return { state, ours: of === undefined || of === store }
      } catch (error) {
        log('warn', 'the local copy of the state cannot be used', { path, error: String(error) })
        return null
      }
    },
    write,
    settled,
    failing: () => failing,
    async close() {
      await settled()
      clearTimeout(again)
    },
  }
}

/** What a start goes by, and what it may give to the store, is of a form that everything else can rely on. */
function read(text: string): Written {
  const found: unknown = JSON.parse(text)
  const wrong = isObject(found) ? wrongIn(found) : ['all of it']
  if (wrong.length > 0) throw new Error(`not a state that this version knows: ${wrong.join(', ')}`)
  return found as Written
}

function wrongIn(found: Record<string, unknown>): readonly string[] {
  const { revision, seed, units, changed, store = '' } = found
  const right: Readonly<Record<string, boolean>> = {
    revision: Number.isInteger(revision) && Number(revision) > 0 && Number(revision) <= MAX_REVISION,
    seed: typeof seed === 'string' && seed !== '',
    units: isObject(units) && Object.values(units).every(isObject),
    changed: isObject(changed) && Object.values(changed).every(Number.isSafeInteger),
    store: typeof store === 'string',
    ...Object.fromEntries(LISTS.map(name => [name, isListOfObjects(found[name])])),
    ...Object.fromEntries(LATER_LISTS.map(name => [name, isListOfObjects(found[name] ?? [])])),
  }
  return Object.keys(right).filter(name => !right[name])
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
