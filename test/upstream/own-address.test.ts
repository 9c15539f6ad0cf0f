// Which backends could be ourselves: one address on our port, at this machine or under a name, is enough.
import { hostname } from 'node:os'
import t from 'tap'
import { couldBeUs } from '../../src/upstream/own-address.ts'
import { backend } from '../routing/make.ts'

const at = (...origins: string[]) => ({ ...backend('m'), origins })

t.test('by port and host', async t => {
  const isPerhapsUs = couldBeUs({ current: 8080 })
  for (const origin of [
    'http://127.0.0.1:8080',
    'http://127.1.2.3:8080',
    'http://localhost:8080',
    'http://0.0.0.0:8080',
    'http://[::1]:8080',
    `http://${hostname().toLowerCase()}:8080`,
    'http://any-name.example:8080',
  ]) {
    t.equal(isPerhapsUs(at(origin)), true, origin)
  }
  for (const origin of ['http://127.0.0.1:8081', 'http://203.0.113.9:8080', 'http://localhost']) {
    t.equal(isPerhapsUs(at(origin)), false, origin)
  }
  t.equal(couldBeUs({ current: 443 })(at('https://localhost')), true)
})

t.test('any of several addresses', async t => {
  const isPerhapsUs = couldBeUs({ current: 8080 })
  t.equal(isPerhapsUs(at('http://203.0.113.9:8080', 'http://127.0.0.1:8080')), true)
  t.equal(isPerhapsUs(at('http://203.0.113.9:8080', 'http://203.0.113.8:8080')), false)
})

t.test('the port may become known later', async t => {
  const port = { current: 0 }
  const isPerhapsUs = couldBeUs(port)
  const one = at('http://127.0.0.1:8080')
  t.equal(isPerhapsUs(one), false)
  port.current = 8080
  t.equal(isPerhapsUs(one), true)
})
