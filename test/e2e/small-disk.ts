// A disk that is really full: a small file system in a mount namespace of its own. Needs no root where users may have namespaces.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { cannotRun } from '../store/child.ts'
import type { ApiAnswer, Banyan } from './harness.ts'

const isRoot = process.getuid?.() === 0
const namespace = isRoot ? ['unshare', '--mount'] : ['unshare', '--map-root-user', '--mount']
const enter = isRoot ? ['nsenter', '--mount'] : ['nsenter', '--user', '--preserve-credentials', '--mount']
const mountAt = (directory: string, mebibytes: number, then: string): [string, ...string[]] => {
  const script = `mount -t tmpfs -o size=${mebibytes}m,mode=700 tmpfs "$0" && ${then}`
  return [...(namespace as [string, string]), 'sh', '-c', script, directory]
}

/** Why `smallDisk` cannot be had here; false where it can. */
export const noMount = cannotRun(...mountAt(tmpdir(), 1, 'true')) || cannotRun('nsenter', '--version')

export interface SmallDisk {
  /** What runs under this has the disk at its directory; nobody else has. */
  readonly under: readonly string[]
  /** To the last byte, or leaving about so many. */
  fill(leaving?: number): void
  mend(): void
  /** A file's bytes; none where there is none. */
  read(name: string): string
}

/** At a directory that is made; a process of its own holds it. */
export async function smallDisk(t: Test, directory: string, mebibytes: number): Promise<SmallDisk> {
  mkdirSync(directory, { mode: 0o700 })
  const [command, ...args] = mountAt(directory, mebibytes, 'echo mounted && exec cat')
  const holder = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  const place = (name: string) => `/proc/${holder.pid}/root${directory}/${name}`
  const filler = place('filler')
  return {
    under: [...enter, '--target', String(holder.pid), 'sh', '-c', 'cd "$0" && exec "$@"', join(directory, '..')],
    fill(leaving = 0) {
      const { bavail, bsize } = statfsSync(place('.'))
      if (leaving > 0) return writeFileSync(filler, Buffer.alloc(bavail * bsize - leaving), { flag: 'a' })
      for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    },
    mend: () => rmSync(filler),
    read: name => (existsSync(place(name)) ? readFileSync(place(name), 'latin1') : ''),
  }
}

/**
 * Nothing goes into it any more. A store that was refused opens its file anew, and frees some space by that: what it freed is
 * taken, too. Returns the refusal of a weight of the route.
 */
export async function fillUp(disk: SmallDisk, banyan: Pick<Banyan, 'api'>, route: string): Promise<ApiAnswer> {
  for (let more = 2; ; more--) {
    disk.fill()
    const refused = await firstRefusal(banyan, route)
    if (more === 0) return refused
  }
}

/** Weights of the route are set until one is refused: a log that has space inside it takes some more. */
async function firstRefusal({ api }: Pick<Banyan, 'api'>, route: string): Promise<ApiAnswer> {
  for (let percent = 1; percent < 100; percent++) {
    const answer = await api('PUT', `/routes/${route}/weight`, { percent })
    if (answer.status !== 200) return answer
  }
  throw new Error('the full disk took everything')
}
