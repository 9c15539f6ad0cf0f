// The outcomes that many cases share: refused by the proxy, refused to the backend, cut, and served untouched.
import assert, { AssertionError } from 'node:assert'
import type { Answer, Client } from './client.ts'
import type { Field } from './message.ts'
import type { Received } from './received.ts'
import type { Scene } from './scene.ts'
import { excerpt } from './watched.ts'

/** One answer with one of these statuses, then the end; nothing of it reaches the backend, and others are served. */
export async function isRefused(
  scene: Scene,
  client: Client,
  statuses: readonly number[] = [400],
  method = 'GET',
): Promise<Answer> {
  const answer = await client.answer(method)
  assert.ok(
    statuses.includes(answer.status),
    `${statuses.join(' or ')} expected, not ${answer.status} ${answer.head.reason}`,
  )
  const rest = await client.closed()
  // Who cannot read a request may not know that it is a HEAD, whose refusal has no body.
  const body = method === 'HEAD' && rest.length === Number(answer.values('content-length')[0])
  assert.ok(rest === '' || body, `nothing follows the refusal: ${excerpt(rest)}`)
  await scene.victim()
  assert.deepEqual(scene.lines(), [], 'nothing of it reached the backend')
  return answer
}

/** The client gets 502 and none of the backend’s bytes; the upstream connection is destroyed; others are served. */
export async function isBadGateway(scene: Scene, client: Client, request: Received, foreign = 'EVIL'): Promise<Answer> {
  const answer = await client.answer(request.head.method)
  assert.equal(answer.status, 502, `502 expected, not ${excerpt(answer.head.raw)}`)
  await request.gone()
  await scene.victim()
  hasNothingOf(client, foreign)
  return answer
}

/** The client has the head already, so its connection is cut: no clean end, and nothing made up. */
export async function isCut(scene: Scene, client: Client, request: Received): Promise<Answer> {
  const answer = await client.head(request.head.method)
  assert.equal(await client.outcome(answer), 'cut', 'a body that the backend did not finish must not end cleanly')
  await request.gone()
  await scene.victim()
  return answer
}

export function hasNothingOf(client: Client, foreign: string): void {
  if (client.text.includes(foreign)) {
    throw new AssertionError({ message: `bytes that belong to nobody reached a client: ${excerpt(client.text)}` })
  }
}

/** These fields arrived just as they were sent: order, case, repetition, bytes. Fields of other names are not looked at. */
export function keptFields(got: readonly Field[], sent: readonly Field[]): void {
  const names = new Set(sent.map(([name]) => name.toLowerCase()))
  assert.deepEqual(
    got.filter(([name]) => names.has(name.toLowerCase())),
    sent,
  )
}

/** The same, where the case of names is another case's business. */
export function keptValues(got: readonly Field[], sent: readonly Field[]): void {
  const lower = (fields: readonly Field[]) => fields.map(([name, value]): Field => [name.toLowerCase(), value])
  keptFields(lower(got), lower(sent))
}

export function lacksFields(got: readonly Field[], names: readonly string[]): void {
  const found = got.filter(([name]) => names.some(one => one.toLowerCase() === name.toLowerCase()))
  assert.deepEqual(found, [], `${names.join(', ')} must not be passed on`)
}

export function fieldLines(fields: readonly Field[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
}
