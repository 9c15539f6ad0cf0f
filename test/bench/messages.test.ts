// The bench's reader of HTTP/1.1 messages and its large bodies: wherever the bytes are cut, and whatever is wrong with them.
import { PassThrough } from 'node:stream'
import t from 'tap'
import { BodyCheck, type Framing, framingField, piecesOf, pour } from '../../bench/kit/bodies.ts'
import { MIB } from '../../bench/kit/figures.ts'
import { MessageReader } from '../../bench/kit/messages.ts'

interface Message {
  readonly head: string
  body: string
}

/** Whole messages in these pieces. */
function read(pieces: readonly Buffer[]): readonly Message[] {
  const whole: Message[] = []
  let current: Message = { head: '', body: '' }
  const reader = new MessageReader({
    head(text) {
      current = { head: text, body: '' }
    },
    body(bytes, from, to) {
      current.body += bytes.toString('latin1', from, to)
    },
    end() {
      whole.push(current)
    },
  })
  for (const piece of pieces) reader.take(piece)
  return whole
}

t.test('messages are read wherever the bytes are cut', async t => {
  const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n12\r\n\r\n'
  const chunked =
    'POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n\r\n0\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n'
  const bare = 'GET / HTTP/1.1\nHost: b\n\n'
  const bytes = Buffer.from(sized + chunked + bare + sized)
  const wanted = ['12\r\n\r\n', '\r\n0\rab', '', '12\r\n\r\n']
  for (let cut = 0; cut <= bytes.length; cut++) {
    const messages = read([bytes.subarray(0, cut), bytes.subarray(cut)])
    t.same(
      messages.map(({ body }) => body),
      wanted,
      `cut at ${cut}`,
    )
    t.equal(messages[1]?.head, 'POST /a HTTP/1.1\nHost: b\nTransfer-Encoding: chunked')
  }
})

t.test('what is no message is said to be none', async t => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const text of [
    'hello\r\n\r\n',
    `${chunked}zz\r\n`,
    `${chunked}1\r\nab\r\n`,
    `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(300)}`,
    'x'.repeat(20_000),
    // An answer that ends with its connection: its body is taken for a head.
    'HTTP/1.1 200 OK\r\n\r\na body\r\n\r\n',
  ]) {
    t.throws(() => read([Buffer.from(text)]), text.slice(0, 80))
  }
})

t.test('after a stop the bytes are not taken', async t => {
  let ended = false
  const reader: MessageReader = new MessageReader({
    head: () => reader.stop(),
    body: () => t.fail('a body'),
    end: () => {
      ended = true
    },
  })
  const head = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'
  t.equal(reader.take(Buffer.from(`${head}rest`)), head.length)
  t.equal(reader.take(Buffer.from('more')), 0)
  t.notOk(ended)
})

t.test('bodies arrive as they were sent', async t => {
  for (const framing of ['sized', 'chunked'] satisfies Framing[]) {
    for (const bytes of [0, 1, 200, MIB, 3 * MIB + 17]) {
      const check = new BodyCheck()
      let ended = 0
      const reader = new MessageReader({
        head() {},
        body: (piece, from, to) => check.take(piece, from, to),
        end() {
          ended++
        },
      })
      const wire = new PassThrough()
      pour(wire, `POST / HTTP/1.1\r\n${framingField(framing, bytes)}\r\n\r\n`, piecesOf(framing, bytes))
      for await (const piece of wire) {
        reader.take(piece as Buffer)
        if (ended > 0) break
      }
      t.equal(ended, 1)
      t.equal(check.complaint(bytes), null, `${framing}, ${bytes} bytes`)
    }
  }
})

t.test('a body that is not the one is noticed', async t => {
  const { block } = piecesOf('sized', MIB)
  const checked = (...pieces: readonly Buffer[]) => {
    const check = new BodyCheck()
    for (const piece of pieces) check.take(piece, 0, piece.length)
    return check.complaint(MIB)
  }
  t.equal(checked(block), null)
  t.equal(checked(block.subarray(0, 70_000), block.subarray(70_000)), null)
  t.match(checked(block.subarray(1)), /differs from byte 0/)
  t.match(checked(block.subarray(0, -1)), /1048575 bytes instead of 1048576/)
  t.match(checked(block, block), /2097152 bytes/)
  t.match(checked(block.subarray(0, 500), block.subarray(503)), /differs from byte 500/)
})
