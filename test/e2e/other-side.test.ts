// otherSideOn: a GET that one side does not have is asked of the other, in both directions, once. But nobody goes to a new
// side that was rolled back.
import t, { type Test } from 'tap'
import { type Banyan, eventually, startBanyan } from './harness.ts'
import {
  ALONE,
  type Asked,
  cutting,
  get,
  holding,
  metricOf,
  type Scripted,
  saying,
  scripted,
  sendBytes,
} from './scripted.ts'

type Settings = Record<string, unknown>
type Side = 'legacy' | 'new'

const OTHER: Readonly<Record<Side, Side>> = { legacy: 'new', new: 'legacy' }

function missing(name: string, status = '404 Not Found'): Scripted['serve'] {
  return asked => asked.answer(`not at ${name}`, status)
}

interface Pair {
  readonly banyan: Banyan
  readonly sides: Readonly<Record<Side, Scripted>>
}

/** Two sides that say their name; every user is on `first`. */
async function pair(t: Test, first: Side, more: Settings = {}, fresh: Settings = {}): Promise<Pair> {
  const sides = { legacy: await scripted(t, saying('of legacy')), new: await scripted(t, saying('of new'), ALONE) }
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: sides.legacy.url }, new: { url: sides.new.url, ...fresh } },
    routes: [
      {
        id: 'assets',
        match: { path: '/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight: first === 'new' ? 100 : 0,
        otherSideOn: [404],
        ...more,
      },
    ],
  })
  return { banyan, sides }
}

const FIRST: readonly Side[] = ['legacy', 'new']

for (const first of FIRST) {
  const second = OTHER[first]

  t.test(`${first} does not have it, ${second} does`, async t => {
    const { banyan, sides } = await pair(t, first)
    sides[first].serve = missing(first)
    t.match(await get(t, banyan.port, '/app.js'), { status: 200, body: `of ${second}` })
    const [asked, again] = [sides[first].asked, sides[second].asked]
    t.same([asked.length, again.length], [1, 1])
    t.equal(again[0]?.head, asked[0]?.head, 'it is the same request')
    const line = `banyan_requests_total{route="assets",side="${second}",reason="fallback",code="2xx"}`
    t.equal(await metricOf(banyan.health, line), 1)
    t.same((await banyan.api('GET', '/routes/assets')).json.reasons, { fallback: 1 })
  })

  t.test(`neither has it: what ${second} says is the answer, and ${first} is not asked again`, async t => {
    const { banyan, sides } = await pair(t, first)
    for (const side of FIRST) sides[side].serve = missing(side)
    t.match(await get(t, banyan.port), { status: 404, body: `not at ${second}` })
    t.same([sides[first].asked.length, sides[second].asked.length], [1, 1])
  })

  t.test(`only statuses that are named, and only a GET: from ${first}`, async t => {
    const { banyan, sides } = await pair(t, first, { otherSideOn: [404, 410] })
    const rows: readonly (readonly [string, string, boolean])[] = [
      ['GET', '404 Not Found', true],
      ['GET', '410 Gone', true],
      ['GET', '403 Forbidden', false],
      ['GET', '200 OK', false],
      ['HEAD', '404 Not Found', false],
      ['OPTIONS', '404 Not Found', false],
      ['POST', '404 Not Found', false],
      ['DELETE', '404 Not Found', false],
    ]
    for (const [method, status, goesOn] of rows) {
      const before = sides[second].asked.length
      sides[first].serve = ({ socket }: Asked) => void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`)
      const request = `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
      const answer = await sendBytes(t, banyan.port, request).answer
      t.equal(answer.status, goesOn ? 200 : Number(status.slice(0, 3)), `${method} ${status}`)
      t.equal(sides[second].asked.length - before, goesOn ? 1 : 0, `${method} ${status}: the other side`)
    }
  })

  t.test(`a body that ${first} has had is not sent again`, async t => {
    const { banyan, sides } = await pair(t, first)
    sides[first].serve = holding
    const request = 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
    const sent = sendBytes(t, banyan.port, request)
    await eventually(() => sides[first].asked[0]?.body() === 'hello', 'it is there')
    if (sides[first].asked[0] !== undefined) missing(first)(sides[first].asked[0])
    t.match(await sent.answer, { status: 404, body: `not at ${first}` })
    t.same(sides[second].paths(), [])
  })
}

t.test('off by default, and nothing where there is one side', async t => {
  const { banyan, sides } = await pair(t, 'new', { otherSideOn: [] })
  sides.new.serve = missing('new')
  t.match(await get(t, banyan.port), { status: 404, body: 'not at new' })
  t.same(sides.legacy.paths(), [])
  const alone = await startBanyan(t, {
    backends: { legacy: { url: sides.new.url } },
    routes: [{ id: 'old', match: { path: '/*' }, legacy: 'legacy', otherSideOn: [404] }],
  })
  t.match(await get(t, alone.port), { status: 404, body: 'not at new' })
  t.equal(sides.new.asked.length, 2)
})

t.test('once: legacy covers a failure of new, and its 404 stands', async t => {
  const { banyan, sides } = await pair(t, 'new', { fallback: { on: [502] } })
  sides.new.serve = cutting
  sides.legacy.serve = missing('legacy')
  t.match(await get(t, banyan.port), { status: 404, body: 'not at legacy' })
  t.same([sides.new.asked.length, sides.legacy.asked.length], [1, 1])
})

t.test('new cannot be asked: what legacy said stands, whatever is wrong with new', async t => {
  const { banyan, sides } = await pair(t, 'legacy', {}, { circuit: { min: 2, errors: 100 } })
  sides.legacy.serve = missing('legacy')
  sides.new.serve = cutting
  const reasons: Record<string, () => Promise<void> | void> = {
    cut: () => {},
    refused: sides.new.close,
    circuit: () => {},
  }
  for (const [name, begin] of Object.entries(reasons)) {
    await begin()
    t.match(await get(t, banyan.port, `/${name}`), { status: 404, body: 'not at legacy' }, name)
    t.equal(sides.legacy.paths().filter(path => path === `/${name}`).length, 2, `${name}: legacy says it again`)
  }
  t.same(sides.new.paths(), ['/cut'])
  const { reasons: counted, sides: seen } = (await banyan.api('GET', '/routes/assets')).json
  t.same(counted, { weight: 3 })
  t.equal(seen.new.circuit, 'open')
})

t.test('a new side that fails after its answer has begun is a cut answer, as ever', async t => {
  const { banyan, sides } = await pair(t, 'legacy')
  sides.legacy.serve = missing('legacy')
  sides.new.serve = ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  t.match(await get(t, banyan.port), { status: 200, isCut: true })
  t.equal(sides.legacy.asked.length, 1)
})

t.test('a rolled-back route: nobody goes to new, until it is restored', async t => {
  const { banyan, sides } = await pair(t, 'legacy')
  sides.legacy.serve = missing('legacy')
  await banyan.api('POST', '/routes/assets/rollback', {})
  t.match(await get(t, banyan.port), { status: 404, body: 'not at legacy' })
  t.same(sides.new.paths(), [])
  await banyan.api('POST', '/routes/assets/restore', {})
  t.match(await get(t, banyan.port), { status: 200, body: 'of new' })
  await banyan.api('POST', '/rollback', {})
  t.match(await get(t, banyan.port), { status: 404, body: 'not at legacy' }, 'a rollback of everything, too')
  t.equal(sides.new.asked.length, 1)
})

t.test('a rollback while legacy is asked: its 404 is the answer', async t => {
  const { banyan, sides } = await pair(t, 'legacy')
  sides.legacy.serve = holding
  const pending = get(t, banyan.port)
  await eventually(() => sides.legacy.asked.length === 1, 'legacy has it')
  await banyan.api('POST', '/routes/assets/rollback', {})
  if (sides.legacy.asked[0] !== undefined) missing('legacy')(sides.legacy.asked[0])
  t.match(await pending, { status: 404, body: 'not at legacy' })
  t.same(sides.new.paths(), [])
})

t.test('a rollback while it waits for a place at new: legacy answers', async t => {
  const { banyan, sides } = await pair(t, 'legacy', {}, { maxConcurrent: 1, queue: { wait: '1m' } })
  sides.legacy.serve = missing('legacy')
  sides.new.serve = holding
  const inside = get(t, banyan.port, '/inside')
  await eventually(() => sides.new.asked.length === 1, 'new has one')
  const waits = get(t, banyan.port, '/waits')
  const gate = async () => (await banyan.api('GET', '/routes/assets')).json.sides.new.gate
  await eventually(async () => (await gate()).waiting === 1, 'the other one waits')
  await banyan.api('POST', '/routes/assets/rollback', {})
  t.match(await waits, { status: 404, body: 'not at legacy' }, 'while new still has the first')
  t.match(await gate(), { inside: 1, waiting: 0 })
  sides.new.asked[0]?.answer('of new')
  t.match(await inside, { status: 200, body: 'of new' }, 'which new had, it had')
  t.same(sides.new.paths(), ['/inside'])
})
