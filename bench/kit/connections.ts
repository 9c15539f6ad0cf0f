// Which process holds how many of a port's connections, as Linux lists sockets.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const ESTABLISHED = '01'

/** Inodes of the established IPv4 connections that came to a port, from the text of /proc/net/tcp. */
export function inodesAt(port: number, tcp: string): ReadonlySet<string> {
  const inodes = new Set<string>()
  for (const line of tcp.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    if (state === ESTABLISHED && Number.parseInt(local.split(':')[1] ?? '', 16) === port) inodes.add(inode)
  }
  return inodes
}

/** One number for each process. Connections that nobody has accepted yet are in none. */
export function connectionsOf(pids: readonly number[], port: number): readonly number[] {
  const inodes = inodesAt(port, readFileSync('/proc/net/tcp', 'utf8'))
  return pids.map(pid => {
    const held = readdirSync(`/proc/${pid}/fd`).map(fd => linkOf(`/proc/${pid}/fd/${fd}`))
    return held.filter(link => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')).length
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // It was closed meanwhile.
    return ''
  }
}
