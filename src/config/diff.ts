// What differs between two configurations, leaf by leaf, as texts for people. Works on shown ones, so secrets stay `***`.

export interface Difference {
  /** JSON Pointer. */
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

/** Settings that are read when the process starts and at no other time. */
const AT_START = [
  '/proxy/listen',
  '/proxy/limits',
  '/proxy/timeouts',
  '/admin',
  '/health',
  '/sides',
  '/store',
  '/log',
  '/metrics',
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
    out.set(path, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return out
}

/** Routes are told apart by their id, so that one inserted in front is one difference. */
function keyOf(item: unknown): string | null {
  const id = typeof item === 'object' && item !== null ? (item as { id?: unknown }).id : null
  return typeof id === 'string' ? id : null
}
