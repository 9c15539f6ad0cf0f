// The process face: hands the command line what it needs, and leaves with its exit code. What only some commands need is loaded
// when they need it: most of them are a client of the API, and should be as quick as one.
import { isAbsolute, join } from 'node:path'
import type { CliParts } from './cli/io.ts'
import { runCli } from './cli/main.ts'
import { VERSION } from './version.ts'

const cwd = process.cwd()
const io = { stdout: process.stdout, stderr: process.stderr, stdin: process.stdin, env: process.env, cwd }

const parts: CliParts = {
  version: VERSION,
  start: async options => (await import('./start.ts')).start(options, io),
  demo: async options => (await import('./demo.ts')).demo(options, io),
  schema: async () => (await import('./config/json-schema.ts')).jsonSchema(),
  async unsavedRollbacks(file) {
    const { readSpilled } = await import('./store/spill.ts')
    return readSpilled(file).then(
      all => all.length,
      () => null,
    )
  },
  async check(file, text) {
    const path = file === '-' || isAbsolute(file) ? file : join(cwd, file)
    const { env } = process
    const { loadConfig, loadText } = await import('./config/load.ts')
    const { compilePlan } = await import('./config/plan.ts')
    const { shown } = await import('./config/shown.ts')
    const { mistakesText } = await import('./start.ts')
    const loaded = await (text === undefined
      ? loadConfig({ file: path, env })
      : loadText({ text, file: path, env, interpolate: true }))
    const at = { file: path, loadedAt: Date.now(), place: loaded.place }
    const more = loaded.config === null ? [] : compilePlan(loaded.config, at).mistakes
    const mistakes = [...loaded.mistakes, ...more]
    const ok = !mistakes.some(mistake => mistake.level === 'error')
    const colour = process.stdout.isTTY === true && env.NO_COLOR === undefined
    return {
      ok,
      lines: mistakesText(mistakes, loaded.texts, colour),
      mistakes,
      shown: ok && loaded.config !== null ? shown(loaded.config) : null,
    }
  },
  differences: async (before, after) => (await import('./config/diff.ts')).differences(before, after),
  yaml: async (value, remarks, head) => (await import('./config/write-yaml.ts')).writeYaml(value, remarks, head),
}

/** A starter (bin/banyan.js, npx) hands on what the terminal sent to all of them: twice at once is once. */
const SAME_SIGNAL_MS = 500

function interrupts(): AbortSignal {
  const interrupted = new AbortController()
  let firstAt = Number.POSITIVE_INFINITY
  const interrupt = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (!interrupted.signal.aborted) {
      firstAt = now
      interrupted.abort()
      // A read that waits would keep the process.
      process.stdin.destroy()
    } else if (now - firstAt > SAME_SIGNAL_MS) {
      process.off(signal, interrupt)
      process.kill(process.pid, signal)
    }
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  return interrupted.signal
}

function atEnd(run: () => void): void {
  process.once('exit', run)
}

process.exitCode = await runCli(process.argv.slice(2), { ...io, parts, interrupts, atEnd })
// A drained server may leave timers of libraries behind; everything that matters is closed and flushed.
if (process.argv[2] === 'start' || process.argv[2] === 'demo') process.exit()
