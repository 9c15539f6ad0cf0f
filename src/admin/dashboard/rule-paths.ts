// Places of a difference as a rule names them: JSON Pointers become JSONPaths (RFC 9535), headers and the status their words.
import type { SignatureAnswer } from '../api-compare.ts'

const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u

export function pathsOf({ differences }: SignatureAnswer): readonly string[] {
  return [
    ...new Set(
      differences.map(({ kind, path }) => {
        if (kind === 'status') return 'status'
        const keys = path
          .split('/')
          .slice(1)
          .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
        return kind === 'header' ? `header:${keys[0] ?? ''}` : `$${keys.map(stepOf).join('')}`
      }),
    ),
  ]
}

function stepOf(key: string): string {
  if (key === '*') return '[*]'
  if (key === '**') return '..*'
  return NAME.test(key) ? `.${key}` : `['${key.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']`
}
