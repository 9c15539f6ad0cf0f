// The command as its user has it: verdicts and exit codes, what is printed, mistakes, being stopped.
import t, { type Test } from 'tap'
import { type Script, said, wireServer } from './asking/wire.ts'
import { directory, type RunOptions, run } from './fake-admin.ts'

const FIELDS = ['Content-Type: text/plain', 'X-One: 1', 'Set-Cookie: sid=secret; Path=/']

async function prove(
  t: Test,
  scripts: { readonly direct: Script; readonly via: Script },
  {
    lines = ['/a', '/b', '/c'],
    flags = [] as readonly string[],
    ...options
  }: RunOptions & { lines?: readonly string[]; flags?: readonly string[] } = {},
) {
  const [direct, via] = [await wireServer(t, scripts.direct), await wireServer(t, scripts.via)]
  const argv = ['transparent', '--direct', direct.url, '--via', via.url, '--from', '-', '--rate', '10000', ...flags]
  const ran = await run(null, argv, { stdin: lines.join('\n'), ...options })
  return { ...ran, direct, via }
}

t.test('identical', async t => {
  const { code, out, err, direct, via } = await prove(t, { direct: () => said(FIELDS), via: () => said(FIELDS) })
  t.equal(code, 0)
  t.match(
    out,
    /^3 of 3 identical\n\nadded time: median [+−]\d.* ms \(too few pairs for an interval\), p95 .* over 3 pairs\n/,
  )
  t.match(err, '3 lines: 3 different requests of 3 templates, 3 to ask\n')
  t.equal(direct.heads.length, 3, 'asked once each')
  t.same(direct.heads, via.heads, 'the same bytes both ways, Host included')
  t.match(direct.heads[0], `Host: ${direct.url.slice(7)}\r\nUser-Agent: banyan-transparent/0.1.0`)
})

t.test('one thing changed by the proxy', async t => {
  const changes: Readonly<Record<string, string>> = {
    'header x-one: case of the name': said(FIELDS.map(field => field.replace('X-One', 'x-one'))),
    'order of headers': said(FIELDS.toReversed()),
    'header x-one: value': said(FIELDS.map(field => field.replace('X-One: 1', 'X-One: 2'))),
    'header x-one: missing': said(FIELDS.filter(field => !field.startsWith('X-One'))),
    'header via: added': said([...FIELDS, 'Via: 1.1 p']),
    'header set-cookie: repetition': said([...FIELDS, 'Set-Cookie: b=1']),
    body: said(FIELDS, 'hellO'),
    'reason phrase': said(FIELDS, 'hello', 'HTTP/1.1 200 ok'),
    status: said(FIELDS, 'hello', 'HTTP/1.1 201 OK'),
    'informational answers': `HTTP/1.1 103 E\r\n\r\n${said(FIELDS)}`,
  }
  for (const [what, via] of Object.entries(changes)) {
    const { code, out } = await prove(t, { direct: () => said(FIELDS), via: () => via }, { flags: ['--json'] })
    const { verdict, different, differences } = JSON.parse(out)
    t.match({ code, verdict, different }, { code: 1, verdict: 'different', different: 3 }, what)
    t.same(
      differences.map((group: { what: string }) => group.what),
      [what, what, what],
    )
    t.notMatch(out, 'secret')
  }
  const chunked = (trailer: string) =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailer}\r\n`
  const trailers = { direct: () => chunked('X-Sum: 1\r\n'), via: () => chunked('') }
  t.match(await prove(t, trailers), { code: 1, out: /trailer x-sum: missing +1 +\(none\)/ })
})

t.test('people read what, where and such as', async t => {
  const scripts = {
    direct: () => said(FIELDS),
    via: (target: string) => said(FIELDS, target.includes('orders') ? 'hellO' : 'hello'),
  }
  const { code, out } = await prove(t, scripts, { lines: ['/a', '/orders/12', '/orders/13?token=abc', '/orders/14'] })
  t.equal(code, 1)
  t.match(out, /^1 of 4 identical; 3 differ\n/)
  t.match(out, / 2 {2}GET \/orders\/:id +body +5 bytes, at byte 4: hello +5 bytes, at byte 4: hellO +\/orders\/12\n/)
  t.match(out, '/orders/13?token=***')
})

t.test("what the backend does by itself is not the proxy's", async t => {
  let n = 0
  const script = () => said([...FIELDS, `ETag: "${n++}"`])
  const { code, out } = await prove(t, { direct: script, via: script })
  t.equal(code, 0)
  t.match(
    out,
    /^0 of 3 identical; 3 vary by themselves\n {2}by themselves, and so not proven there: header etag: value \(3, such as GET \/[abc]\)\n/,
  )
})

t.test('framing is told, and is no difference', async t => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
  const { code, out } = await prove(t, {
    direct: () => socket => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'),
    via: () => chunked,
  })
  t.equal(code, 0)
  t.match(out, 'framing (no difference to users): until the connection closes became chunked in 3')
  t.match(out, 'protocol version (no difference to users): HTTP/1.0 became HTTP/1.1 in 3')
})

t.test('once different, and not again: inconclusive', async t => {
  const { code, out } = await prove(t, {
    direct: () => said(FIELDS),
    via: (_target, _head, nth) => said(FIELDS, 'hello', nth === 2 ? 'HTTP/1.1 503 Busy' : 'HTTP/1.1 200 OK'),
  })
  t.equal(code, 4)
  t.match(out, '2 of 3 identical; 1 differed once\ninconclusive: 1 differed once and not in the same way again\n')
  t.match(out, /status \(once\) +200 +503/)
})

t.test('no answers', async t => {
  const cut: Script = () => socket => socket.destroy()
  const both = await prove(t, { direct: cut, via: cut }, { lines: Array.from({ length: 50 }, (_, i) => `/${i}`) })
  t.equal(both.code, 4)
  t.match(both.out, /^0 of 20 identical; 20 without an answer both ways\ninconclusive: gave up: 20 in a row/)
  t.match(both.out, 'added time: unknown')
  const via = await prove(t, { direct: () => said([]), via: cut })
  t.match(via, { code: 1, out: /no answer +answers 200 +the connection was cut/ })
  const direct = await prove(t, { direct: cut, via: () => said([], '', 'HTTP/1.1 502 Bad Gateway') })
  t.match(direct, { code: 4, out: /3 without a direct answer/ })
})

t.test('bounded by --max-body and --timeout', async t => {
  const endless: Script = () => socket => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const pour = () => {
      while (!socket.destroyed && socket.write('x'.repeat(65_536)));
    }
    socket.on('drain', pour)
    pour()
  }
  const cut = await prove(t, { direct: endless, via: endless }, { flags: ['--max-body', '100KiB'] })
  t.match(cut, { code: 0, out: /compared up to --max-body only: 3/ })
  const silent: Script = () => () => {}
  const late = await prove(t, { direct: silent, via: silent }, { flags: ['--timeout', '50ms'] })
  t.match(late, { code: 4, out: /both ways: no answer within 0.05 s/ })
})

t.test('headers, host, sample, files', async t => {
  const cwd = await directory(t, { 'urls.txt': '/a\n/b\n', 'more.txt': '/b\nhttp://shop/c\nPOST /d\n/logout\n' })
  const flags = [
    '--from',
    'urls.txt',
    '--from',
    'more.txt',
    '--host',
    'shop.example.com',
    '-H',
    'Cookie: a=b',
    '-H',
    'user-agent: me',
  ]
  const { code, err, direct } = await prove(
    t,
    { direct: () => said([]), via: () => said([]) },
    { lines: [], cwd, flags },
  )
  t.equal(code, 0)
  t.same(
    direct.heads.map(head => head.split('\r\n').slice(0, -1)),
    ['/a', '/b', '/c'].map(path => [
      `GET ${path} HTTP/1.1`,
      'Host: shop.example.com',
      'Accept: */*',
      'Cookie: a=b',
      'user-agent: me',
    ]),
  )
  t.match(err, 'skipped for an unsafe method: 1: POST (1)')
  t.match(err, /skipped for looking like a write .*: 1: .*logout/)
  const limited = await prove(
    t,
    { direct: () => said([]), via: () => said([]) },
    { flags: ['--limit', '2', '--concurrency', '2'] },
  )
  t.match(limited, { code: 0, out: /^2 of 2 identical/ })
})

t.test('mistakes', async t => {
  const { url } = await wireServer(t, () => said([]))
  const two = ['transparent', '--direct', 'http://127.0.0.1:1', '--via', url, '--from', '-']
  t.match(await run(null, ['transparent']), { code: 2, err: /required option '--direct <url>'/ })
  t.match(await run(null, two, { stdin: '/a' }), {
    code: 8,
    err: /--direct http:\/\/127\.0\.0\.1:1 cannot be reached: nothing listens/,
  })
  t.match(await run(null, ['transparent', '--direct', url, '--via', url, '--from', '-']), {
    code: 2,
    err: /are the same/,
  })
  t.match(await run(null, ['transparent', '--direct', 'x']), { code: 2, err: /Allowed: http:\/\/host:port/ })
  t.match(await run(null, ['transparent', '--direct', `${url}/app`]), { code: 2, err: /Without a path/ })
  t.match(await run(null, ['transparent', '--direct', 'http://a:b@c']), { code: 2, err: /authorization/ })
  const from = (...more: readonly string[]) => ['transparent', '--direct', 'http://127.0.0.1:1', '--via', url, ...more]
  t.match(await run(null, from('--from', 'nosuch')), { code: 2, err: /nosuch cannot be read: there is no such file/ })
  t.match(await run(null, from('--from', '-'), { stdin: '' }), { code: 2, err: /nothing to ask in -/ })
  t.match(await run(null, from('--from', '-'), { stdin: 'x y z\n\0\0' }), {
    code: 2,
    err: /skipped because the line cannot be read: 2/,
  })
  t.match(await run(null, from('--from', '-', '-H', 'Host: x')), { code: 2, err: /--host/ })
  t.match(await run(null, from('--from', '-', '-H', 'Connection: x')), { code: 2, err: /Not to be given/ })
  for (const [flag, value] of [
    ['--concurrency', '9'],
    ['--limit', '0'],
    ['--rate', '0'],
    ['--max-body', 'x'],
    ['--host', 'a b'],
  ]) {
    t.match(await run(null, from('--from', '-', flag!, value!)), { code: 2, err: /Allowed:/ }, `${flag}`)
  }
  t.match(await run(null, from('--from', '-', '--ca', 'nosuch')), { code: 2, err: /--ca nosuch cannot be read/ })
  const secure = url.replace('http:', 'https:')
  const tls = await run(
    null,
    ['transparent', '--direct', secure, '--via', 'http://127.0.0.1:1', '--from', '-', '--timeout', '500ms'],
    { stdin: '/a' },
  )
  t.match(tls, { code: 8, err: /cannot be reached: no/ })
})

t.test('stopped: what is known so far', async t => {
  const over = new AbortController()
  const lines = Array.from({ length: 100 }, (_, i) => `/${i}`)
  const direct: Script = (_target, _head, nth) => {
    if (nth === 10) over.abort()
    return said([])
  }
  const { code, out } = await prove(t, { direct, via: () => said([]) }, { lines, signal: over.signal })
  t.equal(code, 4)
  t.match(out, /^9 of 9 identical\ninconclusive: stopped after 9 of 100\n/)
})

t.test('stopped while input is waited for', async t => {
  const over = new AbortController()
  const { url } = await wireServer(t, () => said([]))
  const waiting = new ReadableStream({
    start(controller) {
      controller.enqueue('/a\n/b')
      setTimeout(() => over.abort(), 50)
    },
  })
  const argv = ['transparent', '--direct', 'http://127.0.0.1:1', '--via', url, '--from', '-']
  const { code, out } = await run(null, argv, { stdin: waiting, signal: over.signal })
  t.match({ code, out }, { code: 4, out: /^0 of 0 identical\ninconclusive: stopped after 0 of [12]\n/ })
})

t.test('progress on a terminal', async t => {
  const slow: Script = () => socket => setTimeout(() => socket.write(said([])), 60)
  const { out, err } = await prove(
    t,
    { direct: slow, via: slow },
    { tty: true, flags: ['--no-color'], lines: ['/a', '/b', '/c', '/d', '/e'] },
  )
  t.match(out, /^5 of 5 identical/)
  t.match(err.replaceAll('\x1b', '^'), /\r\d of 5 pairs, [\d.]+ a second, \ds left\^\[K/)
  t.ok(err.endsWith('\r\x1b[K'), 'and gone at the end')
})
