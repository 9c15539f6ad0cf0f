// The client never pays for its shadow: whatever the other side does, no request fails, none waits for it, what is held stays
// under the budget, and every single one is counted in a bucket. And each guard is needed: without it the same check fails.
import t, { type Test } from 'tap'
import { type Banyan, rawBackend, startBanyan } from '../harness.ts'
import { metricOf } from '../scripted.ts'
import { BAD_SIDES, type BadKind, type BadSide, requests } from './bad-sides.ts'

const LINES = 8
const PER_LINE = 12
const BODY = JSON.stringify({ id: 5, note: 'n'.repeat(20_000) })
const MEMORY_TEXT = '1MiB'
const MEMORY = 2 ** 20
/** `maxBody`, what a bomb and nested brackets take as they come, and what sockets hold. */
const MOST_READ = 24 * 2 ** 20

interface Checked {
  /** What went wrong, in words; empty: nothing. */
  readonly wrong: readonly string[]
  readonly results: Readonly<Record<string, number>>
}

interface Guards {
  readonly shadow?: object
  readonly compare?: object
  readonly bounds?: object
  readonly mostSockets?: number
  /** Of one answer, that the side could get rid of; what is in the sockets counts. */
  readonly mostRead?: number
  /** How long it may take until all are counted. */
  readonly patienceMs?: number
}

async function check(t: Test, side: BadSide | 'dead' | 'healthy', guards: Guards = {}): Promise<Checked> {
  const legacy = await rawBackend(t, socket => requests(socket, () => socket.write(answerOf(BODY))))
  const other =
    side === 'dead'
      ? null
      : await rawBackend(
          t,
          side === 'healthy' ? socket => requests(socket, () => socket.write(answerOf(BODY))) : side.serve,
        )
  const banyan = await startBanyan(t, {
    proxy: { shadow: { memory: MEMORY_TEXT, queue: 200, ...guards.bounds } },
    backends: { legacy: { url: legacy.url }, new: { url: other?.url ?? 'http://127.0.0.1:1' } },
    routes: [
      {
        id: 'shop',
        match: { path: '/*', methods: ['GET'] },
        legacy: 'legacy',
        new: 'new',
        shadow: { percent: 100, timeout: '400ms', maxConcurrent: 40, ...guards.shadow },
        compare: { maxBody: '256KiB', noise: { percent: 0 }, ...guards.compare },
      },
    ],
  })
  const wrong: string[] = []
  let mostHeld = 0
  const look = async () => {
    mostHeld = Math.max(mostHeld, (await metricOf(banyan.health, 'banyan_shadow_held_bytes').catch(() => 0)) ?? 0)
  }
  const watch = setInterval(look, 20)
  const lines = await Promise.all(Array.from({ length: LINES }, () => line(banyan.port)))
  clearInterval(watch)
  await look()
  const right = lines.flat().filter(text => text === BODY).length
  if (right !== LINES * PER_LINE) wrong.push(`${LINES * PER_LINE - right} client answers were wrong`)
  const sockets = other?.sockets.length ?? 0
  if (!(await allCounted(banyan, guards.patienceMs ?? 20_000))) wrong.push('not all were counted')
  // Copies go on being read when the clients are done: what was read is known once all of them have ended.
  const mostRead = Math.max(0, ...(other?.sockets ?? []).map(socket => socket.bytesWritten))
  const totals = (await banyan.api('GET', '/routes/shop/divergences')).json.totals
  const { eligible: all, unasked: _, since: __, ...results } = totals
  const sum = Object.values(results as Record<string, number>).reduce((sum, one) => sum + one, 0)
  if (sum !== all) wrong.push(`the buckets are ${sum}, and ${all} were eligible`)
  if (mostHeld > MEMORY) wrong.push(`${mostHeld} bytes were held`)
  if ((await metricOf(banyan.health, 'banyan_shadow_held_bytes')) !== 0) wrong.push('bytes are held for nobody')
  if (sockets > (guards.mostSockets ?? Number.POSITIVE_INFINITY)) wrong.push(`${sockets} connections were opened`)
  if (mostRead > (guards.mostRead ?? Number.POSITIVE_INFINITY)) wrong.push(`${mostRead} bytes were read`)
  await banyan.stop()
  return { wrong, results: results as Record<string, number> }
}

function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

async function allCounted(banyan: Banyan, patienceMs: number): Promise<boolean> {
  for (let left = patienceMs; left > 0; left -= 20) {
    if ((await eligible(banyan)) === LINES * PER_LINE) return true
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return false
}

async function eligible(banyan: Banyan): Promise<number | null> {
  return metricOf(banyan.health, 'banyan_shadow_eligible_total{route="shop"}')
}

/** One keep-alive client that asks again as soon as it has an answer. */
async function line(port: number): Promise<readonly string[]> {
  const bodies: string[] = []
  for (let i = 0; i < PER_LINE; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/orders/${i}`).then(
      response => response.text(),
      error => String(error),
    )
    bodies.push(answer)
  }
  return bodies
}

/** Where exchanges with such a side may end. `dropped`: the breaker, or no place. */
const EXPECTED: Readonly<Record<BadKind | 'dead' | 'healthy', readonly string[]>> = {
  healthy: ['match', 'dropped'],
  dead: ['candidate_error', 'dropped'],
  resetting: ['candidate_error', 'dropped'],
  'never answering': ['candidate_error', 'dropped'],
  'never reading': ['candidate_error', 'dropped'],
  'never ending': ['candidate_error', 'dropped'],
  dripping: ['candidate_error', 'dropped'],
  'cutting off': ['candidate_error', 'dropped'],
  nonsense: ['candidate_error', 'dropped'],
  '1 GB': ['divergent', 'dropped'],
  'pouring on': ['divergent', 'dropped'],
  bomb: ['divergent', 'undecided', 'dropped'],
  'nested JSON': ['divergent', 'undecided', 'dropped'],
}

/** These end by what they send. Time must not end them first, however slow the machine is. */
const BY_THEMSELVES = new Set<string>(['healthy', '1 GB', 'pouring on', 'bomb', 'nested JSON'])

for (const [kind, expected] of Object.entries(EXPECTED) as [BadKind | 'dead' | 'healthy', readonly string[]][]) {
  t.test(`a side that is ${kind}`, async t => {
    const side = kind === 'dead' || kind === 'healthy' ? kind : BAD_SIDES[kind]()
    const { wrong, results } = await check(t, side, {
      mostSockets: 200,
      mostRead: MOST_READ,
      ...(BY_THEMSELVES.has(kind) && { shadow: { timeout: '60s' } }),
    })
    t.same(wrong, [])
    const found = Object.keys(results).filter(name => (results[name] as number) > 0)
    t.same(
      found.filter(name => !expected.includes(name)),
      [],
      JSON.stringify(results),
    )
    t.ok((results[expected[0] as string] as number) > 0 || (results[expected[1] as string] as number) > 0)
  })
}

t.test('without its guard, each check fails', async t => {
  const cases: readonly (readonly [string, BadKind, Guards, RegExp])[] = [
    [
      'time',
      'never ending',
      { shadow: { timeout: '10m', maxConcurrent: 1000 }, patienceMs: 1_000 },
      /not all were counted/,
    ],
    [
      'memory',
      'never answering',
      // None ends before the last one has begun, however slow the machine is.
      { shadow: { timeout: '10m', maxConcurrent: 10_000 }, bounds: { memory: '1GiB' }, patienceMs: 1_000 },
      /bytes were held/,
    ],
    [
      'reading',
      'pouring on',
      // Two at a time, and ended by size: what each of them reads does not depend on how fast the machine is.
      {
        compare: { maxBody: '32MiB' },
        bounds: { memory: '8GiB' },
        shadow: { timeout: '60s', maxConcurrent: 2 },
        mostRead: MOST_READ,
      },
      /bytes were read/,
    ],
    [
      'concurrency',
      'never answering',
      { shadow: { maxConcurrent: 10_000 }, mostSockets: 41 },
      /connections were opened/,
    ],
  ]
  for (const [guard, kind, guards, expected] of cases) {
    const { wrong } = await check(t, BAD_SIDES[kind](), guards)
    t.match(wrong.join('; '), expected, guard)
  }
})
