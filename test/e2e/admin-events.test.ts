// The event stream over real sockets: one event a change, ids that resume, and listeners that cannot hurt anybody.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import { type Banyan, eventually, TOKEN } from './harness.ts'
import { ask, hold, startHouse } from './operator.ts'

interface Event {
  readonly id: string | null
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
  readonly data: any
}

interface Listener {
  readonly status: number
  readonly response: IncomingMessage
  readonly call: ClientRequest
  /** Everything so far. */
  readonly events: Event[]
  /** The last id that the stream has given, also without an event. */
  lastId(): string | null
  /** The event after those that were taken, or null at the end of the stream. */
  next(): Promise<Event | null>
  readonly closed: Promise<void>
  leave(): void
}

function listen(t: Test, banyan: Banyan, lastEventId: string | null = null, token = TOKEN): Promise<Listener> {
  const { hostname, port } = new URL(banyan.admin)
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
    }
    const call = request({ host: hostname, port, path: '/api/v1/events', agent: false, headers })
    call.on('error', reject)
    call.on('response', response => resolve(read(call, response)))
    call.end()
    t.teardown(() => call.destroy())
  })
}

/** As a browser reads it: an event without data only moves the id. */
function read(call: ClientRequest, response: IncomingMessage): Listener {
  const events: Event[] = []
  const waiting: ((event: Event | null) => void)[] = []
  let [text, taken, lastId, over] = ['', 0, null as string | null, false]
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(
        block
          .split('\n')
          .filter(line => !line.startsWith(':'))
          .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const),
      )
      lastId = fields.get('id') ?? lastId
      const data = fields.get('data')
      if (data === undefined) continue
      // Comes at any time, and has tests of its own: test/e2e/charts.test.ts.
      if (fields.get('event') === 'traffic') continue
      const event = { id: fields.get('id') ?? null, event: fields.get('event') ?? 'message', data: JSON.parse(data) }
      events.push(event)
      const waiter = waiting.shift()
      if (waiter === undefined) continue
      taken++
      waiter(event)
    }
  })
  const closed = new Promise<void>(resolve => {
    response.on('error', () => {})
    response.on('close', () => {
      over = true
      for (const waiter of waiting) waiter(null)
      resolve()
    })
  })
  return {
    status: response.statusCode ?? 0,
    response,
    call,
    events,
    closed,
    lastId: () => lastId,
    next() {
      const event = events[taken]
      if (event === undefined) return over ? Promise.resolve(null) : new Promise(resolve => waiting.push(resolve))
      taken++
      return Promise.resolve(event)
    },
    leave: () => call.destroy(),
  }
}

t.test('one event for each change, with what, who, why and the revision; none for a refusal', async t => {
  const { banyan, api } = await startHouse(t)
  const listener = await listen(t, banyan)
  t.equal(listener.status, 200)
  t.match(listener.response.headers, {
    'content-type': /^text\/event-stream/,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'access-control-allow-origin': undefined,
  })
  await api('PUT', '/routes/orders/weight', { percent: 150 })
  await api('PUT', '/routes/orders/weight', { percent: 50, reason: 'half\n\ndata: forged\n\n' })
  await api('POST', '/routes/old/freeze', {})
  await api('POST', '/routes/orders/freeze', {})
  await api('POST', '/routes/orders/freeze', {})
  const { rollback } = (await api('POST', '/routes/orders/rollback', {})).json
  await api('POST', '/routes/orders/rollback', {})
  await api('POST', '/routes/orders/restore', { rollbacks: [rollback] })
  await api('POST', '/routes/orders/restore', {})
  const { secret } = (await api('POST', '/tokens', { name: 'ci', scopes: ['read'] })).json
  await api('POST', '/rollback', { reason: 'end' })
  const told: Event[] = []
  while (told.at(-1)?.data.reason !== 'end') told.push((await listener.next()) as Event)
  t.same(
    told.map(one => [one.event, one.data.action, one.data.subject, one.data.trigger]),
    [
      ['change', 'set-weight', 'orders', null],
      ['change', 'freeze', 'orders', null],
      ['change', 'rollback', 'orders', 'operator'],
      ['change', 'restore', 'orders', null],
      ['change', 'create-token', told[4]?.data.subject, null],
      ['change', 'rollback', '*', 'operator'],
    ],
  )
  t.match(told[0]?.data, {
    by: 'environment',
    reason: 'half\n\ndata: forged\n\n',
    revision: Number,
    at: Number,
    ms: Number,
  })
  const revisions = told.map(one => one.data.revision)
  t.same(
    revisions,
    revisions.toSorted((a, b) => a - b),
  )
  t.equal(revisions.at(-1), (await api('GET', '/status')).json.revision)
  t.equal(new Set(told.map(one => one.id)).size, told.length, 'each id once')
  t.notOk(JSON.stringify(told).includes(secret))
})

t.test('Last-Event-ID: exactly what was missed, in order; an unknown id is told to read anew', async t => {
  const { banyan, api } = await startHouse(t)
  const first = await listen(t, banyan)
  await api('PUT', '/routes/orders/weight', { percent: 1 })
  const seen = await first.next()
  first.leave()
  for (const percent of [2, 3, 4]) await api('PUT', '/routes/orders/weight', { percent, reason: `to ${percent}` })
  const back = await listen(t, banyan, seen?.id ?? '')
  await api('PUT', '/routes/orders/weight', { percent: 5, reason: 'to 5' })
  const reasons = [await back.next(), await back.next(), await back.next(), await back.next()]
  t.same(
    reasons.map(one => one?.data.reason),
    ['to 2', 'to 3', 'to 4', 'to 5'],
  )
  const current = await listen(t, banyan, reasons.at(-1)?.id ?? '')
  await api('PUT', '/routes/orders/weight', { percent: 6, reason: 'to 6' })
  t.equal((await current.next())?.data.reason, 'to 6', 'who is up to date gets nothing twice')

  const last = current.events.at(-1)?.id ?? ''
  const number = Number(last.split('-')[1])
  const epoch = last.split('-')[0]
  const unknown = ['nonsense', 'ffffffff-1', `${epoch}-${number + 1}`, `${epoch}--1`, `${epoch}-1.5`, '0']
  for (const id of unknown) {
    const lost = await listen(t, banyan, id)
    const reset = await lost.next()
    t.match(reset, { event: 'reset', data: { why: String } }, id)
    t.equal(reset?.id, last, 'and can resume from there')
    lost.leave()
  }
})

t.test('who comes back before anything happened has missed nothing: the stream begins with an id', async t => {
  const { banyan, api } = await startHouse(t)
  const first = await listen(t, banyan)
  // Calls that come after it and are answered meanwhile.
  for (let i = 0; i < 50 && first.lastId() === null; i++) await api('GET', '/status')
  const id = first.lastId()
  first.leave()
  await api('PUT', '/routes/orders/weight', { percent: 1, reason: 'meanwhile' })
  const back = await listen(t, banyan, id)
  await api('PUT', '/routes/orders/weight', { percent: 2, reason: 'later' })
  t.equal((await back.next())?.data.reason, 'meanwhile')
})

t.test('several listeners hear the same; one that leaves takes nobody with it', async t => {
  const { banyan, api } = await startHouse(t)
  const listeners = await Promise.all([1, 2, 3, 4].map(() => listen(t, banyan)))
  await api('POST', '/routes/orders/freeze', {})
  const ids = await Promise.all(listeners.map(async one => (await one.next())?.id))
  t.equal(new Set(ids).size, 1)
  listeners[0]?.leave()
  await api('POST', '/routes/orders/unfreeze', {})
  for (const one of listeners.slice(1)) t.equal((await one.next())?.data.action, 'unfreeze')
})

t.test('32 of one token at once: 429, and room again when one leaves; another token always finds some', async t => {
  const { banyan, api } = await startHouse(t)
  const listeners = await Promise.all(Array.from({ length: 32 }, () => listen(t, banyan)))
  t.ok(listeners.every(one => one.status === 200))
  const refused = await ask(banyan.admin, 'GET', '/api/v1/events')
  hold(t, 'GET', '/events', refused)
  t.match(refused, { status: 429, json: { code: 'listener_share', title: 'Too Many Listeners of One Token' } })
  t.equal(refused.headers['retry-after'], '10')
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200, 'nothing else is refused')
  const { secret } = (await api('POST', '/tokens', { name: 'ci', scopes: ['read'] })).json
  const others = await Promise.all(Array.from({ length: 32 }, () => listen(t, banyan, null, secret)))
  t.ok(others.every(one => one.status === 200))
  const third = (await api('POST', '/tokens', { name: 'late', scopes: ['read'] })).json.secret
  t.equal((await listen(t, banyan, null, third)).status, 200, 'one of those with the most has to go')
  await Promise.race([...listeners, ...others].map(one => one.closed))
  others[31]?.leave()
  listeners[31]?.leave()
  await eventually(async () => {
    const next = await listen(t, banyan)
    return next.status === 200
  }, 'a place is free')
})

t.test('a listener that does not read is let go; others miss nothing, and no change waits', async t => {
  const { banyan, api } = await startHouse(t)
  const [slow, quick] = [await listen(t, banyan), await listen(t, banyan)]
  slow.response.pause()
  const actor = { name: 'test', tokenId: null, address: null }
  // Longer than the API admits: what two sockets of this machine buffer is filled sooner.
  const padding = 'x'.repeat(128 * 1024)
  const total = 200
  for (let i = 1; i <= total; i++) {
    const command = { route: 'orders', percent: i / 10, actor, reason: `${i} ${padding}` }
    await banyan.app.control.apply({ type: 'set-weight', ...command })
    if (numberOf(await quick.next()) !== i) t.fail(`the other one missed ${i}`)
  }
  t.equal((await api('GET', '/routes/orders')).json.weight.desired, total / 10)
  slow.response.resume()
  await slow.closed
  const numbers = slow.events.map(numberOf)
  t.ok(numbers.length < total, `cut after ${numbers.length} of ${total}`)
  t.same(
    numbers,
    numbers.map((_, i) => i + 1),
    'what it got is whole and in order',
  )
  const anew = await listen(t, banyan)
  await api('POST', '/routes/orders/freeze', {})
  t.equal((await anew.next())?.data.action, 'freeze')
})

function numberOf(event: Event | null): number {
  return event === null ? 0 : Number(event.data.reason.split(' ')[0])
}

t.test('a stream ends with its token: revoked, it hears no more', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret, token } = (await api('POST', '/tokens', { name: 'ears', scopes: ['read'] })).json
  const listener = await listen(t, banyan, null, secret)
  await api('POST', '/routes/orders/freeze', {})
  t.equal((await listener.next())?.data.action, 'freeze')
  await api('DELETE', `/tokens/${token.id}`)
  await api('PUT', '/routes/orders/weight', { percent: 1, reason: 'not for these ears' })
  const heard: string[] = []
  for (let event = await listener.next(); event !== null; event = await listener.next()) {
    heard.push(event.data.action)
    if (event.data.reason === 'not for these ears') break
  }
  t.notOk(heard.includes('set-weight'), `heard after its end: ${heard}`)
})

t.test('the end of the process ends the streams', async t => {
  const { banyan } = await startHouse(t)
  const listener = await listen(t, banyan)
  await banyan.stop()
  t.equal(await listener.next(), null)
  await listener.closed
})
