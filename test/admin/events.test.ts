// Events by themselves: ids, what is kept for those who come back, listeners that are slow, too many or gone.
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { mock } from 'node:test'
import t from 'tap'
import { createEvents } from '../../src/admin/events.ts'

/** What createEvents uses of a response; `behind` is what its client has not read. */
class FakeResponse extends EventEmitter {
  text = ''
  writableLength = 0
  ended = false
  destroyed = false

  write(text: string): void {
    this.text += text
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  ids(): string[] {
    return [...this.text.matchAll(/^id: (.*)$/gm)].map(match => match[1] as string)
  }
}

const fake = () => {
  const response = new FakeResponse()
  return { response, res: response as unknown as ServerResponse }
}

t.test('an event has an id, its name and one line of data, whatever is in it', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const { response, res } = fake()
  events.listen(res, null, 'tok')
  const before = response.text.length
  events.publish('change', { reason: 'a\nb\r\ndata: x\n\nid: 9' })
  const block = response.text.slice(before)
  t.equal(block.split('\n').length, 5)
  t.match(block, /^id: e-1\nevent: change\ndata: \{"reason":".*"\}\n\n$/)
})

t.test('resume: exactly what came after the id; the last thousand are kept', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const resumed = (id: string | null) => {
    const { response, res } = fake()
    events.listen(res, id, 'tok')
    return response
  }
  t.notMatch(resumed(null).text, /event:/)
  t.notMatch(resumed('e-0').text, /event:/, 'nothing happened, nothing was missed')
  for (let i = 1; i <= 3; i++) events.publish('change', i)
  t.match(resumed('e-1').text, /id: e-2\nevent: change\ndata: 2\n\nid: e-3\nevent: change\ndata: 3\n\n$/)
  t.match(resumed('e-0').ids().slice(-3), ['e-1', 'e-2', 'e-3'])
  t.notMatch(resumed('e-3').text, /event:/)
  for (const id of ['e-4', 'f-1', 'e-x', 'e-1.5', 'e--1', 'nonsense', '', '1']) {
    const { text } = resumed(id)
    t.match(text, /id: e-3\nevent: reset\ndata: \{.*\}\n\n$/, JSON.stringify(id))
  }
  for (let i = 4; i <= 1_003; i++) events.publish('change', i)
  t.equal(
    resumed('e-3')
      .ids()
      .filter(id => id !== 'e-1003').length,
    999,
    'the oldest that is kept',
  )
  t.match(resumed('e-2').text, /event: reset/, 'one more was missed than is kept')
})

t.test('who listens from now on gets the id to come back with', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  events.publish('change', 1)
  const { response, res } = fake()
  events.listen(res, null, 'tok')
  t.equal(response.ids().at(-1), 'e-1')
  t.notMatch(response.text, /event: change/)
})

t.test('a listener more than 1 MiB behind is let go; the others hear on', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const [slow, quick] = [fake(), fake()]
  for (const { res } of [slow, quick]) events.listen(res, null, 'tok')
  slow.response.writableLength = 1024 * 1024
  events.publish('change', 1)
  t.notOk(slow.response.destroyed, 'not yet')
  slow.response.writableLength++
  events.publish('change', 2)
  t.ok(slow.response.destroyed)
  const { text } = slow.response
  events.publish('change', 3)
  t.equal(slow.response.text, text)
  t.match(quick.response.ids().slice(-3), ['e-1', 'e-2', 'e-3'])
})

const refused = (code: string) => ({ code, hint: /may listen 32 times, all together 64/, details: { retryAfter: 10 } })

t.test('32 listeners of one token; who leaves makes room', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const listeners = Array.from({ length: 32 }, fake)
  for (const { res } of listeners) events.listen(res, null, 'one')
  const late = fake()
  t.throws(() => events.listen(late.res, null, 'one'), refused('listener_share'))
  t.equal(late.response.text, '', 'nothing was written to who is refused')
  events.listen(fake().res, null, 'other')
  listeners[7]?.response.emit('close')
  events.listen(late.res, null, 'one')
  t.equal(events.count(), 33)
})

t.test('64 of all: who has the most gives one up for who has fewer; even shares keep others out', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const [one, other] = ['one', 'other'].map(holder => {
    const listeners = Array.from({ length: 32 }, fake)
    for (const { res } of listeners) events.listen(res, null, holder)
    return listeners.map(({ response }) => response)
  }) as [FakeResponse[], FakeResponse[]]
  const ended = (of: FakeResponse[]) => of.map(({ ended }, i) => (ended ? i : -1)).filter(i => i !== -1)
  events.listen(fake().res, null, 'third')
  t.same([ended(one), ended(other)], [[0], []], 'the oldest of who has the most')
  t.throws(() => events.listen(fake().res, null, 'one'), refused('too_many_listeners'), 'it may not take it back')
  events.listen(fake().res, null, 'third')
  t.same([ended(one), ended(other)], [[0], [0]])
  t.equal(events.count(), 64)
  for (let i = 3; i < 64; i++) events.listen(fake().res, null, `another-${i}`)
  t.ok(ended(one).length + ended(other).length > 60)
  events.publish('change', 1)
  t.notMatch(one[0]?.text, /event: change/, 'who gave up hears no more')
})

t.test('quiet connections are kept alive with comments, and all end with the process', async t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const events = createEvents('e')
  const { response, res } = fake()
  events.listen(res, null, 'tok')
  const before = response.text.length
  mock.timers.tick(15_000)
  t.match(response.text.slice(before), /^: .*\n\n$/)
  events.close()
  t.ok(response.ended)
  const { text } = response
  mock.timers.tick(60_000)
  events.publish('change', 1)
  t.equal(response.text, text)
})

t.test('what is true now has no id, is not kept, and is whole for those who have not had it', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  let joined = 0
  events.joined(() => joined++)
  const [first, second] = [fake(), fake()]
  events.listen(first.res, null, 'tok')
  events.live('traffic', () => 'whole', 'change')
  events.listen(second.res, null, 'tok')
  t.equal(joined, 2)
  t.equal(events.count(), 2)
  events.live('traffic', () => 'whole', 'change')
  const told = ({ response }: typeof first) => [...response.text.matchAll(/^data: "(.*)"$/gm)].map(([, data]) => data)
  t.same(told(first), ['whole', 'change'])
  t.same(told(second), ['whole'])
  t.match(first.response.text, /\n\nevent: traffic\ndata: "whole"\n\nevent: traffic\ndata: "change"\n\n$/)
  const back = fake()
  events.listen(back.res, 'e-0', 'tok')
  t.same(told(back), [], 'nothing of it was missed')
  second.response.writableLength = 256 * 1024 + 1
  events.live('traffic', () => 'whole 2', 'change 2')
  t.same(told(second), ['whole'], 'it has not read what it was told')
  second.response.writableLength = 0
  events.live('traffic', () => 'whole 3', 'change 3')
  t.same(told(second), ['whole', 'whole 3'])
  t.same(told(first), ['whole', 'change', 'change 2', 'change 3'])
})

t.test('nobody is let go for the size of what it was told at once', async t => {
  const events = createEvents('e')
  t.teardown(() => events.close())
  const { response, res } = fake()
  events.listen(res, null, 'tok')
  events.live('traffic', () => 'x'.repeat(2 ** 21), '')
  response.writableLength = 2 ** 21
  events.publish('change', 1)
  t.notOk(response.destroyed)
  response.writableLength = 2 ** 22
  events.publish('change', 2)
  t.ok(response.destroyed)
})
