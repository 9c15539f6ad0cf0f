// Lines out of chunks of any cut; one that is too long costs no memory.
import t from 'tap'
import { splitLines } from '../../../src/cli/asking/lines.ts'
import { MAX_LINE } from '../../../src/inventory/access-log.ts'

async function split(chunks: readonly (string | Uint8Array)[], over = new AbortController().signal): Promise<string[]> {
  const lines: string[] = []
  const source = (async function* () {
    yield* chunks
  })()
  for await (const line of splitLines(source, over)) lines.push(line)
  return lines
}

t.test('ends, carriage returns, no end at the end', async t => {
  t.same(await split(['a\nb\r\n\nc']), ['a', 'b', '', 'c'])
  t.same(await split([]), [])
  t.same(await split(['a\n']), ['a'])
})

t.test('cut anywhere, also inside of a character', async t => {
  const bytes = Buffer.from('/ä\n/€\r\n/x')
  for (let size = 1; size < bytes.length; size++) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    t.same(await split(chunks), ['/ä', '/€', '/x'], `${size}`)
  }
})

t.test('a line without end', async t => {
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  const [line, next] = await split([...Array.from({ length: 64 }, () => chunk), '\n/next\n'])
  t.ok(line!.length > MAX_LINE && line!.length < 5 * MAX_LINE, `${line!.length}`)
  t.equal(next, '/next')
})

t.test('stopped', async t => {
  t.same(await split(['a\n', 'b\n'], AbortSignal.abort()), [])
})
