// Reloads that nobody waits for: what a store refuses is made up for, and nothing else is.
import t from 'tap'
import type { Configured } from '../src/configured.ts'
import type { Command } from '../src/model/control.ts'
import { BanyanError } from '../src/model/errors.ts'
import { createReloader } from '../src/reload.ts'
import { planOf } from './control/make.ts'
import { eventually } from './e2e/harness.ts'

// The room's own timers do not keep a process alive; its listeners do that elsewhere.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

const configured = (shown: object): Configured => ({ shown, plan: planOf([]), warnings: [] }) as unknown as Configured

function kit() {
  const it = {
    refusal: null as BanyanError | null,
    answers: true,
    next: configured({ a: 1, b: [1, 2] }),
    commands: [] as Command[],
    refused: 0,
    log: [] as string[],
  }
  const reloader = createReloader({
    instance: 'a',
    first: configured({ a: 0 }),
    reread: async () => it.next,
    check: async () => it.next,
    control: {
      async reload(_plan, command) {
        if (it.refusal !== null) throw it.refusal
        it.commands.push(command)
        return { applied: { revision: 1, elapsedMs: 0, durable: true, appliedBy: [], pending: [] } } as never
      },
    },
    storeAnswers: () => it.answers,
    inForce() {},
    counted(result) {
      if (result === 'failed') it.refused++
    },
    log: (_level, message) => it.log.push(message),
  })
  return { it, reloader }
}

t.test('says which instance has read its file, and what changed', async t => {
  const { it, reloader } = kit()
  await reloader.told('watch')
  t.match(it.commands, [
    {
      type: 'reload',
      source: 'watch',
      instance: 'a',
      changes: 3,
      paths: ['/a', '/b/0', '/b/1'],
      actor: { name: 'watch' },
    },
  ])
  it.next = configured(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`k${i}`, i])))
  await reloader.told('SIGHUP')
  const [, last] = it.commands as unknown as { changes: number; paths: string[] }[]
  t.equal(last?.paths.length, 20, 'an entry of the log stays small')
  t.ok((last?.changes ?? 0) > 99)
})

t.test('the store refuses: done when it answers again, once', async t => {
  const { it, reloader } = kit()
  it.refusal = new BanyanError('store_unreachable', 'away')
  it.answers = false
  await reloader.told('watch')
  await new Promise(resolve => setTimeout(resolve, 2_500))
  t.equal(it.refused, 1, 'a store that is away is not asked again')
  it.answers = true
  await eventually(() => it.refused === 2, 'it is asked when it may answer')
  it.refusal = null
  await eventually(() => it.commands.length === 1, 'and done')
  t.equal(reloader.state().lastReload, 'ok')
  await new Promise(resolve => setTimeout(resolve, 1_500))
  t.equal(it.commands.length, 1)

  it.answers = false
  it.refusal = new BanyanError('store_unreachable', 'away')
  await reloader.told('watch')
  it.refusal = null
  await reloader.reload({ name: 'x', tokenId: null, address: null }, null, 'api')
  it.answers = true
  await new Promise(resolve => setTimeout(resolve, 1_500))
  t.equal(it.commands.length, 2, 'what somebody else has done meanwhile is not done again')
})

t.test('what the store did not refuse is not tried again, and nothing is after the end', async t => {
  for (const [refusal, close] of [
    [new BanyanError('invalid_config', 'mistake'), false],
    [new BanyanError('store_full', 'full'), true],
  ] as const) {
    const { it, reloader } = kit()
    it.refusal = refusal
    await reloader.told('watch')
    if (close) reloader.close()
    await new Promise(resolve => setTimeout(resolve, 1_500))
    t.equal(it.refused, 1, refusal.code)
    await t.rejects(reloader.reload({ name: 'x', tokenId: null, address: null }, null, 'api'), { code: refusal.code })
    await new Promise(resolve => setTimeout(resolve, 1_500))
    t.equal(it.refused, 2, 'who asked was told')
  }
})
