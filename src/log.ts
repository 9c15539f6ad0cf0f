// The log: pino, JSON lines or readable ones, and the access log with one line a request. Values that users send (query,
// cookies, headers, paths) are not in it: the route's template stands for them.
import pino, { type DestinationStream, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Exchange } from './model/exchange.ts'

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly access: boolean
  readonly format: 'json' | 'pretty'
  /** Tells replicas apart. */
  readonly instance: string
}

export type LogLine = (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void

export interface Log {
  readonly line: LogLine
  /** null: the access log is off. */
  readonly access: ((exchange: Exchange) => void) | null
  /** Writes what is buffered; before the process ends. */
  flush(): void
}

export function createLog(options: LogOptions, fd: number): Log {
  // Buffered: a line of the access log must not cost a system call. Errors are flushed at once.
  const file = pino.destination({ dest: fd, sync: options.format === 'pretty', minLength: 4096, periodicFlush: 200 })
  const stream: DestinationStream =
    options.format === 'pretty' ? pretty({ destination: file, colorize: true, ignore: 'pid,hostname' }) : file
  const logger = pino(
    {
      level: options.level,
      base: { instance: options.instance },
      formatters: { level: label => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    stream,
  )
  return {
    line(level, message, details) {
      logger[level](details ?? {}, message)
      if (level === 'error' && options.format === 'json') flush(file)
    },
    access: options.access && logger.isLevelEnabled('info') ? accessLine(logger) : null,
    flush: () => flush(file),
  }
}

function accessLine(logger: Logger): (exchange: Exchange) => void {
  return function access(exchange) {
    const { decision, failure } = exchange
    logger.info(
      {
        route: decision?.route.id ?? null,
        side: decision?.side ?? null,
        reason: decision?.reason ?? null,
        method: exchange.method,
        template: decision?.route.template ?? null,
        status: exchange.status,
        ending: exchange.ending,
        ms: round(exchange.totalMs),
        backendMs: exchange.backendMs === null ? null : round(exchange.backendMs),
        exchange: exchange.id,
        trace: exchange.traceId,
        ...(failure === null ? {} : { failure: failure.code, phase: failure.phase }),
      },
      'request',
    )
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** A stream that is not open yet, or closed already, has nothing to flush. */
function flush(file: ReturnType<typeof pino.destination>): void {
  try {
    file.flushSync()
  } catch {}
}
