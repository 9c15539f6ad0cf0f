// A process in a mount namespace of its own, whose directory is a small disk: `node postgres-full-disk.ts full <directory>`. It
// starts a PostgreSQL there, fills the disk and says what the store said, one JSON array a line.
import { randomBytes } from 'node:crypto'
import { rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { BanyanError } from '../../src/model/errors.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { sampleState, save } from '../contracts/store.ts'
import { startPostgres } from './postgres-server.ts'

/** For the log of changes, which the server cannot do without. */
const LEFT_BYTES = 3 * 2 ** 20

const [, , , directory = ''] = process.argv
const endings: (() => unknown)[] = []
const server = await startPostgres({ teardown: (end: () => unknown) => endings.unshift(end) } as never, {
  within: directory,
})
const url = await server.database()
const store = await openPostgresStore({ url, instance: 'a', log() {} })
const filler = join(directory, 'filler')

await saveBig(1)
say('acknowledged', 1)
const { bavail, bsize } = statfsSync(directory)
writeFileSync(filler, Buffer.alloc(bavail * bsize - LEFT_BYTES))
let revision = 1
const acknowledged = [1]
for (let refused = 0; refused < 2; )
  try {
    const stored = (await store.load())?.revision ?? 0
    revision = stored + 1
    await saveBig(revision)
    acknowledged.push(revision)
  } catch (error) {
    const { code, hint } = error as BanyanError
    say('refused', code, hint !== null)
    refused++
  }
rmSync(filler)
for (let attempt = 0; ; attempt++)
  try {
    revision = ((await store.load())?.revision ?? 0) + 1
    await saveBig(revision)
    acknowledged.push(revision)
    say('acknowledged', revision)
    break
  } catch (error) {
    // A server that has lost the log of changes ends; nobody but its operator starts it again.
    if (attempt === 20) throw error
    if (attempt === 5) await server.start().catch(() => null)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
const { ok } = await store.verifyAudit()
const stored = (await store.audit({ limit: 1_000, before: null })).map(entry => entry.revision)
say('verified', ok, acknowledged.every(one => stored.includes(one)) && new Set(stored).size === stored.length)
await store.close()
for (const end of endings) await end()

/** It cannot be compressed. */
function saveBig(to: number) {
  return save(store, to, { state: { ...sampleState(to), seed: randomBytes(300_000).toString('base64') } })
}

function say(...words: readonly unknown[]): void {
  writeSync(1, `${JSON.stringify(words)}\n`)
}
