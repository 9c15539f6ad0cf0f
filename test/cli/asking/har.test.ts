// HAR files become lines of a list; what is in them beside method and URL goes nowhere.
import t from 'tap'
import { linesOfHar, requestLinesOf } from '../../../src/cli/asking/har.ts'
import type { CliIo } from '../../../src/cli/io.ts'
import { directory } from '../fake-admin.ts'

const har = {
  log: {
    version: '1.2',
    entries: [
      {
        request: {
          method: 'GET',
          url: 'https://shop.example.com/orders?x=1#top',
          headers: [{ name: 'cookie', value: 'S' }],
        },
      },
      { request: { method: 'POST', url: 'https://shop.example.com/orders' } },
      { request: {} },
      null,
    ],
  },
}
const LINES = [
  'GET https://shop.example.com/orders?x=1',
  'POST https://shop.example.com/orders',
  '(no request)',
  '(no request)',
]

t.test('entries', async t => {
  t.same(linesOfHar(JSON.stringify(har)), LINES)
  t.throws(() => linesOfHar('{}'), /no log.entries/)
  t.throws(() => linesOfHar('{"log":{"entries":{}}}'), /no log.entries/)
})

t.test('files of both kinds, and what cannot be read', async t => {
  const cwd = await directory(t, {
    'a.har': `\uFEFF${JSON.stringify(har)}`,
    'urls.txt': '/a\n',
    'bad.har': 'GET /a',
    'other.har': '[]',
  })
  const read = async (...names: string[]) => {
    const lines: string[] = []
    for await (const line of requestLinesOf(names, { cwd } as CliIo, new AbortController().signal)) lines.push(line)
    return lines
  }
  t.same(await read('urls.txt', 'a.har'), ['/a', ...LINES])
  await t.rejects(read('none.har'), { message: 'none.har cannot be read: there is no such file', exit: 2 })
  await t.rejects(read('bad.har'), { message: 'bad.har cannot be read: it is not JSON', exit: 2 })
  await t.rejects(read('other.har'), { message: /^other.har cannot be read: it has no log.entries/, exit: 2 })
})
