// A backend's settings → the Backend that the data path reads.
import type { Backend, Quirk } from '../model/route.ts'
import type { NamedBackend } from './schema.ts'

/** HTTP/1.0 and bodies that end with the connection are legal HTTP (RFC 9112, 2.3 and 6.3): today's clients get them too. */
const LEGAL: readonly Quirk[] = ['http-1.0', 'close-delimited']

export function compileBackend(named: NamedBackend, profile: 'transparent' | 'standard'): Backend {
  return {
    name: named.name,
    origins: [named.url],
    host: named.host === 'preserve' ? null : named.host,
    timeouts: {
      connectMs: named.timeouts.connect,
      headMs: named.timeouts.head,
      idleMs: named.timeouts.idle,
      totalMs: named.timeouts.total,
    },
    connections: named.connections,
    tls: {
      verify: named.tls.verify,
      ca: named.tls.ca ?? null,
      servername: named.tls.servername ?? null,
      minVersion: null,
      ciphers: null,
      legacyRenegotiation: false,
    },
    balance: { kind: 'least' },
    health: null,
    slowStartMs: 0,
    maxConcurrent: null,
    queue: { size: 200, waitMs: 2000 },
    circuit: null,
    retry: { methods: new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']), budgetPercent: 20 },
    wire: {
      accept: new Set(profile === 'transparent' ? LEGAL : []),
      version: '1.1',
      reuse: true,
      bufferChunked: false,
      bufferBytes: 16 * 2 ** 20,
    },
  }
}
