// Runs store-child.ts and reads what it says, line by line.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

export type Words = readonly [string, ...(readonly unknown[])]

export interface Child {
  /** The next line; null when it has nothing more to say. */
  next(): Promise<Words | null>
  /** All lines that are left. */
  rest(): Promise<readonly Words[]>
  /** Resolves when it is gone. */
  kill(): Promise<void>
  /** Exit code, or the signal's name, and what it wrote to stderr. */
  readonly ended: Promise<{ readonly end: number | string; readonly stderr: string }>
}

export interface ChildOptions {
  /** A command that the child is run under, with its arguments. */
  readonly under?: readonly string[]
  readonly uid?: number
  /** sqlite.js or .ts to use instead of the sources'. */
  readonly from?: string
  /** store-child.ts by default. */
  readonly script?: URL
}

/** Arguments of `env`: this Node without the loaders that the test runner puts into every Node that is spawned. */
export const PLAIN_NODE = ['-u', 'NODE_OPTIONS', process.execPath] as const

export function startChild(t: Test, mode: string, path: string, options: ChildOptions = {}): Child {
  const script = fileURLToPath(options.script ?? new URL('./store-child.ts', import.meta.url))
  const [command, ...args] = [...(options.under ?? []), 'env', ...PLAIN_NODE, script, mode, path, options.from ?? '']
  const child = spawn(command!, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const closed = once(child, 'close')
  const ended = closed.then(([code, signal]) => ({ end: (code ?? signal) as number | string, stderr }))
  ended.catch(() => null)

  async function next(): Promise<Words | null> {
    const { value, done } = await lines.next()
    return done === true ? null : (JSON.parse(value) as Words)
  }

  async function rest(): Promise<readonly Words[]> {
    const all: Words[] = []
    for (let words = await next(); words !== null; words = await next()) all.push(words)
    return all
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await closed
  }

  t.teardown(kill)
  return { next, rest, kill, ended }
}

/** Why a command that a test needs does not work here; false when it does. Fits tap's `skip`. */
export function cannotRun(command: string, ...args: readonly string[]): string | false {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) return `${command} cannot be started here: ${error.message}`
  return status === 0 ? false : `${[command, ...args].join(' ')} does not work here: ${stderr.trim()}`
}
