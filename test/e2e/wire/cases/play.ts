// Plays one request of a matrix: writes it in a pattern, with a victim behind it on the same connection and one on a new
// connection, and holds that the backend got exactly what the client sent.
import assert from 'node:assert'
import { setImmediate as turn } from 'node:timers/promises'
import type { Client } from '../client.ts'
import type { Field } from '../message.ts'
import { keptValues } from '../outcomes.ts'
import type { Scene } from '../scene.ts'

export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'BREW',
] as const

export function methodsOf(scene: Scene, methods: readonly string[]): string[] {
  return methods.filter(method => !scene.stage.without.includes(method))
}

export type Pattern = 'whole' | 'pipelined' | 'head-then-body' | 'inside-body' | 'inside-head' | 'bytes'

export interface Played {
  readonly head: string
  readonly body: string
  /** The victim behind it. */
  readonly next: string
}

/** Fields that every request of a matrix carries, around those that it tries. */
export const FIRST: readonly Field[] = [
  ['X-First', '1'],
  ['Authorization', 'Basic eDp5'],
]
export const LAST: readonly Field[] = [
  ['x-last', '\xe9'],
  ['X-First', '2'],
]

/** Writes it; `next` goes out with it only in the pipelined pattern. */
export async function write(client: Client, { head, body, next }: Played, pattern: Pattern): Promise<void> {
  for (const piece of pieces(head, body, next, pattern)) {
    await client.send(piece)
    await turn()
  }
}

function pieces(head: string, body: string, next: string, pattern: Pattern): string[] {
  switch (pattern) {
    case 'whole':
      return [head + body]
    case 'pipelined':
      return [head + body + next]
    case 'head-then-body':
      return [head, body]
    case 'inside-body':
      return [head + body.slice(0, 1), body.slice(1)]
    case 'inside-head':
      return [head.slice(0, head.length / 2), head.slice(head.length / 2) + body]
    case 'bytes':
      return [...(head + body)]
  }
}

export interface Expected {
  readonly method: string
  readonly data: string
  /** Undefined: any that carries the data. */
  readonly framing?: string | undefined
  readonly trailers?: readonly Field[] | undefined
  readonly kept: readonly Field[]
}

/** It was answered; the victims get their own answers, and the backend got these two requests and no third. */
export async function isForwarded(scene: Scene, client: Client, played: Played, pattern: Pattern, expected: Expected) {
  await scene.isServed(client, '/attack', expected.method)
  if (pattern !== 'pipelined') await client.send(played.next)
  await scene.isServed(client, '/next')
  await scene.victim()
  assert.deepEqual(scene.lines(), [`${expected.method} ${scene.path('/attack')}`, `GET ${scene.path('/next')}`])
  const [attack] = scene.received
  assert.ok(attack)
  assert.equal(attack.body.data, expected.data, 'the body at the backend')
  if (expected.framing !== undefined) assert.equal(attack.head.framing.kind, expected.framing, 'the framing kept')
  if (expected.trailers !== undefined) keptValues(attack.body.trailers, expected.trailers)
  keptValues(attack.head.fields, expected.kept)
}

/** The head was fine and the body was not: the client is told or cut, and the backend never has a complete request. */
export async function isBroken(scene: Scene, client: Client): Promise<void> {
  await client.closed()
  assert.ok(!client.text.startsWith('HTTP/1.1 200'), 'a broken body must not be answered as if it were whole')
  await scene.victim()
  assert.ok(scene.received.length <= 1, `one request at most: ${scene.lines().join(', ')}`)
  for (const request of scene.received) {
    await request.gone()
    assert.ok(!request.body.done, 'the backend must not take the body for complete')
  }
}
