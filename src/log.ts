// The log: pino, JSON lines or readable ones, and the access log with one line a request. Values that users send (query,
// cookies, headers, paths) are not in it: the route's template stands for them.
import { write, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import pino, { type DestinationStream, type Logger } from 'pino'
import type { PrettyOptions, prettyFactory } from 'pino-pretty'
import type { Exchange } from './model/exchange.ts'

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly access: boolean
  readonly format: 'json' | 'pretty'
  /** Tells replicas apart. */
  readonly instance: string
  /** Tells the processes of one instance apart; absent: there is only one. */
  readonly worker?: number
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
  const sink = createSink(fd, options.format === 'pretty')
  const said = (stream: DestinationStream) =>
    pino(
      {
        level: options.level,
        base: { instance: options.instance, ...(options.worker === undefined ? {} : { worker: options.worker }) },
        formatters: { level: label => ({ level: label }) },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      stream,
    )
  const logger = said(options.format === 'pretty' ? prettyOn(sink, {}) : sink)
  // An access line says all in its message; other lines keep their details.
  const accessLogger = options.format === 'pretty' ? said(prettyOn(sink, ACCESS)) : logger
  return {
    line(level, message, details) {
      logger[level](details ?? {}, message)
      // What is looked for after a crash.
      if (level === 'error') sink.flush()
    },
    access: options.access && logger.isLevelEnabled('info') ? accessLine(accessLogger) : null,
    flush: sink.flush,
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
        backend: exchange.backend,
        backendAddress: exchange.backendAddress,
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

/** An access line as people read it. */
function requestText(line: Record<string, unknown>): string {
  const failed = line.failure === undefined ? '' : ` ${line.failure}`
  const { method, template, status, route, side, reason, ms } = line
  return `${method} ${template ?? '(no route)'} ${status} ${route ?? ''} ${side ?? ''} (${reason ?? 'none'}) ${ms} ms${failed}`
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

const ACCESS: PrettyOptions = {
  ignore:
    'pid,hostname,instance,worker,method,route,template,status,side,reason,backend,backendAddress,ending,ms,backendMs,exchange,trace,failure,phase',
  messageFormat: line => requestText(line),
}

/** Of a CommonJS library that only readable lines need. */
const require = createRequire(import.meta.url)

function prettyOn(sink: Sink, more: PrettyOptions): DestinationStream {
  const { prettyFactory: factory } = require('pino-pretty') as { prettyFactory: typeof prettyFactory }
  const form = factory({
    colorize: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'hostname,instance,worker',
    ...more,
  })
  return { write: line => sink.write(form(line)) }
}

interface Sink extends DestinationStream {
  flush(): void
}

/**
 * A line of the access log must not cost a system call: written when this much waits, or after a while. No more than this at
 * once, either: so much goes into a pipe as one piece, whoever else writes to it.
 */
const ENOUGH = 4096
const EVERY_MS = 200
/** Characters that wait for a slow reader; lines beyond it are lost. */
const MOST_WAITING = 8 * 1024 * 1024
const AGAIN_MS = 50
const MOST_AGAIN = 20

/**
 * Lines on their way to a descriptor. A write that fails costs its lines and nothing else; the flush of pino's own
 * destination waits for ever for room on a full disk, and the whole process with it.
 */
function createSink(fd: number, atOnce: boolean): Sink {
  let lines: string[] = []
  let next = 0
  let waiting = 0
  let writing = false
  setInterval(pump, EVERY_MS).unref()

  function pump(): void {
    if (writing || waiting === 0) return
    writing = true
    writeFrom(take(), 0)
  }

  function take(): Buffer {
    let text = lines[next++] ?? ''
    while (next < lines.length && text.length + (lines[next] as string).length <= ENOUGH) text += lines[next++]
    if (next === lines.length || next > ENOUGH) {
      lines = lines.slice(next)
      next = 0
    }
    waiting -= text.length
    return Buffer.from(text)
  }

  function writeFrom(bytes: Buffer, from: number): void {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (mayTryAgain(error)) setTimeout(writeFrom, AGAIN_MS, bytes, from).unref()
      else if (error === null && from + written < bytes.length) writeFrom(bytes, from + written)
      else {
        writing = false
        if (waiting >= ENOUGH) pump()
      }
    })
  }

  /** False: given up, what is left is lost. */
  function writeAll(bytes: Buffer): boolean {
    for (let tries = 0, rest = bytes; rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(fd, rest))
      } catch (error) {
        if (!mayTryAgain(error) || ++tries > MOST_AGAIN) return false
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS)
      }
    }
    return true
  }

  function flush(): void {
    while (waiting > 0 && writeAll(take()));
  }

  return {
    write(line) {
      if (waiting + line.length > MOST_WAITING) return
      lines.push(line)
      waiting += line.length
      if (atOnce) flush()
      else if (waiting >= ENOUGH) pump()
    },
    flush,
  }
}

/** A pipe whose reader is slow. */
function mayTryAgain(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 'EAGAIN' || code === 'EBUSY'
}
