// Large bodies through a proxy: what is asked of the process that transfers them, and what it reports.
import type { Framing } from './bodies.ts'
import type { Pids } from './core-use.ts'
import type { Timed } from './turns.ts'

/** Which way a body goes, and how its end is known. */
export interface Way {
  readonly direction: 'up' | 'down'
  readonly framing: Framing
}

export interface TransferRequest {
  readonly port: number
  readonly way: Way
  /** Of each body. */
  readonly bytes: number
  readonly warmupMs: number
  readonly measureMs: number
  readonly pids: Pids
}

export interface Transfers extends Timed {
  /** Whole and right, within `seconds`. */
  readonly bodies: number
  /** Warm-up included: has to be 0. */
  readonly wrong: number
  readonly firstWrong: string | null
}
