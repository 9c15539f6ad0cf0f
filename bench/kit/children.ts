// The processes of a bench: started on a chosen core, watched, asked questions, and ended by their own ids.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

/** The proxy has its core for itself; load generator and origins share the other one. */
export const PROXY_CORE = 0
export const LOAD_CORE = 1

const PATIENCE_MS = 15_000
/** Of a process's stderr, kept for the message when it fails. */
const KEPT_CHARS = 4_000

export interface ChildOptions {
  /** null: not pinned, its threads and what it starts go where there is room. */
  readonly core: number | null
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** File that takes the process's stdout; absent: thrown away. */
  readonly stdout?: string
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** Throws, with what the process said last, when it has ended. */
  mustRun(): void
  stop(): Promise<void>
}

/** A process that answers by `answerParent`. */
export interface Answering extends Child {
  /** Fails when the process ends, throws, or takes longer. */
  ask<Answer>(question: object | string, timeoutMs: number): Promise<Answer>
}

export interface Children {
  /** A program by its command line. */
  start(name: string, command: readonly string[], options: ChildOptions): Child
  /** A TypeScript file of this bench, that answers questions. `file` is relative to bench/; `flags` are for Node. */
  startFile(name: string, file: string, core: number, flags?: readonly string[]): Answering
  /** Ends everything that is still running; later starts are refused. */
  stopAll(): Promise<void>
}

interface Reply {
  readonly id: number
  readonly answer?: unknown
  readonly error?: string
}

/** A process that does not end within `patienceMs` after SIGTERM is killed. */
export function createChildren(patienceMs = PATIENCE_MS): Children {
  const running = new Set<Child>()
  let stopping = false

  function launch(name: string, command: readonly string[], options: ChildOptions, speaks: boolean): Answering {
    if (stopping) throw new Error(`the bench is ending: ${name} was not started`)
    const [program, ...args] = pinned(command, options.core)
    const out = options.stdout === undefined ? 'ignore' : openSync(options.stdout, 'a')
    const started = spawn(program as string, args, {
      stdio: speaks ? ['ignore', out, 'pipe', 'ipc'] : ['ignore', out, 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const child = watch(name, started, patienceMs, () => running.delete(child))
    running.add(child)
    return child
  }

  return {
    start: (name, command, options) => launch(name, command, options, false),
    startFile(name, file, core, flags = []) {
      const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
      return launch(name, [process.execPath, ...flags, path], { core }, true)
    },
    async stopAll() {
      stopping = true
      await Promise.all([...running].map(child => child.stop()))
    },
  }
}

/** taskset replaces itself by the program, so the process id is the program's. */
function pinned(command: readonly string[], core: number | null): readonly string[] {
  return core !== null && canPin() ? ['taskset', '-c', String(core), ...command] : command
}

let pinning: boolean | null = null

/** False where there is no taskset or only one core: figures are then of a shared core, and the output says so. */
export function canPin(): boolean {
  pinning ??= cpus().length > LOAD_CORE && spawnSync('taskset', ['-c', String(LOAD_CORE), 'true']).status === 0
  return pinning
}

function watch(name: string, child: ChildProcess, patienceMs: number, gone: () => void): Answering {
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>()
  let said = ''
  let ended: string | null = null
  let count = 0

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_CHARS)
  })
  child.on('message', (reply: Reply) => {
    const asker = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (reply.error === undefined) asker?.resolve(reply.answer)
    else asker?.reject(new Error(`${name}: ${reply.error}`))
  })
  const over = new Promise<void>(resolve => {
    const end = (how: string) => {
      if (ended !== null) return
      ended = how
      for (const asker of waiting.values()) asker.reject(lost())
      gone()
      resolve()
    }
    child.once('error', error => end(error.message))
    child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `ended by ${signal}`))
  })

  function lost(): Error {
    return new Error(`${name} ended (${ended})${said === '' ? '' : `:\n${said.trimEnd()}`}`)
  }

  return {
    name,
    pid: child.pid ?? -1,
    ask<Answer>(question: object | string, timeoutMs: number) {
      return new Promise<Answer>((resolve, reject) => {
        if (ended !== null) return reject(lost())
        const id = ++count
        const timer = setTimeout(() => settle(new Error(`${name} did not answer within ${timeoutMs} ms`)), timeoutMs)
        function settle(error: Error | null, answer?: unknown): void {
          clearTimeout(timer)
          waiting.delete(id)
          if (error === null) resolve(answer as Answer)
          else reject(error)
        }
        waiting.set(id, { resolve: answer => settle(null, answer), reject: settle })
        child.send({ id, question }, error => {
          if (error !== null) settle(error)
        })
      })
    },
    mustRun() {
      if (ended !== null) throw lost()
    },
    async stop() {
      if (ended !== null || child.pid === undefined) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      await over
      clearTimeout(timer)
    },
  }
}

/** The other half of `Child.ask`, in the child: answers until the parent is gone, and goes with it. */
export function answerParent(answer: (question: never) => unknown): void {
  process.on('message', async ({ id, question }: { readonly id: number; readonly question: never }) => {
    try {
      process.send?.({ id, answer: (await answer(question)) ?? null })
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole group: the parent decides when this process has done its work.
  process.on('SIGINT', () => {})
}
