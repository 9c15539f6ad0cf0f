// The bench's own parts: its arithmetic, its reader of answers, and that nothing it starts outlives it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { AnswerReader, createTally } from '../../bench/kit/answers.ts'
import { createChildren } from '../../bench/kit/children.ts'
import { inodesAt } from '../../bench/kit/connections.ts'
import { childrenOf, coreTicksOf, stolenTicksOf, ticksOf } from '../../bench/kit/cpu.ts'
import { isMet, median, percentile, ratios, spreadOf, table, verdictText } from '../../bench/kit/figures.ts'
import { patternOf, seeded, shuffled, targetOf } from '../../bench/kit/many-routes.ts'
import { bytesIn } from '../../bench/kit/memory.ts'
import { freePort, listening } from '../../bench/kit/ports.ts'
import { alternate, BY_HOST, disturbance, othersShare, type Timed } from '../../bench/kit/turns.ts'
import { acceptOf, frameOf, handshakeOf, keyOf } from '../../bench/kit/websocket.ts'
import type { OriginPorts } from '../../bench/peers/origin.ts'
import { createMatcher } from '../../src/routing/match.ts'
import { head, matching, route } from '../routing/make.ts'

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))
const linux = process.platform === 'linux'

t.test('medians and percentiles', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([10, 9]), 9.5, 'sorted as numbers')
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.equal(percentile(hundred, 0.95), 95)
  t.equal(percentile(hundred, 1), 100)
  t.equal(percentile([7], 0.95), 7)
  t.throws(() => median([]))
  t.throws(() => percentile([], 0.5))
})

t.test('ratios pair the rounds', async t => {
  t.same(ratios([10, 40, 90], [10, 20, 30]), { min: 1, median: 2, max: 3 })
  t.throws(() => ratios([1], [1, 2]))
})

t.test('a bar is met up to its value', async t => {
  const two = spreadOf([2])
  t.ok(isMet(two, { kind: 'at least', value: 2 }))
  t.notOk(isMet(two, { kind: 'at least', value: 2.01 }))
  t.ok(isMet(two, { kind: 'at most', value: 2 }))
  t.notOk(isMet(two, { kind: 'at most', value: 1.99 }))
  const said = { asked: 'a against b', figure: spreadOf([1, 2, 3]), unit: '×' }
  t.equal(
    verdictText({ ...said, bar: { kind: 'at least', value: 2.5 } }),
    'a against b: 2.00 × (1.00 … 3.00)   bar: at least 2.50: MISSED',
  )
  t.equal(verdictText({ ...said, bar: null }), 'a against b: 2.00 × (1.00 … 3.00)')
})

t.test('a table has straight columns', async t => {
  const rows = [
    ['', 'n'],
    ['short', '1'],
    ['much longer', '1,000'],
  ]
  t.equal(table(rows), ['                 n', 'short            1', 'much longer  1,000'].join('\n'))
})

t.test('CPU time comes from the right fields', async t => {
  t.equal(ticksOf('42 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 110 11 12 13'), 121)
  const stat = 'cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 400 5 6 7 8 0 0\ncpu1 10 20 30 400 50 1 2 3 0 0\ncpu10 7 7 7\n'
  t.equal(coreTicksOf(stat, 1), 66, 'all but idle and waiting')
  t.throws(() => coreTicksOf('cpu  9 9 9\n', 0))
  t.equal(stolenTicksOf(stat, 1), 3)
})

t.test('memory comes from the right fields', async t => {
  const status = 'Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t  238248 kB\nVmRSS:\t     100 kB\nRssAnon:\t 7 kB\n'
  t.equal(bytesIn(status, 'VmRSS'), 102_400)
  t.equal(bytesIn(status, 'VmHWM'), 243_965_952)
  t.throws(() => bytesIn('Name:\tkthreadd\n', 'VmRSS'))
})

t.test('a WebSocket is shaken hands with as the RFC says', async t => {
  t.equal(acceptOf('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  t.equal(Buffer.from(keyOf(17), 'base64').length, 16)
  t.not(keyOf(17), keyOf(18))
  t.match(handshakeOf('/live', 42, keyOf(1)), /^GET \/live HTTP\/1\.1\r\n.*\r\nX-User-Id: user-0042\r\n\r\n$/s)
  t.same([...frameOf('Hi')], [0x81, 0x82, 0, 0, 0, 0, 0x48, 0x69])
  t.throws(() => frameOf('x'.repeat(126)))
})

t.test('turns alternate, and those that were disturbed are taken again', async t => {
  const taken: string[] = []
  const turn = (others: number): Timed => {
    return { seconds: 2, proxyCore: { own: 1, all: 1 + others }, loadCore: { own: 1, all: 1 }, stolen: others / 100 }
  }
  const patience = { untilQuiet: async () => {} }
  const rounds = await alternate(['a', 'b'], { rounds: 2, patience }, async (one, round) => {
    taken.push(`${one}${round}`)
    return turn(taken.length === 2 ? 1 : 0)
  })
  t.same(taken, ['a1', 'b1', 'b1', 'a2', 'b2'])
  t.match(rounds, { repeated: 1, disturbed: 0 })
  t.same(rounds.of.get('b')?.map(othersShare), [0, 0], 'the quieter of both counts')
  t.match(disturbance(rounds), /more than 10 % of a core: 1$/)
  const strict = await alternate(['a'], { rounds: 1, patience, by: BY_HOST }, async () => turn(2))
  t.match(strict, { repeated: 2, disturbed: 1 })
  t.match(disturbance(strict), /host .* 0\.5 % of the time: 2; .*: 1$/)
})

t.test('answers are counted wherever the bytes are cut', async t => {
  const answer = (side: string) => `HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx-served-by: ${side}\r\n\r\nbody`
  const bytes = Buffer.from(answer('new') + answer('legacy') + answer('new'))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const tally = createTally()
    const reader = new AnswerReader(tally, 4)
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
    const counts = pieces.map(piece => reader.take(piece, piece.length))
    t.equal((counts[0] ?? 0) + (counts[1] ?? 0), 3, `cut at ${cut}`)
    t.match(tally, { done: 3, byNew: 2, wrong: 0 })
  }
})

t.test('what was not expected is wrong', async t => {
  for (const answer of [
    'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nbody',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbodyy',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ]) {
    const tally = createTally()
    const bytes = Buffer.from(answer)
    t.equal(new AnswerReader(tally, 4).take(bytes, bytes.length), -1)
    t.match(tally, { done: 0, wrong: 1, firstWrong: answer.slice(0, 12) })
  }
})

t.test('every target of the many routes hits its own route', async t => {
  const count = 301
  const matcher = createMatcher(Array.from({ length: count }, (_, i) => route(i, matching(patternOf(i)))))
  const order = shuffled(count, count, seeded(1))
  t.equal(new Set(order).size, count, 'each once')
  t.same(
    order.map(i => matcher.match(head(targetOf(i)))?.route.index),
    order,
  )
})

t.test('a process answers, and is gone after stopAll', async t => {
  const children = createChildren()
  t.teardown(() => children.stopAll())
  const origin = children.startFile('origin', 'peers/origin.ts', 0)
  const ports = await origin.ask<OriginPorts>({}, 30_000)
  const socket = connect({ port: ports.new, host: '127.0.0.1' })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  t.match(bytes.toString('latin1'), /^HTTP\/1\.1 200 OK\r\n.*x-served-by: new\r\n/s)
  socket.destroy()
  await children.stopAll()
  t.notOk(runs(origin.pid))
  await t.rejects(origin.ask({}, 30_000), /origin ended/)
  t.throws(() => children.startFile('late', 'peers/origin.ts', 0), /the bench is ending/)
})

t.test('a process that ignores SIGTERM is killed', async t => {
  const children = createChildren(50)
  t.teardown(() => children.stopAll())
  const port = await freePort()
  const script = `process.on('SIGTERM', () => {}); require('node:net').createServer().listen(${port}, '127.0.0.1')`
  const stubborn = children.start('stubborn', [process.execPath, '-e', script], { core: 0 })
  await listening(stubborn, port, 30_000)
  await stubborn.stop()
  t.notOk(runs(stubborn.pid))
})

t.test('a process that fails says why', async t => {
  const children = createChildren()
  t.teardown(() => children.stopAll())
  const script = 'console.error("no luck"); process.exit(7)'
  const failing = children.start('failing', [process.execPath, '-e', script], { core: 0 })
  await t.rejects(listening(failing, await freePort(), 30_000), {
    message: 'failing ended (exit code 7):\nno luck',
  })
  await failing.stop()
})

t.test('Ctrl-C ends what the bench started', { skip: linux ? false : 'reads /proc' }, async t => {
  const bench = spawn(process.execPath, [MAIN, 'matching', '--quick'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(bench, 'exit')
  let said = ''
  for await (const text of bench.stdout.setEncoding('utf8')) {
    said += text
    if (said.includes('\nmatching:')) break
  }
  let started: readonly number[] = []
  while (started.length === 0 && bench.exitCode === null) {
    started = childrenOf(bench.pid as number)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  bench.kill('SIGINT')
  t.same(await exited, [130, null])
  t.ok(started.length > 0)
  t.same(started.filter(runs), [])
})

t.test('wrong usage says what is right', async t => {
  for (const args of [['speed'], ['--rounds', '0'], ['--colour']]) {
    const bench = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    bench.stderr.setEncoding('utf8').on('data', text => {
      said += text
    })
    t.same(await once(bench, 'close'), [2, null])
    t.match(said, /split.*rollback.*matching/s)
  }
})

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

t.test('connections of a port are told apart from those that go elsewhere, listen or end', async t => {
  const line = (local: string, remote: string, state: string, inode: number) =>
    `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4 30 10 -1`
  const text = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    line('0100007F:1F90', '00000000:0000', '0A', 1),
    line('0100007F:1F90', '0100007F:C350', '01', 2),
    line('0100007F:C350', '0100007F:1F90', '01', 3),
    line('0100007F:1F90', '0100007F:C351', '08', 4),
    line('0100007F:1F90', '0100007F:C352', '01', 5),
    '',
  ].join('\n')
  t.same([...inodesAt(8080, text)], ['2', '5'])
})
