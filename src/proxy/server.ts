// The data listener: takes connections, hands each request to the way of a request, and drains.
//
// It is node:http itself, not fastify: a proxy routes by its own table, forwards unknown methods and odd targets untouched,
// and writes the answer by itself, so nothing of a framework would be used (docs/decisions/003).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Limits } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'
import { accept, type Refused } from './accept.ts'
import { createLines } from './lines.ts'
import type { ProxyParts } from './parts.ts'
import type { Waiting } from './placement.ts'
import { problem, rawProblem, sendProblem } from './respond.ts'
import { type Door, Serving } from './serving.ts'
import { mayUpgrade, Tunnel } from './upgrade.ts'

/** Time for a client to read what it was refused with. */
const LINGER_MS = 2_000

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly limits: Limits
  /** A request's head must be complete within this. */
  readonly requestHeadMs: Milliseconds
  /** Idle connections are kept this long. */
  readonly keepAliveMs: Milliseconds
}

export interface ProxyServer {
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Sends every exchange that waits for the new side of a rolled-back route to legacy. Returns how many. */
  recall(): number
  inFlight(): number
  /** From now on answers close their connections. */
  beginDrain(): void
  /** Stops listening, lets in-flight work end, cuts what is left at the deadline. Returns how many were cut. */
  close(deadlineMs: Milliseconds): Promise<number>
}

export function createProxyServer(parts: ProxyParts, options: ListenerOptions): ProxyServer {
  const waiting: Waiting = new Set()
  const tunnels = new Set<Tunnel>()
  const lines = createLines()
  let inFlight = 0
  let draining = false
  let closing = false
  const door: Door = { draining: () => draining }

  function handle(req: IncomingMessage, res: ServerResponse): void {
    res.sendDate = false
    lines.enter(req.socket, () => begin(req, res))
  }

  function begin(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req
    try {
      const accepted = accept(parts, req)
      if ('refused' in accepted) {
        res.once('close', () => lines.leave(socket))
        refuse(parts, req, res, accepted)
        return
      }
      inFlight++
      const over = () => {
        inFlight--
        lines.leave(socket)
        // An answer whose head promised to stay is over: nothing holds its connection any more.
        if (closing) setImmediate(closeIdle)
      }
      new Serving(parts, waiting, accepted, { req, res, door, over }).begin()
    } catch (error) {
      // One request's exception is that request's 500, and nobody else's.
      parts.broken(error)
      if (res.headersSent) res.destroy()
      else sendProblem(res, problem('internal', 'something went wrong in the proxy', null), true)
    }
  }

  function handleUpgrade(req: IncomingMessage, socket: Duplex, early: Buffer): void {
    connections.delete(socket)
    // The server has let go of the socket: without a listener its error would end the process.
    socket.on('error', () => socket.destroy())
    try {
      upgrade(req, socket, early)
    } catch (error) {
      parts.broken(error)
      socket.destroy()
    }
  }

  function upgrade(req: IncomingMessage, socket: Duplex, early: Buffer): void {
    const accepted = accept(parts, req)
    if ('refused' in accepted) {
      endSoon(socket, rawProblem(problem(accepted.refused, accepted.detail, accepted.id)))
      return
    }
    const tunnel = new Tunnel(parts, waiting, accepted, { req, socket, early, over: done => tunnels.delete(done) })
    tunnels.add(tunnel)
    tunnel.begin()
  }

  const server: Server = createServer(
    {
      maxHeaderSize: options.limits.headBytes,
      headersTimeout: options.requestHeadMs,
      requestTimeout: 0,
      keepAliveTimeout: options.keepAliveMs,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
      shouldUpgradeCallback: mayUpgrade,
    } as Parameters<typeof createServer>[0],
    handle,
  )
  const connections = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  /** Node's own way takes an answer for over when its last byte was given to the socket, and cuts slow readers. */
  function closeIdle(): void {
    for (const socket of connections) if (!lines.isBusy(socket)) socket.destroy()
  }
  server.closeIdleConnections = closeIdle
  server.maxConnections = options.limits.connections
  server.on('upgrade', handleUpgrade)
  server.on('connect', (_req: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy())
    endSoon(socket, rawProblem(problem('method_refused', 'CONNECT is not forwarded', null)))
  })
  server.on('clientError', (error: Error, socket: Duplex) => {
    // Inside or before an answer that is under way, ours would be read as a part of it.
    if (lines.isBusy(socket)) socket.destroy()
    else answerClientError(error, socket)
  })

  return {
    listen() {
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
          server.off('error', reject)
          const address = server.address()
          resolve({
            host: options.host,
            port: typeof address === 'object' && address !== null ? address.port : options.port,
          })
        })
      })
    },
    recall() {
      let moved = 0
      for (const placement of [...waiting]) if (placement.recall()) moved++
      return moved
    },
    inFlight: () => inFlight + tunnels.size,
    beginDrain() {
      draining = true
    },
    close(deadlineMs) {
      draining = true
      closing = true
      return new Promise(resolve => {
        let cut = 0
        const deadline = setTimeout(() => {
          cut = inFlight + tunnels.size
          for (const tunnel of tunnels) tunnel.destroy()
          server.closeAllConnections()
        }, deadlineMs)
        server.close(() => {
          clearTimeout(deadline)
          resolve(cut)
        })
      })
    },
  }
}

function refuse(parts: ProxyParts, req: IncomingMessage, res: ServerResponse, refused: Refused): void {
  const answer = problem(refused.refused, refused.detail, refused.id)
  res.once('close', () => {
    parts.observe({
      id: refused.id,
      traceId: '',
      method: req.method ?? '',
      decision: null,
      status: answer.status,
      ending: res.writableFinished ? 'complete' : 'aborted',
      failure: null,
      totalMs: 0,
      backendMs: null,
      overheadMs: null,
      address: req.socket.remoteAddress ?? '',
    })
  })
  sendProblem(res, answer, true)
}

/** Bytes that Node's parser refuses, and heads that never end. */
function answerClientError(error: Error & { code?: string }, socket: Duplex): void {
  if (socket.destroyed || !socket.writable) return
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'head_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'bad_request'
  const details = {
    head_too_large: 'the request head is over the limit',
    request_timeout: 'the request head did not end in time',
  }
  const detail = code === 'bad_request' ? `the request is not valid HTTP (${error.code ?? 'unknown'})` : details[code]
  endSoon(socket, rawProblem(problem(code, detail, null)))
}

/** Says it and closes; a client that keeps its own half open does not keep ours. */
export function endSoon(socket: Duplex, last: string): void {
  socket.end(last)
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
