// `banyan start`: configuration and flags become a running process; signals drain, reload and break the glass.
import { hostname } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { weaknessOf } from './admin/weak-token.ts'
import { type App, startApp } from './app.ts'
import type { StartOptions } from './cli/io.ts'
import { systemChance, systemClock } from './clock.ts'
import { readAddress, readOrigin } from './config/addresses.ts'
import { type ReadFile, readAnyBytes, readBytes } from './config/files.ts'
import { formatMistake } from './config/format.ts'
import { type Loaded, loadConfig, loadText } from './config/load.ts'
import { backendSchema } from './config/route-schema.ts'
import type { Config } from './config/schema.ts'
import { shown } from './config/shown.ts'
import { Wrong } from './config/values.ts'
import { type FileWatch, stampOf, watchFiles } from './config/watch.ts'
import { type Configured, configure, type Read } from './configured.ts'
import { createLog } from './log.ts'
import { BanyanError, type Mistake } from './model/errors.ts'
import type { Milliseconds } from './model/units.ts'

/** The same signal again within this is the same key press: a terminal signals the whole group, our own parent too. */
const ONE_PRESS_MS = 200

export interface StartIo {
  readonly stdout: { readonly isTTY?: boolean | undefined; readonly fd: number }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Runs until a signal ends it. 0: drained; 2: mistakes in the configuration. */
export async function start(options: StartOptions, io: StartIo): Promise<number> {
  const file = options.config ?? (options.legacy === null ? 'routes.yaml' : null)
  const watch = createWatch(options)
  const read = async (readMain: ReadFile) => {
    const outcome = await readConfigured(file, options, io, readMain)
    watch.follow(outcome)
    return outcome
  }
  const first = await read(readAnyBytes)
  if ('loaded' in first) {
    io.stderr.write(
      mistakesText(first.error.details.mistakes as Mistake[], first.loaded.texts, io.stderr.isTTY === true),
    )
    return 2
  }
  const signals = catchSignals()
  const app = await run(first.configured, io, file === null ? null : () => read(readBytes), signals.stopped).catch(
    error => {
      watch.close()
      if (!signals.stopped.aborted) throw error
      io.stderr.write(`banyan: stopped before it served: ${error.message}\n`)
      return null
    },
  )
  if (app === null) return 0
  watch.begin(app)
  const code = await untilStopped(app, signals, io)
  watch.close()
  return code
}

/** `stamps`: of all that was read, each from before. */
type Outcome = { readonly stamps: ReadonlyMap<string, string> } & (
  | { readonly configured: Configured }
  | { readonly loaded: Loaded; readonly error: BanyanError }
)

async function readConfigured(
  file: string | null,
  options: StartOptions,
  io: StartIo,
  readMain: ReadFile,
): Promise<Outcome> {
  const path = file === null ? null : isAbsolute(file) ? file : join(io.cwd, file)
  const stamps = new Map<string, string>()
  const before = (one: string) => {
    if (!stamps.has(one)) stamps.set(one, stampOf(one))
  }
  const loaded =
    path === null
      ? await loadText({ text: '{}', file: 'command line', interpolate: false })
      : await loadConfig({ file: path, env: io.env, before, readMain })
  try {
    const flagged: Read = loaded.config === null ? loaded : { ...loaded, config: withFlags(loaded.config, options) }
    return { stamps, configured: configure(flagged, shown, path, systemClock.now()) }
  } catch (error) {
    if (!(error instanceof BanyanError) || error.code !== 'invalid_config') throw error
    return { stamps, loaded, error }
  }
}

/** What the command line says wins over the file. */
function withFlags(config: Config, { legacy, listen }: StartOptions): Config {
  let flagged = config
  if (listen !== null)
    flagged = { ...flagged, proxy: { ...flagged.proxy, listen: said('--listen', readAddress(listen)) } }
  if (legacy !== null) {
    if (config.backends.legacy !== undefined) {
      throw new BanyanError('usage', 'backends.legacy is in the file already', { hint: 'leave --legacy out' })
    }
    const backend = backendSchema.parse({ url: said('--legacy', readOrigin(legacy)) })
    flagged = { ...flagged, backends: { ...flagged.backends, legacy: backend } }
  }
  return flagged
}

function said<T>(flag: string, value: T | Wrong): T {
  if (!(value instanceof Wrong)) return value
  throw new BanyanError('usage', `${flag}: ${value.message}`, value.hint === null ? {} : { hint: value.hint })
}

export function mistakesText(
  mistakes: readonly Mistake[],
  texts: ReadonlyMap<string, string>,
  colour: boolean,
): string {
  return mistakes.map(one => `${formatMistake(one, texts.get(one.file) ?? null, colour).join('\n')}\n`).join('')
}

/** Follows the files that were read last, also those of a configuration that was refused: there it is mended. */
function createWatch(options: StartOptions) {
  let app: App | null = null
  let watch: FileWatch | null = null
  let wanted = false
  let files: Outcome['stamps'] = new Map()

  function renew(): void {
    watch?.close()
    const onChange = () => void app?.reload('watch')
    watch = wanted && app !== null ? watchFiles({ files, onChange, log: () => {} }) : null
  }

  return {
    follow(outcome: Outcome): void {
      files = outcome.stamps
      if ('configured' in outcome) wanted = options.watch || outcome.configured.config.watch
      renew()
    },
    /** What has changed since it was read is told now. */
    begin(started: App): void {
      app = started
      renew()
    },
    close: () => watch?.close(),
  }
}

async function run(
  configured: Configured,
  io: StartIo,
  read: (() => Promise<Outcome>) | null,
  stopped: AbortSignal,
): Promise<App> {
  const { log: options } = configured.config
  const instance = io.env.BANYAN_INSTANCE ?? `${hostname()}-${process.pid}`
  const format = options.format === 'auto' ? (io.stdout.isTTY === true ? 'pretty' : 'json') : options.format
  const workerLog = { level: options.level, access: options.access === 'on', format, instance } as const
  const log = createLog(workerLog, io.stdout.fd)
  // Files that become variables end with a line.
  const adminToken = io.env.BANYAN_ADMIN_TOKEN?.trim() ?? null
  const weakness = adminToken === null ? null : weaknessOf(adminToken)
  if (weakness !== null) {
    throw new BanyanError('weak_token', `BANYAN_ADMIN_TOKEN ${weakness}`, {
      hint: 'make one: openssl rand -base64 32',
    })
  }
  process.on('uncaughtException', error => {
    log.line('error', 'uncaught exception: the process ends', { error: String(error.stack ?? error) })
    log.flush()
    process.exit(1)
  })
  const app = await startApp({
    configured,
    stopped,
    reread:
      read === null
        ? null
        : async () => {
            const again = await read()
            if ('configured' in again) return again.configured
            throw again.error
          },
    async check(text) {
      const loaded = await loadText({ text, file: 'text', interpolate: false })
      return configure(loaded, shown, null, systemClock.now())
    },
    log,
    workerLog,
    clock: systemClock,
    chance: systemChance,
    adminToken,
    instance,
    cwd: io.cwd,
    tokenMade(file, secret) {
      if (io.stderr.isTTY === true) io.stderr.write(`admin token (also in ${file}): ${secret}\n`)
      else log.line('info', `admin token written to ${file}`)
    },
  })
  const { proxy, admin, health, sides } = app.addresses
  log.line('info', `listening on ${app.listening}`, {
    pid: process.pid,
    url: proxy,
    admin,
    health,
    sides,
    store: configured.config.store.kind,
  })
  for (const warning of configured.warnings) log.line('warn', `${warning.path}: ${warning.message}`)
  return app
}

type Signal = 'stop' | 'reload' | 'break glass'

interface Signals {
  /** Hands over what came already, then each as it comes. */
  listen(take: (signal: Signal) => void): void
  /** Aborted when the first `stop` comes. */
  readonly stopped: AbortSignal
}

/** From the first moment on: a signal during the start must be remembered, not end the process. */
function catchSignals(): Signals {
  const came: Signal[] = []
  const stopped = new AbortController()
  let taker: ((signal: Signal) => void) | null = null
  let stoppedAt: Milliseconds | null = null
  const tell = (signal: Signal) => () => {
    if (signal === 'stop' && taker === null) {
      const now = systemClock.monotonic()
      stoppedAt ??= now
      // What hangs at the start hears of no end.
      if (now - stoppedAt > ONE_PRESS_MS) process.exit(1)
      stopped.abort()
    }
    if (taker === null) came.push(signal)
    else taker(signal)
  }
  process.on('SIGTERM', tell('stop'))
  process.on('SIGINT', tell('stop'))
  process.on('SIGHUP', tell('reload'))
  process.on('SIGUSR2', tell('break glass'))
  // Started by bin/banyan.js on another Node: without it nobody would forward signals to us.
  process.on('disconnect', tell('stop'))
  return {
    stopped: stopped.signal,
    listen(take) {
      taker = take
      for (const signal of came.splice(0)) take(signal)
    },
  }
}

function untilStopped(app: App, signals: Signals, io: StartIo): Promise<number> {
  return new Promise(resolve => {
    let asked: number | null = null
    const stop = () => {
      const now = systemClock.monotonic()
      if (asked === null) {
        asked = now
        app.stop({ drain: true }).then(() => resolve(0))
      } else if (now - asked > ONE_PRESS_MS) {
        io.stderr.write('banyan: ended at once\n')
        process.exit(1)
      }
    }
    signals.listen(signal => {
      if (signal === 'stop') stop()
      else if (signal === 'reload') void app.reload('SIGHUP')
      // A rollback is never refused; what could not be saved is in the log.
      else void app.breakGlass('SIGUSR2').catch(() => {})
    })
  })
}
