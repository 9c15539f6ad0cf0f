// Which store the configuration names, and what an instance keeps on its own disk beside it. Each kind is loaded when it is
// named: a start should not take longer for what it does not use.
import { basename, dirname, join, resolve } from 'node:path'
import type { Config } from './config/schema.ts'
import type { LogLine } from './log.ts'
import { BanyanError } from './model/errors.ts'
import { type Copy, createCopy } from './store/copy.ts'
import { parsePostgresUrl } from './store/postgres-url.ts'
import { createSpill, type Spill } from './store/spill.ts'
import type { Store } from './store/store.ts'

/** Where it keeps what only this machine knows; null: nothing outlives the process. */
export function directoryOf({ store, fleet }: Pick<Config, 'store' | 'fleet'>, cwd: string): string | null {
  if (store.kind === 'memory') return null
  return resolve(cwd, store.kind === 'sqlite' ? dirname(store.path) : fleet.directory)
}

export interface OpenParts {
  readonly cwd: string
  readonly instance: string
  readonly log: LogLine
}

/** With it the directory is ours until it is closed. @throws BanyanError of the store: see each kind, or `directory_taken` */
export async function openStore(config: Pick<Config, 'store' | 'fleet'>, parts: OpenParts): Promise<Store> {
  const store = await openKind(config.store, parts)
  const directory = directoryOf(config, parts.cwd)
  if (directory === null) return store
  const { lockDirectory } = await import('./store/directory-lock.ts')
  try {
    const lock = lockDirectory(directory)
    return { ...store, close: () => store.close().finally(lock.release) }
  } catch (error) {
    if (error instanceof BanyanError) {
      await store.close()
      throw error
    }
    parts.log('warn', 'the directory of local files cannot be locked', { directory, error: String(error) })
    return store
  }
}

async function openKind(store: Config['store'], { cwd, instance, log }: OpenParts): Promise<Store> {
  switch (store.kind) {
    case 'memory':
      return (await import('./store/memory.ts')).createMemoryStore()
    case 'sqlite':
      return (await import('./store/sqlite.ts')).openSqliteStore({ path: resolve(cwd, store.path) })
    case 'postgres':
      return (await import('./store/postgres.ts')).openPostgresStore({ url: store.url, instance, log })
  }
}

/** The file of rollbacks that are not stored yet. A store in memory forgets with the process, and so may its rollbacks. */
export function openSpill(directory: string | null): Pick<Spill, 'append' | 'read' | 'clear' | 'reserve'> {
  if (directory !== null) return createSpill({ path: join(directory, 'rollbacks.pending') })
  return { append: async () => {}, read: async () => [], clear: async () => {}, reserve: async () => {} }
}

/** What this machine knows of the state, for when the store does not answer or has lost it. Of one in memory there is nothing to know. */
export function openCopy(config: Pick<Config, 'store' | 'fleet'>, cwd: string, log: LogLine): Copy | null {
  const directory = directoryOf(config, cwd)
  if (directory === null) return null
  return createCopy({ path: join(directory, 'state.copy'), store: nameOf(config.store), log })
}

/** Tells stores apart, whoever logs in. */
function nameOf(store: Config['store']): string {
  if (store.kind === 'memory') return store.kind
  if (store.kind === 'sqlite') return `sqlite ${basename(store.path)}`
  const { hosts, database, schema } = parsePostgresUrl(store.url)
  return `postgres ${hosts.map(({ host, port }) => `${host}:${port}`).join(',')} ${database ?? ''} ${schema}`
}
