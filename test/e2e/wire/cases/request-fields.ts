// Fields of requests: what arrives untouched, what belongs to one hop and is dropped, and what only the proxy may say.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Field } from '../message.ts'
import { fieldLines, keptFields, lacksFields } from '../outcomes.ts'

const TRACE_PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const MANAGED = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Real-IP',
  'Forwarded',
]

export const requestFields: Case[] = group('request-fields', {
  kept: {
    title: 'repeated fields stay separate, in order, in their case, with their bytes',
    source: ['row:repetition', 'rule:11', 'F:3'],
    async run(scene) {
      const fields: Field[] = [
        ['Accept', 'text/html'],
        ['x-b', 'caf\xe9 \xff'],
        ['ACCEPT', 'text/plain'],
        ['Cookie', 'a=1'],
        ['cookie', 'b=2; c="\xc3\xa9"'],
        ['Authorization', 'Basic eDp5'],
        ['Authorization', 'Bearer z'],
        ['User-Agent', 'x'],
        ['User-Agent', 'y'],
        ['X-Empty', ''],
        ['X-Inner', 'a  b\tc'],
        ['Content-Type', 'text/plain'],
        ['content-type', 'text/html'],
        ['Referer', 'http://a/\\"'],
        ['If-Modified-Since', 'never'],
      ]
      await scene.ok(scene.post('', `${fieldLines(fields)}Content-Length: 5\r\n`))
      keptFields((await scene.request()).head.fields, fields)
    },
  },
  'odd-names': {
    title: 'odd names of fields are names',
    source: ['rule:11'],
    async run(scene) {
      const fields: Field[] = [
        ["X-!#$%&'*+.^`|~9", '1'],
        ['x_y', '2'],
        ['1', '3'],
      ]
      await scene.ok(scene.get('', fieldLines(fields)))
      keptFields((await scene.request()).head.fields, fields)
    },
  },
  proto: {
    title: '__proto__, constructor and their like are fields like any other, both ways',
    source: ['advisory:proto', 'F:12'],
    async run(scene) {
      const fields: Field[] = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__proto__'].map(name => [
        name,
        'x',
      ])
      scene.serve(request => void request.answer('ok', fieldLines(fields)))
      const answer = await scene.ask(scene.get('', fieldLines(fields)))
      keptFields((await scene.request()).head.fields, fields)
      keptFields(answer.head.fields, fields)
    },
  },
  'hop-by-hop': {
    title: 'Keep-Alive, TE, Proxy-*, Upgrade and Connection are not passed on',
    source: ['row:hop-by-hop', 'rule:10'],
    async run(scene) {
      const hop =
        'Keep-Alive: timeout=5\r\nTE: gzip\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n' +
        'Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nConnection: keep-alive, HTTP2-Settings\r\n'
      await scene.ok(scene.get('', hop))
      const { fields } = (await scene.request()).head
      lacksFields(fields, [
        'Keep-Alive',
        'TE',
        'Proxy-Connection',
        'Proxy-Authorization',
        'Proxy-Authenticate',
        'Upgrade',
      ])
      lacksFields(fields, ['HTTP2-Settings'])
    },
  },
  'te-trailers': {
    title: 'of TE only `trailers` is passed on',
    source: ['row:hop-by-hop', 'rule:10', 'rule:22'],
    async run(scene) {
      await scene.ok(scene.get('', 'TE: trailers\r\nConnection: TE\r\n'))
      assert.deepEqual((await scene.request()).values('te'), ['trailers'])
      const inner = scene.scene()
      await inner.ok(inner.get('', 'TE: deflate;q=0.5, gzip\r\nConnection: TE\r\n'))
      lacksFields((await inner.request()).head.fields, ['te'])
    },
  },
  'named-in-connection': {
    title: 'a field that Connection names is dropped, and Connection is rebuilt',
    source: ['row:connection-named', 'rule:10'],
    async run(scene) {
      await scene.ok(scene.get('', 'X-Hop: a\r\nConnection: close, X-Hop\r\nx-hop: b\r\nX-Stays: c\r\n'))
      const request = await scene.request()
      lacksFields(request.head.fields, ['x-hop'])
      keptFields(request.head.fields, [['X-Stays', 'c']])
      assert.ok(!request.values('connection').join().toLowerCase().includes('hop'))
    },
  },
  'trailer-without-body': {
    title: 'a GET with Trailer and no body is forwarded, and the announcement is not',
    source: ['row:trailer-without-body', 'row:trailers', 'rule:22', 'F:12'],
    async run(scene) {
      const answer = await scene.ask(scene.get('', 'Trailer: X-Sum\r\n'))
      assert.equal(answer.status, 200)
      lacksFields((await scene.request()).head.fields, ['trailer'])
      await scene.victim()
    },
  },
  'forwarded-replaced': {
    title: 'what an unnamed peer says of the client is replaced, not believed',
    source: ['row:forwarded', 'rule:12'],
    async run(scene) {
      const lies = MANAGED.map((name): Field => [name, name === 'Forwarded' ? 'for=9.9.9.9' : '9.9.9.9'])
      await scene.ok(scene.get('', fieldLines([...lies, ...lies])))
      const request = await scene.request()
      assert.ok(!request.head.raw.includes('9.9.9.9'), 'no lie reaches the backend')
      assert.deepEqual(request.values('x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(request.values('x-forwarded-proto'), ['http'])
      assert.deepEqual(request.values('x-forwarded-host'), ['a.test'])
    },
  },
  'forwarded-twins': {
    title: 'names that a backend may fold onto X-Forwarded-* are dropped',
    source: ['row:forwarded', 'rule:12', 'advisory:alias-headers'],
    async run(scene) {
      const twins = [
        'x_forwarded_for',
        'X.Forwarded.For',
        'X_Forwarded-Proto',
        'x-forwarded_host',
        'X.Real_IP',
        'x_real_ip',
      ]
      const answer = await scene.ask(scene.get('', `${fieldLines(twins.map(name => [name, '9.9.9.9']))}X_Stays: 1\r\n`))
      assert.equal(answer.status, 200)
      const request = await scene.request()
      assert.ok(!request.head.raw.includes('9.9.9.9'), 'no twin reaches the backend')
      keptFields(request.head.fields, [['X_Stays', '1']])
    },
  },
  'no-via': {
    title: 'no Via and nothing of the proxy’s name is added, and the client’s own Via stays',
    source: ['row:forwarded', 'rule:12', 'rule:11'],
    async run(scene) {
      await scene.ok(scene.get())
      lacksFields((await scene.request()).head.fields, ['via', 'user-agent', 'accept', 'accept-encoding', 'date'])
      const inner = scene.scene()
      await inner.ok(inner.get('', 'Via: 1.1 x\r\n'))
      assert.deepEqual((await inner.request()).values('via'), ['1.1 x'])
    },
  },
  traceparent: {
    title: 'traceparent is passed on, and created where there is none',
    source: ['row:traceparent'],
    async run(scene) {
      await scene.ok(scene.get('', `traceparent: ${TRACE_PARENT}\r\ntracestate: a=b\r\n`))
      assert.deepEqual((await scene.request()).values('traceparent'), [TRACE_PARENT])
      assert.deepEqual((await scene.request()).values('tracestate'), ['a=b'])
      const inner = scene.scene()
      await inner.ok(inner.get())
      assert.match((await inner.request()).values('traceparent').join(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    },
  },
  'encodings-untouched': {
    title: 'layers of Content-Encoding are a text; bodies are never decoded or made anew, both ways',
    source: ['advisory:layered-encoding', 'advisory:rebuilt-body'],
    async run(scene) {
      const coded: Field[] = [['Content-Encoding', Array.from({ length: 500 }, () => 'gzip').join(', ')]]
      const body = '{"a": 1,\r\n "a":2, "__proto__": {}}\0\xff\xfe'
      scene.serve(async request => {
        await request.whole()
        request.write(`HTTP/1.1 200 OK\r\n${fieldLines(coded)}Content-Length: ${body.length}\r\n\r\n${body}`)
      })
      const fields = `Content-Type: application/json\r\n${fieldLines(coded)}Content-Length: ${body.length}\r\n`
      const answer = await scene.ask(scene.post('', fields, body))
      assert.equal(answer.body.data, body)
      keptFields(answer.head.fields, coded)
      const request = await scene.request()
      assert.equal(request.body.data, body)
      keptFields(request.head.fields, coded)
    },
  },
})
