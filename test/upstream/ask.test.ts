// A question that nobody waits for: bounded in time and bytes whatever the backend does, and nothing is left behind.
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Backend } from '../../src/model/route.ts'
import { type AskLimits, type AskOutcome, ask } from '../../src/upstream/ask.ts'
import { backendWith, deadPort, listen, realClock, servicesFor } from './kit.ts'

const LIMITS: AskLimits = { timeoutMs: 5_000, keepBytes: 1_000, readBytes: 1_000, hold: () => true }

interface Asking {
  readonly serve: (socket: Socket, text: string) => void
  readonly limits?: Partial<AskLimits>
  readonly body?: Uint8Array
}

async function asking(t: Test, { serve, limits = {}, body }: Asking) {
  const server = await listen(t, socket => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      if (text.includes('\r\n\r\n')) serve(socket, text)
    })
  })
  const backend = backendWith({ origins: [`http://127.0.0.1:${server.port}`] })
  const outcome = await askOf(t, backend, { ...LIMITS, ...limits }, body ?? null)
  return { outcome, sockets: server.sockets }
}

function askOf(
  t: Test,
  backend: Backend,
  limits: AskLimits,
  body: Uint8Array | null,
  services = servicesFor(t),
): Promise<AskOutcome> {
  const framing = body === null ? ({ kind: 'none' } as const) : ({ kind: 'length', bytes: body.length } as const)
  const length = body === null ? '' : `Content-Length: ${body.length}\r\n`
  const head = `GET /x HTTP/1.1\r\nHost: a\r\n${length}\r\n`
  const question = {
    side: 'new',
    backend,
    method: 'GET',
    head,
    framing,
    upgrade: false,
    expects: false,
    binds: false,
    stick: null,
  } as const
  return ask(
    { serviceOf: of => services.of(of, 'shadow'), clock: realClock, mayAsk: () => true },
    question,
    body,
    limits,
  )
}

function textOf(outcome: AskOutcome): string {
  return outcome.kind === 'answer' ? Buffer.from(outcome.body.start).toString('latin1') : outcome.kind
}

t.test('an answer arrives whole, and its connection serves the next question', async t => {
  const { outcome } = await asking(t, {
    serve: socket => socket.write('HTTP/1.1 203 Fine\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello'),
  })
  t.equal(textOf(outcome), 'hello')
  t.match(outcome, { answer: { status: 203 }, body: { length: 5, complete: true, blocks: null } })
})

t.test('what is asked with a body gets it', async t => {
  const { outcome } = await asking(t, {
    serve: (socket, text) => {
      const body = text.split('\r\n\r\n')[1] as string
      if (body.length === 4) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${body}`)
    },
    body: Buffer.from('find'),
  })
  t.equal(textOf(outcome), 'find')
})

t.test('a body above what is kept is hashed, and what is longer than is read is left', async t => {
  const { outcome } = await asking(t, {
    serve: socket => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n${'x'.repeat(3000)}`),
    limits: { readBytes: 5_000 },
  })
  t.match(outcome, { body: { length: 3000, complete: true, blocks: [/^[0-9a-f]{64}$/] } })
  const endless = await asking(t, {
    serve: socket => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`)
      const pour = setInterval(() => socket.write(`400\r\n${'x'.repeat(1024)}\r\n`), 1)
      socket.on('close', () => clearInterval(pour))
    },
    limits: { readBytes: 5_000 },
  })
  t.equal(endless.outcome.kind, 'answer')
  if (endless.outcome.kind === 'answer') t.notOk(endless.outcome.body.complete)
})

t.test('one that says itself that it is too long is not read at all', async t => {
  const { outcome } = await asking(t, {
    serve: socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n'),
  })
  t.match(outcome, { kind: 'answer', body: { length: 1_000_000_000, complete: false, blocks: [] } })
})

t.test('a kept connection that is closed under a question is no answer of the side', async t => {
  let count = 0
  const server = await listen(t, socket => {
    socket.on('data', () => {
      // The first connection is closed when it is used again.
      if (++count === 2) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const backend = backendWith({ origins: [`http://127.0.0.1:${server.port}`] })
  const services = servicesFor(t)
  t.match(await askOf(t, backend, LIMITS, null, services), { kind: 'answer' })
  // Out of quarantine.
  await new Promise(resolve => setTimeout(resolve, 50))
  t.match(await askOf(t, backend, LIMITS, null, services), { kind: 'answer' })
  t.equal(count, 3)
})

t.test('one that never ends, never begins or drips is over in time', async t => {
  const limits = { timeoutMs: 200 }
  const silent = await asking(t, { serve() {}, limits })
  t.match(silent.outcome, { kind: 'failure', failure: { kind: 'timeout' } })
  const open = await asking(t, {
    serve: socket => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'),
    limits,
  })
  t.match(open.outcome, { kind: 'failure', failure: { kind: 'timeout' } })
  const dripping = await asking(t, {
    serve: socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
      const drip = setInterval(() => socket.write('x'), 20)
      socket.on('close', () => clearInterval(drip))
    },
    limits,
  })
  t.match(dripping.outcome, { kind: 'failure', failure: { kind: 'timeout' } })
})

t.test('one that is not there, resets, cuts or speaks nonsense is a failure of its kind', async t => {
  const dead = backendWith({ origins: [`http://127.0.0.1:${await deadPort()}`] })
  t.match(await askOf(t, dead, LIMITS, null), { kind: 'failure', failure: { kind: 'connect' } })
  const reset = await asking(t, { serve: socket => socket.resetAndDestroy() })
  t.match(reset.outcome, { kind: 'failure', failure: { kind: 'reset' } })
  const cut = await asking(t, {
    serve: socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
  })
  t.match(cut.outcome, { kind: 'failure', failure: { kind: 'truncated' } })
  const foul = await asking(t, { serve: socket => socket.write('SSH-2.0-x\r\n\r\n') })
  t.match(foul.outcome, { kind: 'failure', failure: { kind: 'protocol' } })
})

t.test('bytes that may not be held end it, and every one that was is told', async t => {
  let held = 0
  const { outcome } = await asking(t, {
    serve: socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n')
      for (let i = 0; i < 9; i++) setTimeout(() => socket.write('x'.repeat(100)), 20 * i)
    },
    limits: {
      hold(bytes) {
        if (held + bytes > 350) return false
        held += bytes
        return true
      },
    },
  })
  t.equal(outcome.kind, 'full')
  t.ok(held <= 350)
})

t.test('an answer that binds its connection to a user leaves no connection behind', async t => {
  const { outcome, sockets } = await asking(t, {
    serve: socket => socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n'),
  })
  t.match(outcome, { kind: 'answer', answer: { status: 401 } })
  const [socket] = sockets
  if (socket !== undefined) await new Promise(resolve => socket.once('close', resolve))
  t.equal(sockets.size, 0)
})
