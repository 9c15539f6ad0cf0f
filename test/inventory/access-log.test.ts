// Lines of access logs as real servers write them, and what no server wrote.
import fc from 'fast-check'
import t from 'tap'
import {
  BROKEN,
  isBroken,
  type LogEntry,
  MAX_LINE,
  parseLogLine,
  parseUrlLine,
} from '../../src/inventory/access-log.ts'

function entry(line: string): LogEntry {
  const read = parseLogLine(line)
  if (isBroken(read)) throw new Error(`${read.broken}: ${line}`)
  return read
}

const HEAD = '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] '

t.test('common log format', async t => {
  t.same(entry('127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'), {
    method: 'GET',
    target: '/apache_pb.gif',
    status: 200,
    bytes: 2326,
    durationMs: null,
    at: Date.UTC(2000, 9, 10, 20, 55, 36),
    caller: '127.0.0.1',
    userAgent: null,
    referer: null,
    host: null,
  })
  t.equal(entry(`${HEAD}"GET / HTTP/1.1" 304 -`).bytes, null)
  t.equal(entry('10.0.0.1 - John Smith [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 304 -').caller, '10.0.0.1')
})

t.test('combined, with a host before it and a time behind it', async t => {
  const vhost = entry(
    'shop.example.com:443 2001:db8::1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 1 "-" "curl/8"',
  )
  t.match(vhost, { host: 'shop.example.com', caller: '2001:db8::1', userAgent: 'curl/8' })
  const times: readonly (readonly [string, number | null])[] = [
    ['0.123', 123],
    ['"0.123"', 123],
    ['"10.1.2.3" 0.123', 123],
    ['12345', 12.345],
    ['0/12345', 12.345],
    ['300 400', null],
    ['rt=0.5 uct="0.1"', 500],
    ['7 "router@file" "http://10.0.0.1" 12ms', 12],
    ['512 0.012 [web] [] 10.0.0.1:80 1024 0.011 200 6a1f', 12],
    ['"-"', null],
    ['', null],
  ]
  for (const [behind, ms] of times) {
    t.equal(entry(`${HEAD}"GET /a HTTP/1.1" 200 1 "-" "curl/8" ${behind}`).durationMs, ms, behind)
  }
  t.equal(entry(`${HEAD}"GET /a HTTP/1.1" 200 1 0.25`).durationMs, 250, 'without a user agent')
  const seconds = parseLogLine(`${HEAD}"GET /a HTTP/1.1" 200 1 "-" "x" 3`, { wholeTime: 's' })
  t.match(seconds, { durationMs: 3000 })
})

t.test('requests as they come', async t => {
  const target = (request: string) => entry(`${HEAD}"${request}" 200 1`).target
  t.equal(target('get /a HTTP/1.1'), '/a')
  t.equal(entry(`${HEAD}"get /a HTTP/1.1" 200 1`).method, 'GET')
  t.equal(target('GET /a b HTTP/1.1'), '/a%20b')
  t.equal(target('GET /a'), '/a', 'HTTP/0.9')
  t.equal(target('GET /a\\"b HTTP/1.1'), '/a"b')
  t.equal(target('GET /\\xC3\\xA9\\x22 HTTP/1.1'), '/%C3%A9"')
  t.equal(target('GET /é HTTP/1.1'), '/%C3%A9')
  t.equal(target('GET /\\xff HTTP/1.1'), '/%EF%BF%BD', 'no UTF-8')
  t.equal(target('GET /a#b HTTP/1.1'), '/a')
  t.equal(target('OPTIONS * HTTP/1.1'), '*')
  const absolute = entry(`${HEAD}"GET http://user@Shop.example:8080?a=1 HTTP/1.1" 200 1`)
  t.match(absolute, { target: '/?a=1', host: 'shop.example' })
})

t.test('JSON by the names of many servers', async t => {
  const read = (json: unknown) => entry(JSON.stringify(json))
  const caddy = {
    level: 'info',
    ts: 1646861401.5241024,
    msg: 'handled request',
    request: { remote_ip: '10.0.0.1', method: 'GET', host: 'H:80', uri: '/x?y', headers: { 'User-Agent': ['curl'] } },
    duration: 0.5,
    size: 10900,
    status: 200,
  }
  t.same(read(caddy), {
    method: 'GET',
    target: '/x?y',
    status: 200,
    bytes: 10900,
    durationMs: 500,
    at: 1646861401524,
    caller: '10.0.0.1',
    userAgent: 'curl',
    referer: null,
    host: 'h',
  })
  const nginx = { remote_addr: '::1', request: 'POST /n HTTP/2.0', status: '201', request_time: '0.005' }
  t.match(read({ ...nginx, time_iso8601: '2024-01-01T00:00:00+01:00', body_bytes_sent: '5' }), {
    method: 'POST',
    target: '/n',
    status: 201,
    bytes: 5,
    durationMs: 5,
    at: Date.UTC(2023, 11, 31, 23),
    caller: '::1',
  })
  t.match(read({ request_method: 'GET', uri: '/a', args: 'b=1', status: 200 }), { target: '/a?b=1' })
  const traefik = { ClientHost: '10.0.0.1', DownstreamStatus: 200, Duration: 1_500_000, RequestMethod: 'GET' }
  t.match(read({ ...traefik, RequestPath: '/t', RequestHost: 'a.b' }), { durationMs: 1.5, host: 'a.b', target: '/t' })
  const envoy = { method: 'GET', path: '/e', response_code: 200, duration: 12, start_time: '2024-01-01T00:00:00.1Z' }
  t.match(read({ ...envoy, downstream_remote_address: '[::1]:12' }), { durationMs: 12, caller: '::1' })
  const alb = { request: 'GET https://a.b:443/p HTTP/2.0', elb_status_code: 200, client: '10.0.0.1:33' }
  const spans = { request_processing_time: 0, target_processing_time: 0.25, response_processing_time: 0 }
  t.match(read({ ...alb, ...spans }), { target: '/p', host: 'a.b', caller: '10.0.0.1', durationMs: 250 })
  const ours = { level: 'info', method: 'GET', template: '/orders/:id', status: 200, ms: 1.5, msg: 'request' }
  t.match(read(ours), { target: '/orders/:id', durationMs: 1.5 })
})

t.test('what cannot be read says why', async t => {
  const reasons: readonly (readonly [string, string])[] = [
    ['', 'empty'],
    ['  \r', 'empty'],
    ['#Fields: date time', 'empty'],
    ['x'.repeat(MAX_LINE + 1), 'too-long'],
    ['hello', 'format'],
    ['\0\u0001\uFFFD', 'format'],
    ['10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]', 'format'],
    ['{"method":"GET"', 'json'],
    ['{"level":"info","msg":"listening"}', 'no-request'],
    [`${HEAD}"-" 408 0`, 'no-request'],
    [`${HEAD}"\\x16\\x03\\x01 x" 400 0`, 'request'],
    [`${HEAD}"GET" 400 0`, 'request'],
    [`${HEAD}"CONNECT a.b:443 HTTP/1.1" 400 0`, 'target'],
    [`${HEAD}"GET / HTTP/1.1" - 0`, 'status'],
    [`${HEAD}"GET / HTTP/1.1"`, 'status'],
    [`${HEAD}"GET /a`, 'status'],
    ['{"method":"GET","path":"/"}', 'status'],
  ]
  for (const [line, broken] of reasons) t.same(parseLogLine(line), { broken }, line.slice(0, 60))
})

t.test('lists of paths and URLs', async t => {
  t.same(parseUrlLine(' /a?b '), { method: 'GET', target: '/a?b', host: null })
  t.same(parseUrlLine('post /a'), { method: 'POST', target: '/a', host: null })
  t.same(parseUrlLine('https://Shop.example:8443/a'), { method: 'GET', target: '/a', host: 'shop.example' })
  t.same(parseUrlLine('HEAD https://h'), { method: 'HEAD', target: '/', host: 'h' })
  t.same(parseUrlLine('# a'), { broken: 'empty' })
  t.same(parseUrlLine('a/b'), { broken: 'target' })
})

t.test('no line throws, and whatever comes out is fit to be sent', async t => {
  const seed = Date.now()
  t.comment(`seed ${seed}`)
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  const line = fc.oneof(
    text,
    fc.tuple(text, text, text).map(([a, b, c]) => `${a} [${b}] "${c}" 200 1`),
    fc.tuple(text, text).map(([a, b]) => `${HEAD}"GET /${a} HTTP/1.1" 200 1 "-" "${b}" ${a}`),
    fc.json(),
    fc
      .tuple(text, text, text)
      .map(([path, status, time]) =>
        JSON.stringify({ method: 'GET', path: `/${path}`, status: 200, time, ip: status }),
      ),
  )
  fc.assert(
    fc.property(line, line => {
      for (const read of [parseLogLine(line), parseUrlLine(line)]) {
        if (isBroken(read)) {
          if (!Object.hasOwn(BROKEN, read.broken)) return false
        } else if (!/^(?:\*|\/[!-~]*)$/.test(read.target)) return false
      }
      return true
    }),
    { seed, numRuns: 3000 },
  )
})
