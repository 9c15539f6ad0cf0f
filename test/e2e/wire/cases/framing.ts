// The matrix: every framing × every method × patterns of writing, each with victims.
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import { fieldLines, isRefused } from '../outcomes.ts'
import type { Scene } from '../scene.ts'
import { FRAMINGS, type FramingCase } from './framings.ts'
import { FIRST, isBroken, isForwarded, LAST, METHODS, methodsOf, type Pattern, type Played, write } from './play.ts'

/** Byte by byte is slow, and what it finds depends on the parser, not on the method. */
const BYTE_BY_BYTE = new Set(['GET', 'POST'])

export const framing: Case[] = group(
  'framing',
  Object.fromEntries(
    Object.entries(FRAMINGS).map(([key, one]) => [
      key,
      { title: titleOf(one), source: one.source, run: (scene: Scene) => everyMethod(scene, one) },
    ]),
  ),
)

function titleOf(one: FramingCase): string {
  const ends = {
    forwarded: 'forwarded for every method',
    refused: 'refused, whatever the method',
    either: 'forwarded as one body or refused',
    broken: 'cut before the backend has a whole body',
  }
  return `${one.title}: ${ends[one.expect]}`
}

async function everyMethod(scene: Scene, one: FramingCase): Promise<void> {
  await Promise.all(
    methodsOf(scene, METHODS).map(async method => {
      for (const pattern of patterns(method, one)) {
        try {
          await playOne(scene.scene(), one, method, pattern)
        } catch (error) {
          throw Object.assign(error as Error, { message: `${method}, ${pattern}: ${(error as Error).message}` })
        }
      }
    }),
  )
}

function patterns(method: string, one: FramingCase): Pattern[] {
  const list: Pattern[] = ['pipelined', 'whole']
  if (one.body !== '') list.push('head-then-body', 'inside-body')
  if (BYTE_BY_BYTE.has(method)) list.push('inside-head', 'bytes')
  return list
}

async function playOne(scene: Scene, one: FramingCase, method: string, pattern: Pattern): Promise<void> {
  const client = scene.client()
  const played: Played = {
    head:
      `${method} ${scene.path('/attack')} HTTP/${one.version ?? '1.1'}\r\nHost: a.test\r\n` +
      `${fieldLines(FIRST)}${one.fields}${fieldLines(LAST)}\r\n`,
    body: one.body,
    next: scene.get('/next'),
  }
  await write(client, played, pattern)
  const refuses = one.expect === 'refused' || (one.expect === 'either' && !(await isAccepted(scene, client, method)))
  if (refuses) await isRefused(scene, client, one.statuses, method)
  else if (one.expect === 'broken') await isBroken(scene, client)
  else {
    await isForwarded(scene, client, played, pattern, {
      method,
      data: one.data ?? '',
      framing: one.framing,
      trailers: one.trailers,
      kept: [...FIRST, ...LAST],
    })
  }
  client.end()
}

/** Looks at the status line without taking it. */
async function isAccepted(scene: Scene, client: import('../client.ts').Client, method: string): Promise<boolean> {
  const line = await scene.during(client.until(() => client.text.length >= 12 && client.text, `an answer to ${method}`))
  return line.startsWith('HTTP/1.1 200')
}
