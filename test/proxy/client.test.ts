// Who is asking, and who is believed about it.
import fc from 'fast-check'
import t from 'tap'
import { toldAddress } from '../../src/proxy/address.ts'
import { type ClientIpPolicy, forwardedOf, peerOf } from '../../src/proxy/client.ts'
import { readForwarded } from '../../src/proxy/forwarded.ts'
import { networks } from '../../src/routing/network.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

const policy = (hops = 1, from = ['10.0.0.0/8', 'fd00::/8']): ClientIpPolicy => ({ from: networks(from), hops })
const near = () => peerOf('10.0.0.1', 8080, false)

function clientOf(fields: string[], hops = 1): string {
  return forwardedOf(near(), fields, policy(hops)).client
}

t.test('nobody is believed who is not named', async t => {
  const fields = [
    'X-Forwarded-For',
    '1.1.1.1',
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Port',
    '443',
    'Forwarded',
    'for=2.2.2.2',
  ]
  const peer = peerOf('192.0.2.1', 8080, false)
  const nobody = policy(1, [])
  const address = '192.0.2.1'
  const expected = {
    peer: address,
    trusted: false,
    introduced: false,
    client: address,
    proto: 'http',
    port: 8080,
    host: null,
  }
  t.same(forwardedOf(peer, fields, nobody), expected)
  t.equal(forwardedOf(peer, [], nobody), forwardedOf(peer, fields, nobody), 'one answer for all its requests')
  t.same(forwardedOf(peer, fields, policy()), expected)
  t.equal(forwardedOf(peer, fields, policy(1, ['192.0.2.1'])).client, '1.1.1.1', 'another policy is asked anew')
  t.same(forwardedOf(peerOf('::ffff:192.0.2.1', 443, true), [], nobody), { ...expected, proto: 'https', port: 443 })
  t.equal(forwardedOf(peerOf('', 80, false), fields, policy()).client, '', 'a socket that is gone')
})

t.test('X-Forwarded-For, hop by hop and only through named forwarders', async t => {
  const cases: [fields: string[], hops: number, client: string][] = [
    [[], 1, '10.0.0.1'],
    [['X-Forwarded-For', '1.1.1.1'], 1, '1.1.1.1'],
    [['x-forwarded-for', '1.1.1.1, 2.2.2.2'], 1, '2.2.2.2'],
    [['X-Forwarded-For', '1.1.1.1, 2.2.2.2'], 2, '2.2.2.2'],
    [['X-Forwarded-For', '1.1.1.1, 10.0.0.2'], 2, '1.1.1.1'],
    [['X-Forwarded-For', '1.1.1.1, 10.0.0.2'], 9, '1.1.1.1'],
    [['X-Forwarded-For', '10.0.0.3,10.0.0.2'], 9, '10.0.0.3'],
    [['X-Forwarded-For', '1.1.1.1', 'X-Forwarded-For', '2.2.2.2'], 1, '2.2.2.2'],
    [['X-Forwarded-For', '1.1.1.1', 'X-Forwarded-For', '10.0.0.2'], 2, '1.1.1.1'],
    [['X-Forwarded-For', '1.1.1.1'], 0, '10.0.0.1'],
    [['X-Forwarded-For', ''], 1, '10.0.0.1'],
    [['X-Forwarded-For', '1.1.1.1,'], 1, '10.0.0.1'],
    [['X-Forwarded-For', ',10.0.0.2'], 3, '10.0.0.2'],
    [['X-Forwarded-For', 'unknown'], 1, '10.0.0.1'],
    [['X-Forwarded-For', '1.1.1.1, <script>'], 1, '10.0.0.1'],
    [['X-Forwarded-For', '1.1.1.1:5678'], 1, '1.1.1.1'],
    [['X-Forwarded-For', '[2001:DB8::1]:5678'], 1, '2001:db8::1'],
    [['X-Forwarded-For', '::ffff:1.1.1.1'], 1, '1.1.1.1'],
  ]
  for (const [fields, hops, client] of cases) t.equal(clientOf(fields, hops), client, `${fields.join(' ')} | ${hops}`)
})

t.test('Forwarded, where there is no X-Forwarded-For', async t => {
  const cases: [forwarded: string | string[], hops: number, client: string][] = [
    ['for=1.1.1.1', 1, '1.1.1.1'],
    ['For="[2001:db8::1]:4711"', 1, '2001:db8::1'],
    ['for=1.1.1.1, for=2.2.2.2', 1, '2.2.2.2'],
    ['for=1.1.1.1;proto=https, for=10.0.0.2;by=10.0.0.1', 2, '1.1.1.1'],
    [['for=1.1.1.1', 'for=10.0.0.2'], 2, '1.1.1.1'],
    ['for=unknown', 1, '10.0.0.1'],
    ['for=1.1.1.1, for=_hidden', 2, '10.0.0.1'],
    ['proto=https', 1, '10.0.0.1'],
    ['for=1.1.1.1;for=2.2.2.2', 1, '10.0.0.1'],
    [['for="6.6.6.6', 'for="[2001:db8::1]"'], 1, '2001:db8::1'],
  ]
  for (const [forwarded, hops, client] of cases) {
    const fields = [forwarded].flat().flatMap(value => ['Forwarded', value])
    t.equal(clientOf(fields, hops), client, String(forwarded))
  }
  t.equal(
    clientOf(['Forwarded', 'for=1.1.1.1', 'X-Forwarded-For', '2.2.2.2']),
    '2.2.2.2',
    'else X-Forwarded-For counts',
  )
})

t.test('scheme and port as a named peer tells them', async t => {
  const cases: [fields: string[], proto: string, port: number][] = [
    [['X-Forwarded-Proto', 'https', 'X-Forwarded-Port', '8443'], 'https', 8443],
    [['X-Forwarded-Proto', 'HTTPS, http', 'X-Forwarded-Port', '443, 80'], 'https', 443],
    [['X-Forwarded-Proto', 'wss'], 'http', 8080],
    [['X-Forwarded-Port', '0'], 'http', 8080],
    [['X-Forwarded-Port', '65536'], 'http', 8080],
    [['X-Forwarded-Port', '80x'], 'http', 8080],
    [['X-Forwarded-Port', '81'], 'http', 81],
    [['Host', 'a', 'X-Forwarded-Proto', 'https'], 'https', 443],
    [['Host', 'a:9443', 'X-Forwarded-Proto', 'https'], 'https', 9443],
    [['Host', 'a:9443', 'X-Forwarded-Host', 'b', 'X-Forwarded-Proto', 'https'], 'https', 443],
    [['Host', '[::1]', 'X-Forwarded-Proto', 'http'], 'http', 80],
    [['Forwarded', 'for=1.1.1.1;proto=https'], 'https', 443],
    [['Forwarded', 'for=1.1.1.1;proto=https;host="a:444"'], 'https', 444],
    [['Forwarded', 'proto=https, for=1.1.1.1;proto=http'], 'http', 80],
    [['Forwarded', 'for=1.1.1.1;proto=https', 'X-Forwarded-Proto', 'http'], 'http', 80],
  ]
  for (const [fields, proto, port] of cases) {
    const forwarded = forwardedOf(near(), fields, policy())
    t.same([forwarded.proto, forwarded.port], [proto, port], fields.join(' '))
  }
})

t.test('addresses as they are told', async t => {
  const cases: [text: string, address: string | null][] = [
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:80', '1.2.3.4'],
    ['1.2.3.4:_p', '1.2.3.4'],
    ['1.2.3.4:', null],
    ['1.2.3.4:x', null],
    ['1.2.3', null],
    ['[1.2.3.4]', null],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1', null],
    ['[2001:db8::1]x', null],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['1:2:3:4:5:6::8', '1:2:3:4:5:6:0:8'],
    ['::', '::'],
    ['', null],
    ['x'.repeat(1000), null],
  ]
  for (const [text, address] of cases) t.equal(toldAddress(text), address, text.slice(0, 40))
})

t.test('an address told twice is the same', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), text => {
      const once = toldAddress(text)
      return once === null || toldAddress(once) === once
    }),
  )
  fc.assert(fc.property(fc.ipV6(), text => toldAddress(text) === toldAddress(text.toUpperCase())))
})

t.test('elements of Forwarded', async t => {
  t.same(readForwarded('for="a\\"b;,c" ; proto=https,, FOR=x;host=h '), [
    { for: 'a"b;,c', proto: 'https', host: null },
    { for: null, proto: null, host: null },
    { for: 'x', proto: null, host: 'h' },
  ])
  t.same(
    readForwarded('for=a b, for, for=, =x, for="a" b, for="open').map(element => element.for),
    [null, null, null, null, null, null],
  )
  t.same(
    readForwarded('by=_x;for=[::1]:80').map(element => element.for),
    ['[::1]:80'],
  )
})

t.test('whatever a named peer tells, the client is an address', async t => {
  const piece = fc.constantFrom(
    '1.1.1.1',
    '10.0.0.2',
    ',',
    ';',
    'for=',
    '"',
    '\\',
    '[::1]',
    ' ',
    'proto=',
    'https',
    'x',
  )
  const value = fc.oneof(
    latin1,
    fc.array(piece).map(pieces => pieces.join('')),
  )
  const name = fc.constantFrom(
    'X-Forwarded-For',
    'Forwarded',
    'X-Forwarded-Proto',
    'X-Forwarded-Port',
    'Host',
    'X-Forwarded-Host',
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.nat(5), (fields, hops) => {
      const { client, port, proto, peer, trusted } = forwardedOf(near(), fields.flat(), policy(hops))
      const isSound = port >= 1 && port <= 65_535 && (proto === 'http' || proto === 'https')
      return isSound && trusted && peer === '10.0.0.1' && toldAddress(client) === client
    }),
  )
  for (const piece of [',', ';', '"', 'for="', '\\', 'a="\\",', '10.0.0.2,']) {
    const long = piece.repeat(100_000)
    forwardedOf(near(), ['X-Forwarded-For', long], policy(1e6))
    forwardedOf(near(), ['Forwarded', long], policy(1e6))
  }
  t.pass('and in linear time')
})
