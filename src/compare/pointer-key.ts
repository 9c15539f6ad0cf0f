// One segment of a JSON Pointer (RFC 6901).

export function pointerKey(name: string): string {
  return name.includes('~') || name.includes('/') ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name
}
