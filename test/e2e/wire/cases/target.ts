// Targets and Host: what goes to the backend byte for byte, what is made origin-form, and what is no request.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { isRefused } from '../outcomes.ts'
import type { Scene } from '../scene.ts'

const ODD: Readonly<Record<string, string>> = {
  'encoded-slash': '/a%2Fb%2fc',
  'double-slash': '//a///b//',
  'dot-segments': '/./a/../b/.',
  'encoded-dots': '/%2e%2E/a/%2e',
  parameters: '/a;x=1;y/b;',
  braces: '/{a}/|b|^`',
  'bare-question': '/a?',
  'two-questions': '/a?b?c=?',
  'bad-escapes': '/%zz/%/%1?%g=%',
  'hex-case': '/%c3%A9%C3%a9',
  backslash: '/a\\b\\..\\c',
  quotes: '/a"b\'c<d>',
  latin1: '/caf\xe9?q=\xfc',
  utf8: '/caf\xc3\xa9?q=\xe2\x9c\x93',
  plus: '/a+b?c+d=%20',
  'encoded-nul': '/a%00b',
  'encoded-crlf': '/a%0d%0aX:%20y',
  'at-and-colon': '/@a:b@c:80/',
  'url-inside': '/http://b.test/x?u=https://c.test//y',
  'brackets-query': '/a?b[]=1&b[]=2&&=&',
}

function odd(target: string): Draft {
  return {
    title: `${JSON.stringify(target)} arrives byte for byte`,
    source: ['row:odd-targets', 'rule:15', 'F:5', 'F:6'],
    async run(scene) {
      assert.equal((await scene.ask(scene.get(target))).status, 200)
      assert.equal((await scene.request()).head.target, scene.path(target))
    },
  }
}

export const target: Case[] = group('target', {
  ...Object.fromEntries(Object.entries(ODD).map(([key, value]) => [key, odd(value)])),
  'double-slash-first': {
    title: 'a target that begins with two slashes is a path, not a host',
    source: ['row:odd-targets', 'rule:15'],
    async run(scene) {
      await scene.ok(`GET //b.test${scene.path()} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
      assert.equal((await scene.request()).head.target, `//b.test${scene.path()}`)
    },
  },
  fragment: {
    title: 'a fragment is refused or arrives as it is; it is never cut off',
    source: ['F:5', 'rule:15'],
    async run(scene) {
      const answer = await scene.ask(scene.get('/a#b'))
      if (answer.status === 200) assert.equal((await scene.request()).head.target, scene.path('/a#b'))
      else assert.equal(answer.status, 400)
    },
  },
  absolute: {
    title: 'an absolute-form target becomes origin-form, byte for byte',
    source: ['row:absolute-form', 'rule:5', 'F:4'],
    async run(scene) {
      for (const rest of ['/a%2Fb//./c?d', '/?', '?q=1']) {
        const inner = scene.scene()
        await inner.ok(`GET http://a.test${inner.path(rest)} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
        const request = await inner.request()
        assert.equal(request.head.target, inner.path(rest))
        assert.deepEqual(request.values('host'), ['a.test'])
      }
    },
  },
  'absolute-no-path': {
    title: 'an absolute-form target without a path becomes /',
    source: ['row:absolute-form', 'rule:5'],
    async run(scene) {
      for (const [target, expected] of [
        ['http://a.test', '/'],
        ['http://a.test?q=//', '/?q=//'],
      ]) {
        const inner = scene.scene()
        await inner.ok(`GET ${target} HTTP/1.1\r\nHost: a.test\r\nX-Case: ${inner.mark}\r\n\r\n`)
        assert.equal((await inner.request()).head.target, expected)
      }
    },
  },
  'absolute-same-authority': {
    title: 'an authority that equals Host but for case or the default port is the same',
    source: ['row:absolute-form', 'rule:5', 'F:4'],
    async run(scene) {
      for (const [authority, host] of [
        ['A.Test', 'a.test'],
        ['a.test:80', 'a.test'],
        ['a.test', 'a.test:80'],
        ['a.test:8080', 'a.test:8080'],
      ]) {
        const inner = scene.scene()
        const answer = await inner.ask(`GET http://${authority}${inner.path()} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
        assert.equal(answer.status, 200, `${authority} for ${host}`)
        assert.equal((await inner.request()).head.target, inner.path())
      }
    },
  },
  'absolute-other-authority': {
    title: 'an authority that is not Host is 400',
    source: ['row:absolute-form', 'rule:5', 'F:4'],
    async run(scene) {
      for (const authority of ['b.test', 'a.test:8080', 'a.test.b', 'a.test@b.test', 'u:p@a.test', '']) {
        const client = scene.client()
        await client.send(`GET http://${authority}${scene.path()} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
        await isRefused(scene, client)
      }
    },
  },
  'options-star': {
    title: 'OPTIONS * is forwarded as it is',
    source: ['rule:6', 'F:5'],
    async run(scene) {
      const answer = await scene.ask(`OPTIONS * HTTP/1.1\r\nHost: a.test\r\nX-Case: ${scene.mark}\r\n\r\n`)
      assert.equal(answer.status, 200)
      assert.equal((await scene.request()).line, 'OPTIONS *')
    },
  },
  'get-star': refused('GET * and */x are 400', scene => [
    `GET * HTTP/1.1\r\nHost: a.test\r\nX-Case: ${scene.mark}\r\n\r\n`,
    `POST * HTTP/1.1\r\nHost: a.test\r\nX-Case: ${scene.mark}\r\n\r\n`,
    `OPTIONS */x HTTP/1.1\r\nHost: a.test\r\nX-Case: ${scene.mark}\r\n\r\n`,
  ]),
  connect: {
    title: 'CONNECT is 405, in every form, and opens no tunnel',
    source: ['row:host-version-connect', 'rule:6', 'advisory:connect-pool'],
    async run(scene) {
      for (const target of ['a.test:443', 'a.test', scene.path()]) {
        const client = scene.client()
        await client.send(
          `CONNECT ${target} HTTP/1.1\r\nHost: a.test:443\r\nX-Case: ${scene.mark}\r\n\r\n${scene.get('/smuggled')}`,
        )
        const answer = await client.answer('POST')
        assert.ok(target === 'a.test:443' ? answer.status === 405 : [400, 405].includes(answer.status), target)
        assert.equal(await client.closed(), '')
      }
      await scene.victim()
      assert.deepEqual(scene.lines(), [])
    },
  },
  trace: {
    title: 'TRACE is forwarded like any other method',
    source: ['rule:6'],
    async run(scene) {
      const answer = await scene.ask(`TRACE ${scene.path()} HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n\r\n`)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.data, `TRACE ${scene.path()}`)
    },
  },
  'lower-case-method': {
    title: 'a method is its bytes: get is not GET',
    source: ['rule:11'],
    async run(scene) {
      assert.equal((await scene.ask(`get ${scene.path()} HTTP/1.1\r\nHost: a.test\r\n\r\n`)).status, 200)
      assert.equal((await scene.request()).head.method, 'get')
    },
  },
})

export const host: Case[] = group('host', {
  two: refused('two Hosts, equal or not, are 400', scene => [
    `GET ${scene.path()} HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n`,
    `GET ${scene.path()} HTTP/1.1\r\nHost: a.test\r\nhost: a.test\r\n\r\n`,
    `GET ${scene.path()} HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n`,
  ]),
  empty: refused('an empty Host is 400', scene => [
    `GET ${scene.path()} HTTP/1.1\r\nHost:\r\n\r\n`,
    `GET ${scene.path()} HTTP/1.1\r\nHost: \t \r\n\r\n`,
  ]),
  missing: refused('HTTP/1.1 without Host is 400', scene => [
    `GET ${scene.path()} HTTP/1.1\r\n\r\n`,
    `GET http://a.test${scene.path()} HTTP/1.1\r\nX-A: b\r\n\r\n`,
  ]),
  invalid: refused('a Host that is no host is 400', scene =>
    ['a b', 'a/b', 'a?b', 'u@a.test', 'a.test:x', 'a.test, b.test'].map(
      value => `GET ${scene.path()} HTTP/1.1\r\nHost: ${value}\r\n\r\n`,
    ),
  ),
  kept: {
    title: 'Host arrives as the client wrote it, port and case included',
    source: ['rule:13', 'rule:11'],
    async run(scene) {
      for (const value of ['Shop.Example:8080', '127.0.0.1', '[::1]:80', 'xn--caf-dma.test', 'under_score.test']) {
        const inner = scene.scene()
        await inner.ok(`GET ${inner.path()} HTTP/1.1\r\nHost: ${value}\r\n\r\n`)
        assert.deepEqual((await inner.request()).values('host'), [value])
      }
    },
  },
  'http-1.0': {
    title: 'HTTP/1.0 needs no Host; the backend gets at most one',
    source: ['row:http-1.0-client', 'row:host-version-connect'],
    async run(scene) {
      const answer = await scene.ask(`GET ${scene.path()} HTTP/1.0\r\n\r\n`)
      assert.equal(answer.status, 200)
      assert.ok((await scene.request()).values('host').length <= 1)
    },
  },
})

function refused(title: string, requests: (scene: Scene) => readonly string[]): Draft {
  return {
    title,
    source: ['row:host-version-connect', 'rule:5', 'rule:6', 'F:4'],
    async run(scene) {
      for (const bytes of requests(scene)) {
        const client = scene.client()
        await client.send(bytes)
        await isRefused(scene, client)
      }
    },
  }
}
