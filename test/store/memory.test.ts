// The memory store is a store, and so is one that several instances share; what can go wrong with that one can be ordered.
import t from 'tap'
import { createMemoryDatabase, createMemoryStore } from '../../src/store/memory.ts'
import { ear, sharedStoreContract } from '../contracts/shared-store.ts'
import { save, storeContract } from '../contracts/store.ts'

storeContract(t, 'memory', async () => createMemoryStore())
storeContract(t, 'memory, shared', async () => createMemoryDatabase().open('a'))

sharedStoreContract(t, 'memory', async () => {
  let now = 1_790_000_000_000
  const { open } = createMemoryDatabase({ now: () => now })
  return {
    open: async instance => open(instance),
    async pass(ms) {
      now += ms
    },
  }
})

t.test('an instance can be cut off alone', async t => {
  const database = createMemoryDatabase()
  const [a, b] = [database.open('a'), database.open('b')]
  const heard = ear()
  a.shared.listen(heard)
  await heard.until('missed')
  database.fail(true, 'a')
  await t.rejects(a.load(), { code: 'store_unreachable' })
  await save(b, 1)
  await heard.until('lost')
  database.fail(false, 'a')
  await save(b, 2)
  await heard.until('committed b: 2')
  t.same(heard.words, ['missed', 'lost', 'missed', 'committed b: 2'])
  t.equal((await a.load())?.revision, 2)
})

t.test('calls can be held up, and answers lost', async t => {
  const database = createMemoryDatabase()
  const store = database.open('a')
  const order: string[] = []
  const letGo = database.hold()
  const saved = save(store, 1).then(() => order.push('saved'))
  const loaded = store.load().then(state => order.push(`loaded ${state?.revision}`))
  await new Promise(resolve => setImmediate(resolve))
  order.push('let go')
  letGo()
  await Promise.all([saved, loaded])
  t.same(order, ['let go', 'saved', 'loaded 1'])
  database.loseAnswers(true, 'a')
  await t.rejects(save(store, 2), { code: 'store_unreachable' })
  t.equal((await store.load())?.revision, 2)
})
