// The PROXY header in front of a connection, versions 1 and 2.
import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { type ProxyHeader, readProxyHeader } from '../../src/proxy/proxy-protocol.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const SIGNATURE = latin1('\r\n\r\n\0\r\nQUIT\n')

function v2(command: number, family: number, block: Buffer, length = block.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([command, family, length >> 8, length & 0xff]), block])
}

const inet = Buffer.from([192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb])
const inet6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0xdc, 0x04, 0x01, 0xbb]),
])
const mapped = Buffer.concat([
  Buffer.from('00000000000000000000ffffc0000201', 'hex'),
  Buffer.from('00000000000000000000ffffc6336401', 'hex'),
  Buffer.from([0xdc, 0x04, 0x01, 0xbb]),
])
const tlvs = Buffer.from([0x03, 0, 4, 1, 2, 3, 4, 0x20, 0, 1, 9])
const v4 = { address: '192.0.2.1', port: 56324, localPort: 443 }
const v6 = { ...v4, address: '2001:db8::1' }
const nobody = { address: null, port: 0, localPort: 0 }

const SOUND: [name: string, bytes: Buffer, header: Omit<ProxyHeader, 'bytes'>][] = [
  ['v1 TCP4', latin1('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'), v4],
  ['v1 TCP6', latin1('PROXY TCP6 2001:DB8:0::1 2001:db8::2 56324 443\r\n'), v6],
  ['v1 TCP6, mapped', latin1('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 443\r\n'), v4],
  ['v1 UNKNOWN', latin1('PROXY UNKNOWN\r\n'), nobody],
  ['v1 UNKNOWN with more', latin1('PROXY UNKNOWN what ever 1 2 3 4\r\n'), nobody],
  ['v1, the longest', latin1(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`), nobody],
  ['v2 INET', v2(0x21, 0x11, inet), v4],
  ['v2 INET6', v2(0x21, 0x21, inet6), v6],
  ['v2 INET6, mapped', v2(0x21, 0x21, mapped), v4],
  ['v2 with TLVs', v2(0x21, 0x11, Buffer.concat([inet, tlvs])), v4],
  ['v2, the longest', v2(0x21, 0x11, Buffer.concat([inet, Buffer.alloc(4096 - 28)])), v4],
  ['v2 LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), nobody],
  ['v2 LOCAL with whatever', v2(0x20, 0xff, tlvs), nobody],
  ['v2 UNSPEC', v2(0x21, 0x00, tlvs), nobody],
  ['v2 datagrams', v2(0x21, 0x12, inet), nobody],
  ['v2 UNIX', v2(0x21, 0x31, Buffer.alloc(216)), nobody],
]

t.test('sound headers, cut at every byte, with a request behind', async t => {
  for (const [name, bytes, header] of SOUND) {
    t.same(readProxyHeader(bytes), { ...header, bytes: bytes.length }, name)
    t.same(
      readProxyHeader(Buffer.concat([bytes, latin1('GET / HTTP/1.1\r\n')])),
      { ...header, bytes: bytes.length },
      name,
    )
    let more = true
    for (let length = 0; length < bytes.length; length++) more &&= readProxyHeader(bytes.subarray(0, length)) === 'more'
    t.ok(more, `${name}: not before its last byte`)
  }
})

t.test('foul headers', async t => {
  const foul: [name: string, bytes: Buffer | string, error: RegExp][] = [
    ['a request', 'GET / HTTP/1.1\r\n', /no PROXY header/],
    ['almost', 'PROXX', /no PROXY header/],
    ['almost v2', '\r\n\r\n\0\r\nQUIT\r', /no PROXY header/],
    ['v1 too long', `PROXY UNKNOWN ${'f'.repeat(93)}`, /too long/],
    ['v1 one byte too long', `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`, /too long/],
    ['v1 with LF alone', 'PROXY UNKNOWN\n', /CRLF/],
    ['v1 with a CR inside', 'PROXY UNKNOWN\rx\r\n', /bare CR/],
    ['v1 of another family', 'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n', /neither/],
    ['v1 without anything', 'PROXY \r\n', /neither/],
    ['v1 with the wrong family', 'PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n', /TCP4/],
    ['v1 with the wrong family', 'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n', /TCP6/],
    ['v1 with a zone', 'PROXY TCP6 fe80::1%e fe80::2 1 2\r\n', /TCP6/],
    ['v1 without ports', 'PROXY TCP4 192.0.2.1 192.0.2.2\r\n', /ports/],
    ['v1 with a port too many', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n', /ports/],
    ['v1 with a leading zero', 'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n', /ports/],
    ['v1 with a large port', 'PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n', /ports/],
    ['v1 with two blanks', 'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n', /TCP4/],
    ['v2 of version 1', v2(0x11, 0x11, inet), /another version/],
    ['v2 with another command', v2(0x22, 0x11, inet), /LOCAL/],
    ['v2 of another family', v2(0x21, 0x41, inet), /unassigned/],
    ['v2 with another transport', v2(0x21, 0x13, inet), /unassigned/],
    ['v2 with half a family', v2(0x21, 0x10, inet), /unassigned/],
    ['v2 too short', v2(0x21, 0x11, inet.subarray(1)), /too short/],
    ['v2 INET6 too short', v2(0x21, 0x21, inet), /too short/],
    ['v2 too long', v2(0x21, 0x11, inet, 4096 - 15), /too long/],
  ]
  for (const [name, bytes, error] of foul) {
    const read = readProxyHeader(typeof bytes === 'string' ? latin1(bytes) : bytes)
    t.match(read, { error }, name)
  }
})

t.test('garbage never throws, and what is read is an address', async () => {
  const starts = [latin1('PROXY '), latin1('PROXY TCP4 '), latin1('PROXY TCP6 '), SIGNATURE]
  const start = fc.constantFrom(
    Buffer.alloc(0),
    ...starts,
    Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11, 0, 12])]),
    Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x21, 0, 40])]),
  )
  const words = fc.array(fc.constantFrom('192.0.2.1', '::1', ' ', '1', '65535', '\r', '\n', '\r\n', 'TCP4', 'UNKNOWN'))
  const rest = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    words.map(words => latin1(words.join(''))),
  )
  fc.assert(
    fc.property(start, rest, (start, rest) => {
      const bytes = Buffer.concat([start, rest])
      const read = readProxyHeader(bytes)
      if (read === 'more') return true
      if ('error' in read) return read.error !== ''
      return read.bytes <= bytes.length && (read.address === null || isIP(read.address) !== 0)
    }),
    { numRuns: 2000 },
  )
})

t.test('more bytes never change what was read', async () => {
  const one = fc.constantFrom(...SOUND.map(([, bytes]) => bytes))
  fc.assert(
    fc.property(one, fc.nat(), fc.uint8Array({ maxLength: 3 }), (sound, at, noise) => {
      const bytes = Buffer.from(sound)
      noise.forEach((byte, i) => {
        bytes[(at + i) % bytes.length] = byte
      })
      const whole = JSON.stringify(readProxyHeader(bytes))
      for (let length = 0; length <= bytes.length; length++) {
        const read = readProxyHeader(bytes.subarray(0, length))
        if (read === 'more') continue
        return 'error' in read ? whole.includes('error') : JSON.stringify(read) === whole
      }
      return whole === '"more"'
    }),
  )
})
