// A backend's settings → the Backend that the data path reads.
import type { Backend, Profile, Quirk } from '../model/route.ts'
import type { NamedBackend } from './schema.ts'

/**
 * HTTP/1.0, bodies that end with the connection, and a 100 that nobody waits for are legal HTTP (RFC 9112, 2.3 and 6.3; RFC
 * 9110, 15.2): today's clients live with them too.
 */
const LEGAL: readonly Quirk[] = ['http-1.0', 'close-delimited', 'unsolicited-100']
/** Of a backend whose health is watched: without it, nothing says when an address came back. */
const SLOW_START_MS = 10_000

export function compileBackend(named: NamedBackend, profile: Profile): Backend {
  const { name, urls, host, timeouts, connections, tls, balance, health, maxConcurrent, queue, circuit, retry, wire } =
    named
  return {
    name,
    origins: urls,
    host: host === 'preserve' ? null : host,
    timeouts: {
      connectMs: timeouts.connect,
      headMs: timeouts.head,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
    },
    connections,
    tls: {
      verify: tls.verify,
      ca: tls.ca ?? null,
      servername: tls.servername ?? null,
      minVersion: tls.minVersion ?? null,
      ciphers: tls.ciphers ?? null,
      legacyRenegotiation: tls.legacyRenegotiation,
    },
    balance,
    health:
      health === null
        ? null
        : {
            path: health.path,
            intervalMs: health.interval,
            timeoutMs: health.timeout,
            healthyAfter: health.healthy,
            unhealthyAfter: health.unhealthy,
          },
    slowStartMs: named.slowStart ?? (health === null ? 0 : SLOW_START_MS),
    maxConcurrent,
    queue: { size: queue.size, waitMs: queue.wait },
    circuit:
      circuit === null
        ? null
        : {
            errorPercent: circuit.errors,
            minRequests: circuit.min,
            windowMs: circuit.window,
            openMs: circuit.open,
          },
    retry: { methods: new Set(retry.methods), budgetPercent: retry.budget },
    wire: {
      accept: new Set([...(profile === 'transparent' ? LEGAL : []), ...wire.accept]),
      version: wire.version,
      reuse: wire.reuse === 'always',
      bufferChunked: wire.chunkedRequests === 'buffer',
      bufferBytes: wire.bufferLimit,
    },
  }
}
