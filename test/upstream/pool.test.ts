// The connections to one address, with real sockets: who gets which, and what a backend's surprises do.
import t from 'tap'
import { Pool, type PoolOptions } from '../../src/upstream/pool.ts'
import { connectAnywhere, deadPort, deaf, handClock, listen, realClock, sleep, take, until } from './kit.ts'

type Test = { teardown(run: () => unknown): void }

function poolTo(t: Test, port: number, options: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({
    connections: 8,
    reuse: true,
    connectMs: 2_000,
    isPatient: false,
    clock: realClock,
    connect: opened => connectAnywhere({ host: '127.0.0.1', port, tls: null }, opened),
    ...options,
  })
  t.teardown(() => pool.destroy())
  return pool
}

t.test('a connection that comes back is in quarantine; another is opened meanwhile', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  const pool = poolTo(t, port, { clock })
  const first = await take(pool)
  t.notOk(first.reused)
  pool.giveBack(first.connection)
  const second = await take(pool)
  t.not(second.connection, first.connection)
  clock.turn(10)
  await until(() => pool.free === 1)
  const third = await take(pool)
  t.equal(third.connection, first.connection)
  t.ok(third.reused)
})

t.test('who has time waits for one in quarantine, and opens one only where none is left to wait for', async t => {
  const { port, sockets } = await listen(t)
  const pool = poolTo(t, port, { isPatient: true })
  const first = await take(pool)
  pool.giveBack(first.connection)
  const [second, third] = await Promise.all([take(pool), take(pool)])
  t.same(
    new Set([second.connection, third.connection].map(connection => connection === first.connection)),
    new Set([true, false]),
  )
  t.equal(sockets.size, 2)
  pool.giveBack(second.connection)
  const gone = second.connection
  const fourth = take(pool)
  gone.destroy()
  t.not((await fourth).connection, gone, 'one that ends in quarantine is replaced')
})

t.test('last in, first out, once out of quarantine', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  const pool = poolTo(t, port, { clock })
  const [a, b] = [await take(pool), await take(pool)]
  pool.giveBack(a.connection)
  clock.turn(1)
  pool.giveBack(b.connection)
  clock.turn(10)
  await until(() => pool.free === 2)
  t.equal((await take(pool)).connection, b.connection)
  t.equal((await take(pool)).connection, a.connection)
})

t.test('one that was not read at the end of its answer is read again: also what nobody asked for is heard', async t => {
  const { port, sockets } = await listen(t)
  const pool = poolTo(t, port, { connections: 1 })
  const { connection } = await take(pool)
  // The client was slow, and the last piece of its answer was one too many.
  connection.socket.pause()
  pool.giveBack(connection)
  t.notOk(connection.socket.isPaused())
  await until(() => sockets.size === 1)
  for (const socket of sockets) socket.write('surplus')
  await until(() => pool.size === 0)
})

t.test('bytes that nobody asked for end the connection and reach nobody', async t => {
  const { port, sockets } = await listen(t)
  const pool = poolTo(t, port, { connections: 1 })
  const { connection } = await take(pool)
  pool.giveBack(connection)
  await until(() => sockets.size === 1)
  for (const socket of sockets) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
  await until(() => pool.size === 0)
  const next = await take(pool)
  t.not(next.connection, connection)
  let heard = 0
  next.connection.lend({
    ...deaf,
    bytes(chunk) {
      heard += chunk.length
    },
  })
  await sleep(20)
  t.equal(heard, 0)
})

t.test('an idle connection that the backend closes is gone', async t => {
  const { port, sockets } = await listen(t)
  const pool = poolTo(t, port)
  const { connection } = await take(pool)
  pool.giveBack(connection)
  await until(() => sockets.size === 1)
  for (const socket of sockets) socket.end()
  await until(() => pool.size === 0)
  t.notOk((await take(pool)).reused)
})

t.test('the backend’s announced keep-alive counts, a second early; else four seconds', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  const pool = poolTo(t, port, { clock })
  const [announced, silent] = [await take(pool), await take(pool)]
  announced.connection.idleMs = 2_000
  pool.giveBack(announced.connection)
  pool.giveBack(silent.connection)
  clock.turn(999)
  pool.sweep()
  await sleep(5)
  t.equal(pool.size, 2)
  clock.turn(1)
  pool.sweep()
  await until(() => pool.size === 1)
  t.notOk(announced.connection.usable)
  clock.turn(3_000)
  pool.sweep()
  await until(() => pool.size === 0)
})

t.test('at the limit one waits for whoever comes back first', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port, { connections: 2 })
  const [a, b] = [await take(pool), await take(pool)]
  const third = take(pool)
  const fourth = take(pool)
  pool.giveBack(b.connection)
  pool.giveBack(a.connection)
  t.equal((await third).connection, b.connection)
  t.equal((await fourth).connection, a.connection)
  t.equal(pool.size, 2)
})

t.test('a returned connection serves those who wait, though another is being opened', async t => {
  const { port } = await listen(t)
  let slow = false
  const pool = poolTo(t, port, {
    connections: 2,
    connect(opened) {
      const delayed = slow
      return connectAnywhere({ host: '127.0.0.1', port, tls: null }, socket => {
        if (delayed) setTimeout(opened, 50, socket)
        else opened(socket)
      })
    },
  })
  const first = await take(pool)
  slow = true
  const second = take(pool)
  const third = take(pool)
  pool.giveBack(first.connection)
  t.equal((await second).connection, first.connection, 'the one in front of the queue')
  t.notOk((await third).reused)
})

t.test('fresh: never one that was used, at the limit neither', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  const pool = poolTo(t, port, { connections: 1, clock })
  const first = await take(pool)
  pool.giveBack(first.connection)
  const second = await take(pool, true)
  t.notOk(second.reused, 'out of quarantine')
  pool.giveBack(second.connection)
  clock.turn(10)
  await until(() => pool.free === 1)
  const third = await take(pool)
  t.ok(third.reused)
  pool.giveBack(third.connection)
  clock.turn(10)
  const fourth = await take(pool, true)
  t.notOk(fourth.reused, 'ready ones')
  const fifth = take(pool, true)
  pool.giveBack(fourth.connection)
  t.notOk((await fifth).reused, 'one that comes back while it waits')
})

t.test('reuse: never', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port, { reuse: false })
  const { connection } = await take(pool)
  pool.giveBack(connection)
  t.notOk(connection.usable)
})

t.test('nobody listens: everybody hears it, those at the limit too', async t => {
  const pool = poolTo(t, await deadPort(), { connections: 1 })
  const codes = await Promise.all(
    [1, 2, 3].map(() =>
      take(pool).then(
        () => 'open',
        (error: { code: string }) => error.code,
      ),
    ),
  )
  t.strictSame(codes, ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'])
  t.equal(pool.size, 0)
})

t.test('no handshake: the connect timeout', async t => {
  // TLS towards somebody who says nothing.
  const { port } = await listen(t)
  const policy = {
    verify: true,
    ca: null,
    servername: null,
    minVersion: null,
    ciphers: null,
    legacyRenegotiation: false,
  }
  const tls = { servername: 'localhost', policy }
  const pool = poolTo(t, port, {
    connectMs: 50,
    connect: opened => connectAnywhere({ host: '127.0.0.1', port, tls }, opened),
  })
  await t.rejects(take(pool), { code: 'BANYAN_CONNECT_TIMEOUT' })
  t.equal(pool.size, 0)
})

t.test('who does not want any more gets nothing; the connection is kept', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port)
  const wanting = { take: () => t.fail('taken'), failed: () => t.fail('failed') }
  pool.want(wanting)
  pool.forget(wanting)
  await until(() => pool.isIdle && pool.size === 1)
  t.ok(pool.isIdle)
})

t.test('close: those who are served end as they will, nothing is kept', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port, { connections: 2 })
  const [a, b] = [await take(pool), await take(pool)]
  const waiting = take(pool)
  pool.giveBack(b.connection)
  const c = await waiting
  const late = take(pool)
  pool.close()
  t.ok(a.connection.usable)
  pool.giveBack(c.connection)
  t.notOk((await late).reused, 'who waits is still served')
  pool.giveBack(a.connection)
  pool.giveBack((await late).connection)
  await until(() => pool.size === 0)
})

t.test('close: a connection that opens for nobody is not kept', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port)
  const wanting = { take: () => t.fail('taken'), failed: () => t.fail('failed') }
  pool.want(wanting)
  pool.forget(wanting)
  pool.close()
  await until(() => pool.size === 0)
})

t.test('destroy: whoever waits hears it', async t => {
  const { port } = await listen(t)
  const pool = poolTo(t, port, { connections: 1 })
  await take(pool)
  const waiting = [take(pool), take(pool)]
  pool.destroy()
  for (const one of waiting) await t.rejects(one, { code: 'ECONNRESET' })
  t.equal(pool.size, 0)
})
