// The first admin token: made when nobody gave one, written where only this user can read it.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createSecret, hashOf } from './admin/access.ts'
import type { Control } from './control/control.ts'
import type { Actor } from './model/control.ts'
import type { Clock } from './model/units.ts'
import { makeDirectory } from './store/directory.ts'

const SYSTEM: Actor = { name: 'system', tokenId: null, address: null }
const ID = 'tok-first'
/** Shorter texts are no token of ours. */
const SHORTEST = 16

export interface FirstTokenOptions {
  readonly control: Control
  readonly clock: Clock
  /** Beside the store; null for a store in memory: `.banyan` below `cwd`. */
  readonly directory: string | null
  readonly cwd: string
  /** Other instances are on the same store: what one of them has made is not undone here. */
  readonly isShared: boolean
  /** Told once, with the secret of a token that was made. */
  readonly made: (file: string, secret: string) => void
}

/** Its hash is kept in the store. Nothing is done while its file is there too, or somebody has another admin token. */
export async function ensureFirstToken({
  control,
  clock,
  directory,
  cwd,
  isShared,
  made,
}: FirstTokenOptions): Promise<void> {
  const file = join(directory ?? resolve(cwd, '.banyan'), 'admin.token')
  const { tokens } = control.state()
  const now = clock.now()
  const admins = tokens.filter(one => one.scopes.includes('admin') && (one.expiresAt === null || one.expiresAt > now))
  if (admins.some(one => one.id !== ID || isShared)) return
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : null
  const known = tokens.find(one => one.id === ID)
  if (known !== undefined) {
    if (found !== null && hashOf(found) === known.hash) return
    // Its secret is nowhere any more, or another one lies in its place.
    await control.apply({ type: 'revoke-token', id: ID, actor: SYSTEM, reason: 'its file is gone, or another one' })
  }
  // A file that is there is never written over: its token may be in use, and only this user can have put it there.
  const adopted = found !== null && found.length >= SHORTEST ? found : null
  const secret = adopted ?? createSecret()
  if (adopted === null) {
    makeDirectory(dirname(file))
    writeFileSync(file, `${secret}\n`, { mode: 0o600 })
    chmodSync(file, 0o600)
  }
  const token = {
    id: ID,
    name: 'first-token',
    hash: hashOf(secret),
    scopes: ['admin' as const],
    routes: null,
    createdAt: now,
    expiresAt: null,
  }
  await control.apply({
    type: 'create-token',
    token,
    actor: SYSTEM,
    reason: adopted === null ? 'no token was given' : 'found beside the store',
  })
  if (adopted === null) made(file, secret)
}
