// What processes and cores have done so far, as Linux counts it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** User and system ticks of a process with all its threads, from the text of /proc/<pid>/stat. */
export function ticksOf(stat: string): number {
  // The command's name stands in parentheses and may hold anything, so fields are counted from the last one on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/**
 * Ticks in which a core was not idle, from the text of /proc/stat. Interrupts count: most are network work that was done, and
 * charged, in the middle of some process. So does what the machine's host took away.
 */
export function coreTicksOf(stat: string, core: number): number {
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = fieldsOf(stat, core)
  return [user, nice, system, irq, softirq, steal].reduce<number>((sum, one) => sum + (one ?? 0), 0)
}

/** Of those, the ones in which the machine's host let the core wait although it had work. */
export function stolenTicksOf(stat: string, core: number): number {
  return fieldsOf(stat, core)[7] ?? 0
}

function fieldsOf(stat: string, core: number): readonly number[] {
  const line = stat.split('\n').find(one => one.startsWith(`cpu${core} `))
  if (line === undefined) throw new Error(`no core ${core} in /proc/stat`)
  return line.split(/\s+/).slice(1).map(Number)
}

let ticksPerSecond: number | null = null

function perSecond(): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return ticksPerSecond
}

/** Seconds of CPU that these processes have used since they began. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map(pid => ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  return ticks.reduce((sum, one) => sum + one, 0) / perSecond()
}

/** Seconds that a core has been busy, with whatever it was, since the machine began. */
export function coreSeconds(core: number): number {
  return coreTicksOf(readFileSync('/proc/stat', 'utf8'), core) / perSecond()
}

/** Seconds for which a core was kept waiting by the host, since the machine began. */
export function stolenSeconds(core: number): number {
  return stolenTicksOf(readFileSync('/proc/stat', 'utf8'), core) / perSecond()
}

/** The processes that a process has started and that still run. */
export function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
