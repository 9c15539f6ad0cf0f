// What a field's name is to a proxy: its class in any spelling, who may nominate it, and that inventing names costs nothing.
import t from 'tap'
import { isToken, type Kind, knownAs, LOOP_HEADER } from '../../src/wire/names.ts'

const CLASSES: Readonly<Record<string, Kind>> = {
  Accept: 'plain',
  __proto__x: 'plain',
  'Proxy-Connection': 'hop',
  'Proxy-Authorization': 'hop',
  'Proxy-Authenticate': 'hop',
  'Keep-Alive': 'keep-alive',
  TE: 'te',
  'Transfer-Encoding': 'coding',
  Connection: 'connection',
  Upgrade: 'upgrade',
  Host: 'host',
  'Content-Length': 'length',
  'X-Forwarded-For': 'forwarded',
  'X-Forwarded-Proto': 'forwarded',
  'X-Forwarded-Host': 'forwarded',
  'X-Forwarded-Port': 'forwarded',
  'X-Real-IP': 'forwarded',
  Forwarded: 'forwarded',
  X_Forwarded_For: 'twin',
  'X.Real.IP': 'twin',
  'X-Forwarded_Host': 'twin',
  'x_banyan-loop': 'twin',
  X_Forwarded_Server: 'plain',
  Content_Length: 'plain',
  Cookie: 'cookie',
  'Set-Cookie': 'set-cookie',
  Expect: 'expect',
  Trailer: 'trailer',
  Traceparent: 'trace',
  [LOOP_HEADER]: 'loop',
  Location: 'location',
  'Content-Location': 'location',
  'WWW-Authenticate': 'challenge',
  Authorization: 'challenge',
  'Cache-Control': 'cache',
  ETag: 'etag',
  'Content-Type': 'type',
  'Content-Encoding': 'encoding',
  Expires: 'age',
  'Last-Modified': 'age',
}

t.test('every class, in every spelling', async t => {
  for (const [name, kind] of Object.entries(CLASSES)) {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      t.equal(knownAs(spelling).kind, kind, spelling)
      t.equal(knownAs(spelling).lower, name.toLowerCase(), spelling)
      t.equal(knownAs(spelling), knownAs(spelling), `${spelling} is found again`)
    }
  }
  for (const name of ['__proto__', 'constructor', 'toString']) t.equal(knownAs(name).kind, 'plain', name)
})

t.test('nobody removes framing, Host or what is ours by naming it in Connection', async t => {
  for (const name of ['Host', 'Content-Length', 'Transfer-Encoding', 'X-Forwarded-For', LOOP_HEADER, 'Set-Cookie']) {
    t.equal(knownAs(name).isProtected, true, name)
  }
  for (const name of ['Accept', 'Keep-Alive', 'Cookie', 'X-Mine']) t.equal(knownAs(name).isProtected, false, name)
})

t.test('every byte: a token or none (RFC 9110, 5.6.2)', async t => {
  const tokens = new Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  const wrong: number[] = []
  for (let code = 0; code < 256; code++) {
    const name = `a${String.fromCharCode(code)}`
    if (isToken(name) !== tokens.has(name.charAt(1)) || knownAs(name).isToken !== isToken(name)) wrong.push(code)
  }
  t.same(wrong, [])
  t.equal(isToken(''), false)
  t.equal(isToken('a\n'), false, 'no line end is overlooked')
})

t.test('names that clients invent are classed all the same, and not kept', async t => {
  for (let i = 0; i < 10_000; i++) knownAs(`x-invented-${i}`)
  t.not(knownAs('x-late-and-rare'), knownAs('x-late-and-rare'), 'there is no room for it')
  t.equal(knownAs('HoSt').kind, 'host')
  const long = `x-${'y'.repeat(100)}`
  t.not(knownAs(long), knownAs(long))
})
