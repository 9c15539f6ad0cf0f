// What differs between two configurations, leaf by leaf, as texts for people. Works on shown ones, so secrets stay `***`.
import { createHash } from 'node:crypto'

export interface Difference {
  /** JSON Pointer. */
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

/** Settings that are read when the process starts and at no other time. */
const AT_START = [
  '/proxy/listen',
  '/admin',
  '/health',
  '/sides',
  '/store',
  '/log',
  '/metrics',
  '/telemetry',
  '/proxy/workers',
  '/fleet',
]

export function differences(before: unknown, after: unknown): readonly Difference[] {
  const left = leaves(before)
  const right = leaves(after)
  const paths = [...new Set([...left.keys(), ...right.keys()])].sort()
  return paths
    .filter(path => left.get(path) !== right.get(path))
    .map(path => ({ path, before: left.get(path) ?? null, after: right.get(path) ?? null }))
}

/** True: a reload takes note of it, and only a restart puts it in force. */
export function needsRestart(difference: Difference): boolean {
  // A renewed certificate is taken up; a listener that begins or ends to speak TLS is another one.
  if (difference.path.startsWith('/proxy/tls/')) return difference.before === null || difference.after === null
  return AT_START.some(path => difference.path === path || difference.path.startsWith(`${path}/`))
}

function leaves(value: unknown, path = '', out = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) leaves(item, `${path}/${keyOf(item) ?? i}`, out)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      leaves(item, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, out)
    }
  } else if (value !== undefined) {
    out.set(path, typeof value === 'string' ? folded(value) : JSON.stringify(value))
  }
  return out
}

/** Certificates and pages in one line, so that a change of them is seen and the rest still found. */
function folded(text: string): string {
  const [line = ''] = text.split('\n', 1)
  if (line === text) return text
  return `${line.slice(0, 80)} … (${Buffer.byteLength(text)} bytes, SHA-256 ${createHash('sha256').update(text).digest('hex').slice(0, 12)})`
}

/** Routes are told apart by their id, so that one inserted in front is one difference. */
function keyOf(item: unknown): string | null {
  const id = typeof item === 'object' && item !== null ? (item as { id?: unknown }).id : null
  return typeof id === 'string' ? id : null
}
