// status --watch: drawn over on a terminal, lines in a pipe, patient with a proxy that is away for a while.
import t from 'tap'
import { problem, status } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'

const quick = ['status', '--watch', '--interval', '1ms']

/** Ends a watch when the server was asked `times` times; the answer to that request still arrives. */
function lookTimes(times: number, answers: readonly object[] = [status]) {
  const controller = new AbortController()
  let asked = 0
  let drawn = 0
  return {
    signal: controller.signal,
    script: {
      'GET /status': (response: Parameters<typeof reply>[0]) => {
        reply(response, 200, answers[Math.min(asked, answers.length - 1)])
        asked += 1
      },
    },
    onWrite: (text: string) => {
      if (/revision/.test(text)) drawn += 1
      if (drawn >= times) controller.abort()
    },
  }
}

t.test('a terminal is drawn over', async t => {
  const { signal, script, onWrite } = lookTimes(2)
  const admin = await fakeAdmin(script)
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, quick, { tty: true, columns: 140, signal, onWrite })
  t.equal(code, 0)
  t.ok(out.startsWith('\x1b[?25l\x1b[2J\x1b[H'), 'the cursor is hidden')
  t.equal(out.split('\x1b[H').length, 3, 'two frames')
  t.equal(out.split('\x1b[2J').length, 2, 'cleared once: then each frame is drawn over the last one')
  t.ok(out.endsWith('\x1b[J\x1b[?25h'), 'and is shown again')
  t.match(out, /orders/)
})

t.test('what is below the end of the terminal is left out', async t => {
  const many = { ...status, routes: Array.from({ length: 50 }, (_, i) => ({ ...status.routes[0], id: `r${i}` })) }
  const { signal, script, onWrite } = lookTimes(1, [many])
  const admin = await fakeAdmin(script)
  t.teardown(() => admin.close())
  const { out } = await run(admin, quick, { tty: true, columns: 140, rows: 10, signal, onWrite })
  t.equal(out.split('\n').length - 1, 9)
})

t.test('a pipe gets lines', async t => {
  const { signal, script, onWrite } = lookTimes(2)
  const admin = await fakeAdmin(script)
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, quick, { signal, onWrite })
  t.equal(code, 0)
  t.notMatch(out, '\x1b')
  const lines = out.trim().split('\n')
  t.equal(lines.length, 4)
  t.equal(lines[0], '2026-01-02T13:12:00Z instance=a state=ready revision=42 rollbacks=0 warnings=0')
  t.equal(
    lines[1],
    '2026-01-02T13:12:00Z route=orders state=split declared=5% desired=25% effective=25% observed=24.84% shadow=10% legacy=12.3/s,1.00%,13ms new=4.1/s,0.00%,9.9ms phase=growth match=99.00% attention=none next="3 divergences to look at"',
  )
})

t.test('TERM=dumb is no place to draw', async t => {
  const { signal, script, onWrite } = lookTimes(1)
  const admin = await fakeAdmin(script)
  t.teardown(() => admin.close())
  const { out } = await run(admin, quick, { tty: true, env: { TERM: 'dumb' }, signal, onWrite })
  t.notMatch(out, '\x1b')
  t.match(out, /route=orders/)
})

t.test('--json: one line per look', async t => {
  const { signal, script, onWrite } = lookTimes(2)
  const admin = await fakeAdmin(script)
  t.teardown(() => admin.close())
  const { out } = await run(admin, [...quick, '--json'], { tty: true, signal, onWrite })
  const lines = out.trim().split('\n')
  t.equal(lines.length, 2)
  for (const line of lines) t.same(JSON.parse(line), status)
})

t.test('a proxy that is away is waited for; a token that is refused is not', async t => {
  const controller = new AbortController()
  let asked = 0
  const admin = await fakeAdmin({
    'GET /status': response => {
      asked += 1
      if (asked === 2) response.destroy()
      else reply(response, 200, status)
    },
  })
  t.teardown(() => admin.close())
  let frames = 0
  const onWrite = (text: string) => {
    if (/revision/.test(text)) frames += 1
    if (frames === 3) controller.abort()
  }
  const { code, out } = await run(admin, quick, { tty: true, columns: 140, signal: controller.signal, onWrite })
  t.equal(code, 0)
  t.match(out, /STALE \(as of \ds ago\): http:\S+ cannot be reached/, 'the last frame stays, marked')
  const stale = out.split('\x1b[H').find(frame => frame.includes('STALE')) ?? ''
  t.match(stale.split('\n').find(line => line.includes('orders')) ?? '', '\x1b[2m', 'and grey')
  t.notMatch(stale, '\x1b[1m', 'without other colours')
  t.notMatch(out.split('\x1b[H').at(-1), 'STALE', 'it comes back by itself')
  t.equal(asked, 3)

  const closed = await fakeAdmin({ 'GET /status': response => reply(response, 403, problem(403, 'scope', 'no')) })
  t.teardown(() => closed.close())
  t.equal((await run(closed, quick)).code, 7)
})

t.test('a reader that goes away ends it quietly', async t => {
  const admin = await fakeAdmin({ 'GET /status': status })
  t.teardown(() => admin.close())
  let writes = 0
  const { code, err } = await run(admin, quick, {
    onWrite: () => {
      writes += 1
      if (writes > 1) throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    },
  })
  t.equal(code, 0)
  t.equal(err, '')
  t.equal(writes, 2)
})

t.test('the cursor comes back whatever ends it', async t => {
  const refused = await fakeAdmin({ 'GET /status': response => reply(response, 403, problem(403, 'forbidden', 'no')) })
  t.teardown(() => refused.close())
  const { code, out } = await run(refused, quick, { tty: true })
  t.equal(code, 7)
  t.ok(out.endsWith('\x1b[?25h'))
})

t.test('Ctrl-C ends a look that is under way', async t => {
  const interrupted = new AbortController()
  const admin = await fakeAdmin({ 'GET /status': () => interrupted.abort() })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, quick, { tty: true, interrupts: () => interrupted.signal })
  t.equal(code, 0)
  t.ok(out.endsWith('\x1b[?25h'))
})

t.test('an end that nobody can catch shows the cursor, once', async t => {
  const controller = new AbortController()
  const ends: (() => void)[] = []
  const admin = await fakeAdmin({
    'GET /status': () => {
      for (const end of ends) end()
      controller.abort()
    },
  })
  t.teardown(() => admin.close())
  const { out } = await run(admin, quick, { tty: true, signal: controller.signal, atEnd: end => ends.push(end) })
  t.equal(out.split('\x1b[?25h').length, 2)
})
