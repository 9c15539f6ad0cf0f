// Whether two instances are configured alike: a hash of all that decides how a request is served, secrets included. Where an
// instance listens, what it logs and how many processes it has is its own matter.
import { createHash } from 'node:crypto'
import type { Config } from './schema.ts'
import { written } from './shown.ts'

const OWN = ['admin', 'health', 'sides', 'fleet', 'log', 'metrics', 'store', 'watch', 'include'] as const
const OWN_OF_PROXY = ['listen', 'workers', 'tls'] as const

/** SHA-256, hex. */
export function fingerprintOf(config: Config): string {
  const whole = written(config) as Record<string, unknown> & { readonly proxy: Record<string, unknown> }
  const shared = without(whole, OWN)
  const text = JSON.stringify({ ...shared, proxy: without(whole.proxy, OWN_OF_PROXY) })
  return createHash('sha256').update(text).digest('hex')
}

function without(value: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)))
}
