// RFC 6901 JSON Pointers of many segments.
import { pointerKey } from '../pointer-key.ts'

export function pointerOf(tokens: readonly (string | number)[]): string {
  let pointer = ''
  for (const token of tokens) pointer += `/${typeof token === 'number' ? token : pointerKey(token)}`
  return pointer
}

export function tokensOf(pointer: string): readonly string[] {
  const segments = pointer.split('/').slice(1)
  return segments.map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}
