// A client that sends its body in the smallest of chunks costs what the bytes cost, not a write for each.
import t from 'tap'
import { rawBackend, rawClient, startBanyan } from './harness.ts'

t.test('chunks that come together go on together, and not one byte is lost', async t => {
  let body = ''
  const backend = await rawBackend(t, socket => {
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      body += text
      if (body.endsWith('\r\n0\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } } })
  const client = rawClient(t, banyan.port)
  client.send('POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
  const wanted = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')
  client.send([...wanted].map(one => `1\r\n${one}\r\n`).join(''))
  // One that is larger than what is gathered, between small ones.
  const large = 'L'.repeat(40_000)
  client.send(`${large.length.toString(16)}\r\n${large}\r\n1\r\nz\r\n0\r\n\r\n`)
  t.match(await client.closed, /^HTTP\/1\.1 200 [\s\S]*ok$/)
  let rest = body.slice(body.indexOf('\r\n\r\n') + 4)
  let content = ''
  let chunks = 0
  for (;;) {
    const size = Number.parseInt(rest, 16)
    if (size === 0) break
    const from = rest.indexOf('\r\n') + 2
    content += rest.slice(from, from + size)
    rest = rest.slice(from + size + 2)
    chunks++
  }
  t.ok(content === `${wanted}${large}z`, `${content.length} bytes`)
  t.ok(chunks < 1_000, `${chunks} chunks`)
})

t.test('a body that turns out foul leaves nothing to the next one', async t => {
  const bodies: string[] = []
  const backend = await rawBackend(t, socket => {
    socket.setEncoding('latin1')
    let text = ''
    socket.on('data', (piece: string) => {
      text += piece
      if (!text.endsWith('\r\n0\r\n\r\n')) return
      bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4))
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    socket.on('error', () => {})
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } } })
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
  const foul = rawClient(t, banyan.port)
  foul.send(`${head}6\r\nsecret\r\nnonsense\r\n`)
  t.match(await foul.closed, /^HTTP\/1\.1 400 /)
  const next = rawClient(t, banyan.port)
  next.send(`${head}4\r\nmine\r\n0\r\n\r\n`)
  t.match(await next.closed, /^HTTP\/1\.1 200 /)
  t.same(bodies, ['4\r\nmine\r\n0\r\n\r\n'])
})
