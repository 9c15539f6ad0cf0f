// The matrix of Connection: what a client names there is dropped, unless dropping it would change who asks, for what, or
// where the body ends.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { fieldLines, isRefused, lacksFields } from '../outcomes.ts'
import type { Scene } from '../scene.ts'
import { FIRST, isForwarded, methodsOf, type Pattern, write } from './play.ts'

/** Naming one of these must not take it away; refusing the request is as good. */
const PROTECTED = [
  'content-length',
  'Transfer-Encoding',
  'host',
  'x-forwarded-for',
  'X-Forwarded-Proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
]

/** Naming one of these drops it; some are never passed on anyway. */
const DROPPED: Readonly<Record<string, string>> = {
  'X-Named': 'gone',
  cookie: 'a=b',
  accept: 'text/html',
  'keep-alive': 'timeout=5',
  te: 'gzip',
  trailer: 'X-Sum',
  'proxy-connection': 'keep-alive',
  'if-match': '"x"',
}

/** Lists as people and attackers write them. */
const LISTS: Readonly<Record<string, string>> = {
  blanks: 'Connection: ,, ,x-hop ,\t close-not\r\n',
  'several-lines': 'Connection: keep-alive\r\nConnection: x-hop\r\nconnection: content-length, transfer-encoding\r\n',
  'names-itself': 'Connection: connection, x-hop\r\n',
  'close-and-length': 'Connection: keep-alive, Content-Length, X-Hop\r\n',
  'long-list': `Connection: ${Array.from({ length: 500 }, (_, at) => `x-n${at}`).join(', ')}, x-hop\r\n`,
}

const BODIES = {
  none: { fields: '', body: '', data: '' },
  length: { fields: 'Content-Length: 5\r\n', body: 'hello', data: 'hello' },
  chunked: { fields: 'Transfer-Encoding: chunked\r\n', body: '5\r\nhello\r\n0\r\n\r\n', data: 'hello' },
} as const

const MANAGED = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'BREW']
const PATTERNS: readonly Pattern[] = ['pipelined', 'head-then-body']

export const nominated: Case[] = group('connection', {
  ...drafts(PROTECTED, name => ({
    title: `Connection: ${name} cannot strip it, whatever the method and framing`,
    source: ['row:connection-named', 'rule:10', 'advisory:connection-strips'],
    run: scene => everyWay(scene, `Connection: ${name}\r\n`, true),
  })),
  ...drafts(Object.keys(DROPPED), name => ({
    title: `Connection: ${name} drops ${name} and nothing else, and no framing with it`,
    source: ['row:connection-named', 'rule:10'],
    run: scene => everyWay(scene, `Connection: ${name}\r\n${name}: ${DROPPED[name]}\r\n`, false, [name]),
  })),
  ...drafts(Object.keys(LISTS), key => ({
    title: `a list in Connection (${key}): what it names is dropped, framing and identity stay`,
    source: ['row:connection-named', 'rule:10'],
    run: scene => everyWay(scene, LISTS[key] ?? '', true),
  })),
})

function drafts(keys: readonly string[], draft: (key: string) => Draft): Record<string, Draft> {
  return Object.fromEntries(keys.map(key => [key.toLowerCase(), draft(key)]))
}

async function everyWay(scene: Scene, connection: string, refusable: boolean, gone: readonly string[] = []) {
  await Promise.all(
    methodsOf(scene, METHODS).map(async method => {
      for (const body of Object.values(BODIES)) {
        for (const pattern of PATTERNS) {
          const inner = scene.scene()
          await playOne(inner, connection, method, body, pattern, refusable)
          for (const request of inner.received) lacksFields(request.head.fields, gone)
        }
      }
    }),
  )
}

/** Which of them this proxy adds of its own accord. */
async function managedBy(scene: Scene): Promise<string[]> {
  const plain = scene.scene()
  await plain.ok(plain.get())
  const request = await plain.request()
  return MANAGED.filter(name => request.values(name).length > 0)
}

async function playOne(
  scene: Scene,
  connection: string,
  method: string,
  { fields, body, data }: (typeof BODIES)[keyof typeof BODIES],
  pattern: Pattern,
  refusable: boolean,
): Promise<void> {
  const client = scene.client()
  const head =
    `${method} ${scene.path('/attack')} HTTP/1.1\r\n${connection}Host: named.test\r\n${fieldLines(FIRST)}` +
    `X-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nX-Hop: secret\r\n${fields}\r\n`
  await write(client, { head, body, next: scene.get('/next') }, pattern)
  const line = await client.until(() => client.text.length >= 12 && client.text, `an answer to ${method}`)
  if (refusable && !line.startsWith('HTTP/1.1 200')) {
    await isRefused(scene, client, [400], method)
    return
  }
  const expected = { method, data, framing: undefined, kept: FIRST }
  await isForwarded(scene, client, { head, body, next: scene.get('/next') }, pattern, expected)
  client.end()
  const [attack] = scene.received
  assert.ok(attack)
  assert.equal(attack.values('host').length, 1, 'Host was not stripped')
  for (const name of await managedBy(scene)) {
    const values = attack.values(name)
    assert.equal(values.length, 1, `${name}, which the proxy adds, was stripped or is there twice`)
    assert.ok(!values[0]?.includes('9.9.9.9'), `${name}: what the client says of itself was believed`)
  }
  if (/x-hop/i.test(connection)) lacksFields(attack.head.fields, ['x-hop'])
  const passed = attack.values('connection').join(',').toLowerCase()
  assert.ok(
    !/content-length|transfer-encoding|x-|host|forwarded/.test(passed),
    `Connection is rebuilt, not copied: ${passed}`,
  )
}
