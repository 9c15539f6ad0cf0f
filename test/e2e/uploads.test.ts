// Large bodies through a proxy of its own: whole, at once streamed, and in little memory, whoever is the slow one.
import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { eventually, httpBackend, temporary } from './harness.ts'
import { metrics, type Running, startProcess, within } from './process.ts'
import { counting, MIB, open, residentBytes, upload, watchMemory, writeBody } from './volume.ts'

/** MiB, far more than memory may grow by; with MIBS=1024 it takes four times as long and shows the same. */
const LARGE = Number(process.env.MIBS ?? 256)
const MOST_GROWTH = 96 * MIB
const skip = existsSync('/proc/self/status') ? false : 'there is no /proc here'

interface Stage {
  readonly running: Running
  /** Exchanges that the backend has seen end, by path; true: whole. */
  readonly ended: Map<string, boolean>
  /** Bytes of bodies that have come, or gone out. */
  readonly bytes: Map<string, number>
}

async function stage(t: Test): Promise<Stage> {
  const ended = new Map<string, boolean>()
  const bytes = new Map<string, number>()
  const piece = Buffer.alloc(256 * 1024, 'backend ')
  const backend = await httpBackend(t, (req, res) => {
    const path = req.url ?? ''
    const add = (count: number) => bytes.set(path, (bytes.get(path) ?? 0) + count)
    bytes.set(path, 0)
    res.on('close', () => ended.set(path, res.writableFinished))
    if (path.startsWith('/slow')) {
      // Reads nothing at all.
      req.pause()
      return
    }
    if (req.method === 'POST') {
      req.on('data', chunk => add(chunk.length))
      req.on('end', () => res.end(String(bytes.get(path))))
      return
    }
    if (path.startsWith('/sized')) res.setHeader('content-length', LARGE * MIB)
    const more = () => {
      while (!res.destroyed && (bytes.get(path) as number) < LARGE * MIB) {
        add(piece.length)
        if (!res.write(piece)) return
      }
      res.end()
    }
    res.on('drain', more)
    more()
  })
  const running = await startProcess(
    t,
    { backends: { legacy: { url: backend.url } }, store: 'memory:', log: { access: 'off' } },
    { cwd: temporary(t) },
  )
  return { running, ended, bytes }
}

async function aborted(running: Running): Promise<number> {
  return Number(/^banyan_requests_total\{.*code="aborted"\} (\d+)/m.exec(await metrics(running))?.[1])
}

t.test('large bodies each way are whole, and memory stays flat', { skip }, async t => {
  const { running } = await stage(t)
  // What the first large body brings about is no growth.
  await upload(t, running.port, '/warm-up', 64, 'sized')
  const before = residentBytes(running.pid)
  const most = watchMemory(running.pid)
  for (const framing of ['sized', 'chunked'] as const) {
    const answer = await upload(t, running.port, `/up-${framing}`, LARGE, framing)
    t.match(answer.head, /^HTTP\/1\.1 200/, `up, ${framing}`)
    t.ok(answer.end.includes(String(LARGE * MIB)), `up, ${framing}: every byte`)
  }
  for (const framing of ['sized', 'chunked']) {
    const socket = open(t, running.port)
    socket.write(`GET /${framing} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const answer = await counting(socket)
    if (framing === 'sized') t.equal(answer.bytes, LARGE * MIB, 'down, sized')
    else t.ok(answer.bytes > LARGE * MIB && answer.end.endsWith('0\r\n\r\n'), 'down, chunked')
  }
  const growth = most() - before
  t.comment(`grew by ${(growth / MIB).toFixed(1)} MiB from ${(before / MIB).toFixed(1)}`)
  t.ok(growth < MOST_GROWTH, `${growth} bytes`)
})

t.test('whoever is slow holds the other one back, and memory stays bounded', { skip }, async t => {
  const { running, bytes, ended } = await stage(t)
  await upload(t, running.port, '/warm-up', 64, 'sized')
  const before = residentBytes(running.pid)
  const most = watchMemory(running.pid)
  const writers = Array.from({ length: 8 }, (_, n) => {
    const socket = open(t, running.port)
    socket.write(`POST /slow-${n} HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE * MIB}\r\n\r\n`)
    void writeBody(socket, LARGE, 'sized')
    return socket
  })
  const readers = Array.from({ length: 8 }, (_, n) => {
    const socket = open(t, running.port)
    socket.pause()
    socket.write(`GET /unread-${n} HTTP/1.1\r\nHost: a\r\n\r\n`)
    return socket
  })
  const total = () => {
    let sum = 0
    for (const count of bytes.values()) sum += count
    for (const writer of writers) sum += writer.bytesWritten - writer.writableLength
    return sum
  }
  let last = -1
  await eventually(async () => {
    const same = bytes.size > 16 && total() === last
    last = total()
    await new Promise(resolve => setTimeout(resolve, 200))
    return same
  }, 'all of them stand still')
  const growth = most() - before
  t.comment(`grew by ${(growth / MIB).toFixed(1)} MiB`)
  t.ok(growth < MOST_GROWTH, `${growth} bytes`)
  // An orderly end would come behind what nobody reads: nobody can see it.
  for (const socket of writers) socket.resetAndDestroy()
  for (const socket of readers) socket.destroy()
  // A backend that does not read does not hear of it either: what is free is told by the proxy.
  await eventually(async () => (await aborted(running)) === 16, 'all are free when the clients have left')
  for (let n = 0; n < 8; n++) t.equal(ended.get(`/unread-${n}`), false)
})

t.test('a client that leaves in the middle of a large body frees the backend', { skip }, async t => {
  const { running, bytes, ended } = await stage(t)
  const leaves: Record<string, (path: string) => Promise<void>> = {
    async '/sized-up'(path) {
      const socket = open(t, running.port)
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE * MIB}\r\n\r\n`)
      await writeBody(socket, 32, 'sized')
      socket.resetAndDestroy()
    },
    async '/chunked-up'(path) {
      const socket = open(t, running.port)
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
      void writeBody(socket, LARGE, 'chunked')
      await eventually(() => (bytes.get(path) ?? 0) > 32 * MIB, 'a part has come')
      socket.destroy()
    },
    async '/slow-up'(path) {
      const socket = open(t, running.port)
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE * MIB}\r\n\r\n`)
      void writeBody(socket, LARGE, 'sized')
      await eventually(() => bytes.has(path), 'its head has come')
      await new Promise(resolve => setTimeout(resolve, 300))
      socket.resetAndDestroy()
    },
    async '/sized-down'(path) {
      const socket = open(t, running.port)
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await eventually(() => socket.bytesRead > 0, 'it begins')
      socket.pause()
      await eventually(() => (bytes.get(path) ?? 0) > MIB, 'it goes on')
      socket.destroy()
    },
    async '/chunked-down'(path) {
      const socket = open(t, running.port)
      socket.resume()
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await eventually(() => (bytes.get(path) ?? 0) > 32 * MIB, 'a part has gone')
      socket.resetAndDestroy()
    },
  }
  let left = 0
  for (const [path, leave] of Object.entries(leaves)) {
    await within(leave(path), path)
    left++
    await eventually(async () => (await aborted(running)) === left, `${path}: it is over`)
    if (path !== '/slow-up') await eventually(() => ended.get(path) === false, `${path}: the backend is free`)
    t.ok((bytes.get(path) as number) < LARGE * MIB, `${path}: not all of it`)
  }
  t.notMatch(await metrics(running), /banyan_backend_errors_total\S* [1-9]/)
})
