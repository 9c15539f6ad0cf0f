// Memory of processes, as Linux counts it: what is resident now, and the peak since a moment of our choice.
import { readFileSync, writeFileSync } from 'node:fs'

/** A field of /proc/<pid>/status, in bytes. `VmRSS` is now, `VmHWM` the peak. */
export function bytesIn(status: string, field: 'VmRSS' | 'VmHWM'): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error(`no ${field} in /proc/<pid>/status`)
  return Number(kib) * 1024
}

export function residentBytes(pids: readonly number[]): number {
  return sum(pids, 'VmRSS')
}

/** From now on `peakBytes` tells the most that was resident. */
export function forgetPeak(pids: readonly number[]): void {
  // 5 is proc(5)'s number for it.
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

export function peakBytes(pids: readonly number[]): number {
  return sum(pids, 'VmHWM')
}

function sum(pids: readonly number[], field: 'VmRSS' | 'VmHWM'): number {
  return pids.reduce((bytes, pid) => bytes + bytesIn(readFileSync(`/proc/${pid}/status`, 'utf8'), field), 0)
}
