// The way to the comparer's thread and back: everything arrives whole, a thread that dies loses only what it had in hand, and
// what is too much is refused at once.
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { Job } from '../../src/compare/examine.ts'
import { type AnswerCopy, DEFAULT_COMPARE_POLICY, type Finding } from '../../src/model/comparison.ts'
import { createComparer } from '../../src/shadow/comparer.ts'

// A comparer keeps no process alive.
const alive = setInterval(() => {}, 1_000)
t.teardown(() => clearInterval(alive))

/** Answers each job with what came of it over there; dies of a target `/die`, and waits for ever at `/hang`. */
const ECHO = new URL(
  `data:text/javascript,${encodeURIComponent(`
import { parentPort } from 'node:worker_threads'
const policies = new Map()
parentPort.on('message', ({ policies: fresh, jobs, bytes }) => {
  for (const [number, policy] of fresh) policies.set(number, policy)
  const read = JSON.parse(jobs)
  if (read.some(job => job.target === '/die')) process.exit(1)
  if (read.some(job => job.target === '/hang')) return
  const text = ({ from, size }) => Buffer.from(bytes, from, size).toString('latin1')
  parentPort.postMessage(JSON.stringify(read.map(job => ({
    result: 'undecided',
    why: [job.target, text(job.legacy), text(job.new), policies.get(job.policy)?.maxBodyBytes].join(' '),
    places: [], suppressed: [], exemplar: null,
  }))))
})`)}`,
)

function answer(body: string): AnswerCopy {
  const start = Buffer.from(body, 'latin1')
  return { status: 200, headers: ['a', 'b'], body: { length: start.length, complete: true, start, blocks: null } }
}

function job(target: string, legacy = 'one', fresh = 'two', maxBodyBytes = 1): Job {
  return {
    route: 'r',
    method: 'GET',
    template: '/',
    target,
    at: 0,
    exchange: 'e',
    traceId: 't',
    primary: 'legacy',
    keyHash: null,
    legacy: answer(legacy),
    new: answer(fresh),
    policy: { ...DEFAULT_COMPARE_POLICY, maxBodyBytes },
    wantsExemplar: false,
  }
}

async function whyOf(found: Promise<Finding> | null): Promise<string | null> {
  return found === null ? 'refused' : (await found).why
}

t.test('bodies and policies arrive as they are, whatever else goes with them', async t => {
  const comparer = createComparer({ most: () => 100, broken: why => t.fail(why), thread: ECHO })
  const texts = ['', 'x', '\xff\x00', 'y'.repeat(70_000), 'z'.repeat(9)]
  const found = await Promise.all(texts.map((text, i) => whyOf(comparer.compare(job(`/${i}`, text, `${text}!`, i)))))
  t.same(
    found,
    texts.map((text, i) => `/${i} ${text} ${text}! ${i}`),
  )
  t.equal(comparer.waiting, 0)
  await comparer.close()
})

t.test('more than may wait is refused', async t => {
  const comparer = createComparer({ most: () => 2, broken() {}, thread: ECHO })
  const first = comparer.compare(job('/hang'))
  const second = comparer.compare(job('/2'))
  t.equal(comparer.compare(job('/3')), null)
  await comparer.close()
  t.match(await whyOf(first), /the proxy ended/)
  t.match(await whyOf(second), /the proxy ended/)
  t.equal(comparer.compare(job('/4')), null, 'closed')
})

t.test('a thread that dies takes what it had in hand, and nothing else', async t => {
  const said: string[] = []
  const comparer = createComparer({ most: () => 100, broken: why => said.push(why), thread: ECHO })
  const dead = whyOf(comparer.compare(job('/die')))
  await new Promise(resolve => setImmediate(resolve))
  const after = whyOf(comparer.compare(job('/after')))
  t.match(await dead, /thread ended/)
  t.equal(await after, '/after one two 1')
  t.equal(said.length, 1)
  await comparer.close()
})

/** Finds a hundred places in each. */
const MANY = new URL(
  `data:text/javascript,${encodeURIComponent(`
import { parentPort } from 'node:worker_threads'
const places = Array.from({ length: 100 }, (_, i) => ({ kind: 'value', path: '/' + i, severity: 'medium', prior: null }))
parentPort.on('message', ({ jobs }) => parentPort.postMessage(JSON.stringify(JSON.parse(jobs).map(() => ({
  result: 'different', why: null, places, suppressed: [], exemplar: null,
})))))`)}`,
)

t.test('findings with many places are handed over in turns: others are served in between', async t => {
  const comparer = createComparer({ most: () => 100, broken: why => t.fail(why), thread: MANY })
  let turn = 0
  let isOver = false
  const count = () => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const turns = await Promise.all(Array.from({ length: 5 }, (_, i) => comparer.compare(job(`/${i}`))?.then(() => turn)))
  isOver = true
  t.equal(new Set(turns).size, 5, `in turns ${turns}`)
  await comparer.close()
})

t.test('our own thread finds what differs', async t => {
  const comparer = createComparer({ most: () => 100, broken: why => t.fail(why) })
  const json = (body: string): AnswerCopy => ({ ...answer(body), headers: ['content-type', 'application/json'] })
  const policy = DEFAULT_COMPARE_POLICY
  const pair = { ...job('/orders/5'), policy, legacy: json('{"a":1,"b":2}'), new: json('{"b":2,"a":3}') }
  const found = await comparer.compare(pair)
  t.equal(found?.result, 'different')
  t.match(found?.places, [{ kind: 'value', path: '/a' }])
  await comparer.close()
})

t.test('it gives way to the thread that serves clients', { skip: process.platform !== 'linux' }, async t => {
  const comparer = createComparer({ most: () => 10, broken: why => t.fail(why) })
  t.teardown(() => comparer.close())
  t.ok(await comparer.compare(job('/')))
  const niceOf = (thread: string) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  }
  const own = niceOf(String(process.pid))
  t.same(
    readdirSync('/proc/self/task')
      .map(thread => niceOf(thread) - own)
      .filter(more => more !== 0),
    [10],
  )
})
