// inventory and init: what people see, what could not be read of a log, and that no file is ever written over unasked.
import { readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { inventory } from './answers.ts'
import { directory, fakeAdmin, run } from './fake-admin.ts'

const at = (second: number) => `[10/Oct/2026:13:55:${String(second).padStart(2, '0')} +0000]`
const line = (request: string, second = 0) =>
  `10.0.0.${second} - - ${at(second)} "${request} HTTP/1.1" 200 100 "-" "x" 0.050`
const LOG = [
  line('GET /orders/1', 0),
  'garbage',
  line('GET /orders/2', 5),
  '',
  line('POST /orders', 10),
  '{bad',
  '',
].join('\n')
const CONFIG = {
  file: null,
  revision: 1,
  config: {
    proxy: { listen: '127.0.0.1:8080' },
    backends: { legacy: { url: 'http://10.0.0.5:3001' } },
    default: 'legacy',
  },
}

t.test('live, as a table', async t => {
  const admin = await fakeAdmin({ 'GET /inventory': inventory })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['inventory'])
  t.equal(code, 0)
  t.equal(err, '')
  const lines = out.split('\n')
  t.match(
    lines[0],
    /^live · 2026-01-02T10:00:00Z to .* · about 40000 requests, of which 9000 were looked at · 3 templates$/,
  )
  t.match(lines[2], /^METHOD {2}TEMPLATE +PER SECOND +REQUESTS +P95 +BYTES +CALLERS +WRITES +SESSION/)
  t.match(lines[3], /^GET +\/orders\/:id +10 +36000 +34ms +12MiB +120 +– +–/)
  t.match(lines[4], /^GET +\/shop +0\.83 .*BY SAFE METHOD +JSESSIONID +– +page/)
  t.match(out, /Look twice\nGET \/shop looks like a write: "action=delete" in the query/)
  t.match(out, /besides: 100 requests for paths that were only ever refused/)
})

t.test('sorted, limited, as JSON', async t => {
  const admin = await fakeAdmin({ 'GET /inventory': inventory })
  t.teardown(() => admin.close())
  const order = async (sort: string) => {
    const { out } = await run(admin, ['inventory', '--sort', sort])
    return out
      .split('\n')
      .slice(3, 6)
      .map(row => row.split(/ +/)[1])
  }
  t.same(await order('p95'), ['/shop', '/orders', '/orders/:id'])
  t.same(await order('bytes'), ['/shop', '/orders/:id', '/orders'])
  t.same(await order('template'), ['/orders', '/orders/:id', '/shop'])
  t.match((await run(admin, ['inventory', '--limit', '1'])).out, /and 2 more: --limit 3, or --json/)
  t.same(JSON.parse((await run(admin, ['inventory', '--json'])).out), inventory)
  t.equal((await run(admin, ['inventory', '--sort', 'size'])).code, 2)
  const narrow = await run(admin, ['inventory'], { tty: true, columns: 100 })
  t.equal(narrow.code, 0)
})

t.test('a path from traffic is harmless to a terminal', async t => {
  const evil = {
    ...inventory,
    entries: [{ ...inventory.entries[0], template: '/\u001b[2J\u202e', hosts: ['\u001b]0;x'] }],
  }
  const admin = await fakeAdmin({ 'GET /inventory': evil })
  t.teardown(() => admin.close())
  t.notMatch((await run(admin, ['inventory'])).out.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})

t.test('nothing seen yet', async t => {
  const admin = await fakeAdmin({ 'GET /inventory': { ...inventory, requests: 0, sampled: 0, entries: [] } })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['inventory'])
  t.equal(code, 0)
  t.match(out, /^no requests since 2026-01-02T10:00:00Z/)
})

t.test('from logs: no proxy needed, what cannot be read is counted by why', async t => {
  const cwd = await directory(t, { 'access.log': LOG })
  await writeFile(join(cwd, 'old.log.gz'), gzipSync(`${line('GET /orders/3', 20)}\n`))
  const { code, out, err } = await run(null, ['inventory', '--from', 'access.log', '--from', 'old.log.gz'], { cwd })
  t.equal(code, 0)
  t.match(out, /^from a log · 2026-10-10T13:55:00Z to 2026-10-10T13:55:20Z · 4 requests · 2 templates/)
  t.match(out, /GET +\/orders\/:id +0\.15 +3 +\d+ms +300B +3 +– +\?/)
  t.match(err, /2 of 7 lines could not be read/)
  t.match(err, /1 line: neither common or combined log format nor JSON \(access\.log:2\)/)
  t.match(err, /1 line: JSON that cannot be read \(access\.log:6\)/)
  const json = JSON.parse((await run(null, ['inventory', '--from', '-', '--json'], { stdin: LOG })).out)
  t.match(json, { source: 'log', requests: 3, read: { lines: 6, empty: 1, isPartial: false } })
  t.same(json.read.broken[0], { reason: 'format', count: 1, first: ['standard input:2'] })
})

t.test('a whole number at the end is what --time-unit says', async t => {
  const stdin = `10.0.0.1 - - ${at(0)} "GET /a HTTP/1.1" 200 1 "-" "x" 2\n`
  const p95 = async (...flags: readonly string[]) =>
    JSON.parse((await run(null, ['inventory', '--from', '-', '--json', ...flags], { stdin })).out).entries[0].p95Ms
  t.ok((await p95()) < 1)
  t.ok(Math.abs((await p95('--time-unit', 's')) - 2000) < 300)
})

t.test('input that is none: a sentence, never a crash', async t => {
  const cwd = await directory(t, { 'bad.log': 'a\nb\n\u0000\u0001\n', 'empty.log': '', 'dir/x': '' })
  await writeFile(join(cwd, 'cut.gz'), gzipSync(LOG.repeat(100)).subarray(0, 60))
  const failing: readonly (readonly [string, number, RegExp])[] = [
    [
      'bad.log',
      1,
      /bad\.log: not one of 3 lines can be read as a request\n {2}3 lines: neither .*\(bad\.log:1, bad\.log:2, bad\.log:3\)/,
    ],
    ['empty.log', 1, /empty\.log: no request in it, it is empty/],
    ['none.log', 2, /none\.log cannot be read: there is no such file/],
    ['dir', 2, /dir cannot be read: it is a directory/],
    ['cut.gz', 2, /cut\.gz cannot be read: /],
  ]
  for (const [file, exit, says] of failing) {
    const { code, out, err } = await run(null, ['inventory', '--from', file], { cwd })
    t.equal(code, exit, file)
    t.equal(out, '', file)
    t.match(err, says)
  }
})

t.test('init from live traffic; never over a file', async t => {
  const admin = await fakeAdmin({ 'GET /inventory': inventory, 'GET /config': CONFIG })
  t.teardown(() => admin.close())
  const cwd = await directory(t, {})
  const checked: string[] = []
  const check = async (file: string) => {
    checked.push(file)
    return { ok: true, lines: '', mistakes: [] }
  }
  const { code, out, err } = await run(admin, ['init'], { cwd, parts: { check } })
  t.equal(code, 0)
  t.equal(out, '')
  t.match(err, /routes\.yaml: 3 routes, all to legacy\nnext: answer its questions/)
  t.same(checked, ['routes.yaml'])
  const text = readFileSync(join(cwd, 'routes.yaml'), 'utf8')
  t.match(text, 'legacy: { url: "http://10.0.0.5:3001" }')
  t.match(text, 'listen: "127.0.0.1:8080"')
  t.match(text, /id: orders-id\n {4}match: \{ path: "\/orders\/:id" \}\n {4}legacy: legacy\n {4}# new: new/)
  const again = await run(admin, ['init'], { cwd })
  t.equal(again.code, 1)
  t.match(again.err, /routes\.yaml is there already, and is left as it is/)
  t.equal(readFileSync(join(cwd, 'routes.yaml'), 'utf8'), text)
  const before = statSync(join(cwd, 'routes.yaml')).size
  t.equal((await run(admin, ['init', '--force', '--legacy', 'http://10.0.0.66'], { cwd })).code, 0)
  t.match(readFileSync(join(cwd, 'routes.yaml'), 'utf8'), '10.0.0.66')
  t.ok(before > 0)
})

t.test('init from a log, to standard output', async t => {
  const { code, out, err } = await run(null, ['init', '--from', '-', '-o', '-', '--legacy', 'http://10.0.0.5'], {
    stdin: LOG,
  })
  t.equal(code, 0)
  t.match(out, /^# Made by `banyan init`/)
  t.match(out, 'legacy: { url: "http://10.0.0.5" }')
  t.match(err, /standard output: 2 routes, all to legacy/)
  const asked = await run(null, ['init', '--from', '-', '-o', '-'], { stdin: LOG })
  t.match(asked.out, /\? Where is the legacy/)
  t.match(asked.err, /warning: where the legacy is stays a question/)
  t.equal((await run(null, ['init', '--from', '-', '--legacy', 'ftp://x'], { stdin: LOG })).code, 2)
})

t.test('init where it cannot write, or finds itself mistaken', async t => {
  const cwd = await directory(t, { 'dir/x': '' })
  const argv = (file: string) => ['init', '--from', '-', '--legacy', 'http://10.0.0.5', '-o', file]
  const isDirectory = await run(null, argv('dir'), { cwd, stdin: LOG })
  t.match(isDirectory, { code: 1, err: /dir is there, and is not a file/ })
  t.match(await run(null, argv('none/x.yaml'), { cwd, stdin: LOG }), { code: 1, err: /cannot be written \(ENOENT\)/ })
  const check = async () => ({ ok: false, lines: 'x.yaml:1:1 wrong', mistakes: [] })
  t.match(await run(null, argv('x.yaml'), { cwd, stdin: LOG, parts: { check } }), { code: 1, err: /x\.yaml:1:1 wrong/ })
})
