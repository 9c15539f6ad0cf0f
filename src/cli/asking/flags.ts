// Reads the values of the proof's own flags; what does not fit is refused with what is allowed.
import { InvalidArgumentError } from 'commander'
import { collectHeaders } from '../values.ts'

export const MIB = 1024 * 1024
/** What a request's framing and its connection are made of is not up to a flag. */
const OURS = [
  'host',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
]

export function readOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new InvalidArgumentError('Allowed: http://host:port or https://host:port.')
  }
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError("Credentials go into -H 'authorization: …'.")
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError(`Without a path: requests bring their own. Such as ${url.origin}.`)
  }
  return url
}

export function readHost(text: string): string {
  if (!/^[\w.-]+(?::\d{1,5})?$|^\[[\da-f:.]+\](?::\d{1,5})?$/i.test(text)) {
    throw new InvalidArgumentError('Allowed: a host, with or without a port, such as shop.example.com.')
  }
  return text
}

export function collectOwnHeaders(
  text: string,
  previous: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const headers = collectHeaders(text, previous)
  const name = headers.at(-1)![0].toLowerCase()
  if (name === 'host') throw new InvalidArgumentError('Host is given with --host.')
  if (OURS.includes(name)) throw new InvalidArgumentError(`Not to be given: ${OURS.join(', ')}.`)
  // Bytes as a terminal sends them; node:http writes one byte per character.
  return [...previous, [headers.at(-1)![0], Buffer.from(headers.at(-1)![1], 'utf8').toString('latin1')]]
}

export function readSize(text: string): number {
  const [, digits, unit] = /^(\d{1,9})\s?(B|KiB|MiB|GiB)?$/i.exec(text.trim()) ?? []
  const bytes = Number(digits) * ({ kib: 1024, mib: MIB, gib: 1024 * MIB }[(unit ?? 'b').toLowerCase()] ?? 1)
  if (!(bytes >= 1)) throw new InvalidArgumentError('Allowed: a size such as 64KiB or 16MiB.')
  return bytes
}
