// The key lists of cohorts, read again when their files change: by themselves, because people add testers at any hour, and
// nothing else of the configuration shall come in force with it. A list that cannot be read leaves the one in force.
import { readBytesNow, textOf, wordsOf } from './config/files.ts'
import { readKeys } from './config/key-list.ts'
import { Wrong } from './config/values.ts'
import { type FileWatch, watchFiles } from './config/watch.ts'
import type { LogLine } from './log.ts'
import type { Plan } from './model/snapshot.ts'
import type { Milliseconds } from './model/units.ts'

const LOOK_MS: Milliseconds = 1_000

export interface KeyListsParts {
  readonly plan: () => Pick<Plan, 'keyLists'>
  readonly log: LogLine
  /** Between two looks at the files. */
  readonly lookMs?: Milliseconds
}

export interface KeyLists {
  /** After a swap: another configuration may have other lists. */
  swapped(): void
  warnings(): { readonly code: string; readonly message: string; readonly route: null }[]
  close(): void
}

export function createKeyLists({ plan, log, lookMs = LOOK_MS }: KeyListsParts): KeyLists {
  let followed: Plan['keyLists'] = []
  let watch: FileWatch | null = null
  const troubles = new Map<string, string>()

  function look(file: string): void {
    const keys = keysIn(file)
    if (keys instanceof Wrong) {
      troubles.set(file, keys.message)
      log('warn', 'a list of keys has changed and cannot be used: the one in force stays', { file, why: keys.message })
      return
    }
    troubles.delete(file)
    for (const list of followed) {
      if (list.file !== file) continue
      const before = list.size
      list.replace(keys)
      log('info', 'a list of keys was read again', { file, before, keys: keys.size })
    }
  }

  function follow(): void {
    watch?.close()
    troubles.clear()
    // A stamp that no file has: what changed since the configuration was read is told at the first look.
    const files = new Map(followed.flatMap(({ file }) => (file === null ? [] : [[file, ''] as const])))
    const onChange = (changed: readonly string[]) => changed.forEach(look)
    watch = files.size === 0 ? null : watchFiles({ files, onChange, log, intervalMs: lookMs })
  }

  return {
    swapped() {
      const { keyLists } = plan()
      if (keyLists === followed) return
      followed = keyLists
      follow()
    },
    warnings: () =>
      [...troubles].map(([file, why]) => ({
        code: 'key_list',
        message: `the list of keys in ${file} cannot be used, and the one read before stays: ${why}`,
        route: null,
      })),
    close: () => watch?.close(),
  }
}

function keysIn(file: string): ReadonlySet<string> | Wrong {
  try {
    return readKeys(textOf(file, readBytesNow(file)))
  } catch (error) {
    return new Wrong(wordsOf(error).message)
  }
}
