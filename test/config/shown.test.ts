// What is shown: the words of the file with every default, secrets masked; and it loads again.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { shown } from '../../src/config/shown.ts'
import { read } from './read.ts'

async function shownOf(text: string) {
  const { config, mistakes } = await read(text)
  if (config === null) throw new Error(JSON.stringify(mistakes))
  return shown(config)
}

t.test('in the words of the file', async t => {
  const sample = readFileSync(join(import.meta.dirname, 'fixtures/contract.yaml'), 'utf8')
  t.match(await shownOf(sample), {
    proxy: {
      listen: '0.0.0.0:8080',
      limits: { head: '64KiB', body: 'none' },
      timeouts: { requestHead: '10s', keepAlive: '75s', stall: '1m', minRate: '100B' },
      errors: { page: 'default' },
    },
    sides: { listen: 'none' },
    store: 'sqlite:.banyan/state.db',
    split: { seed: '', firstStart: 'hold' },
    backends: {
      mono: {
        urls: ['http://10.0.0.5:3001', 'http://10.0.0.6:3001'],
        balance: 'least',
        // A path alone is the same.
        health: { path: '/ping', interval: '5s', timeout: '2s', healthy: 2, unhealthy: 3 },
        circuit: { errors: 50, min: 20, window: '10s', open: '5s' },
        wire: { version: '1.1', bufferLimit: '16MiB' },
        timeouts: { connect: '1s', head: 'none' },
      },
    },
    routes: [
      {
        id: 'orders',
        match: { paths: ['/orders/*'], headers: { 'x-tenant': 'acme' }, cookies: { beta: 'present' } },
        legacy: 'mono',
        weight: 5,
        sticky: ['header:x-user-id', 'jwt:sub', 'cookie:sid', 'query:t', 'auto'],
        shadow: { percent: 0 },
      },
      { id: 'basket', legacy: 'mono', group: 'checkout' },
    ],
  })
})

t.test('it loads again, as the same configuration', async t => {
  const sample = readFileSync(join(import.meta.dirname, 'fixtures/contract.yaml'), 'utf8')
  const more = `
admin: { listen: "[::]:9900", hosts: [banyan.example.com], behindTls: true }
default: 404
groups: { pay: { weight: 0.25 } }
backends: { a: { url: https://a, tls: { verify: true, servername: b } } }
defaults: { weight: 10, sticky: [auto, ip], ambiguous: 400, data: shared }
routes:
  - { id: a, match: { path: /a, query: { x: "prefix:1" } }, legacy: a, new: { backend: a, timeouts: { head: 90m } } }
  - { id: b, match: { path: /b }, legacy: a, new: http://b, group: pay }
  - { id: c, match: { path: /c }, new: a }
`
  for (const text of [sample, more, '{}']) {
    const first = await read(text)
    const again = await read(JSON.stringify(await shownOf(text)))
    t.same(
      again.mistakes.map(one => one.message),
      first.mistakes.map(one => one.message),
    )
    t.strictSame(again.config, first.config)
  }
})

t.test('secrets are masked, and only they', async t => {
  const masked = await shownOf(
    `split: { seed: "\${SECRET}" }\ndefault: "\${NAME}"\nbackends: { mono: { url: http://m } }`,
  )
  t.match(masked, { split: { seed: '***' }, default: 'mono' })
  t.notMatch(JSON.stringify(masked), /geheim/)
})
