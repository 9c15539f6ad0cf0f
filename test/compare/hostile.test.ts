// Whatever answers are, comparing them ends, throws nothing, and never takes different contents for the same.
import { isDeepStrictEqual } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { isSame } from '../../src/compare/compare.ts'
import { runs } from '../runs.ts'
import { answer, compareGiven, type Given, POLICY } from './answers.ts'

const TYPES = [
  'application/json',
  'application/x-ndjson',
  'text/event-stream',
  'application/x-www-form-urlencoded',
  'application/xml',
  'text/html',
  'text/plain',
  'text/plain; charset=utf-16le',
  'application/octet-stream',
  'nonsense; charset="',
  '',
]
const COMPRESS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  identity: bytes => bytes,
  gzip: bytes => gzipSync(bytes),
  deflate: bytes => deflateSync(bytes),
  br: bytes => brotliCompressSync(bytes, { params: { 1: 1 } }),
  zstd: bytes => zstdCompressSync(bytes),
}

const type = fc.constantFrom(...TYPES)
const coding = fc.constantFrom(...Object.keys(COMPRESS))
const piece = fc.constantFrom(
  ...'[]{}<>:,"=&;!/- \n\r\\0'.split(''),
  'data:',
  '<a',
  '</a>',
  '<!--',
  'é',
  '\u001e',
  'null',
  '1',
)
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes)),
  fc.array(piece, { maxLength: 30 }).map(pieces => Buffer.from(pieces.join(''))),
)
const POLICIES = fc.record({
  headers: fc.constantFrom(null, []),
  status: fc.constantFrom<'exact' | 'class'>('exact', 'class'),
  maxBodyBytes: fc.constantFrom(10, 1_000_000),
})

/** `headers`: what it is said to be. */
function given(type: string, coding: string, body: Uint8Array, keep = 1_000_000): Given {
  return { headers: ['content-type', type, 'content-encoding', coding], body, keep }
}

t.test('property: any bytes under any head end with an answer, the same both ways round', async t => {
  const side = fc.tuple(type, coding, noise, fc.constantFrom(5, 1_000_000))
  fc.assert(
    fc.property(side, side, POLICIES, (a, b, policy) => {
      const [legacy, fresh] = [given(...a), given(...b)]
      const compared = compareGiven(legacy, fresh, policy)
      const back = compareGiven(fresh, legacy, policy)
      if (compared.result !== back.result || compared.differences.length !== back.differences.length) return false
      const same = isSame(answer(legacy), answer(fresh), { ...POLICY, ...policy })
      return !same || compared.result === 'match'
    }),
    { numRuns: runs(2000) },
  )
  t.pass('held')
})

t.test('property: coded contents match exactly where they are the same text', async t => {
  const plain = fc.constantFrom('text/plain', 'application/octet-stream', 'text/csv')
  fc.assert(
    fc.property(plain, coding, coding, noise, noise, fc.boolean(), (type, ours, theirs, a, other, isTwin) => {
      const b = isTwin ? Buffer.from(a) : other
      const [legacy, fresh] = [given(type, ours, COMPRESS[ours]!(a)), given(type, theirs, COMPRESS[theirs]!(b))]
      const { result } = compareGiven(legacy, fresh, { headers: [] })
      // A byte order mark is no text.
      const isEqual = a.equals(b) || (type !== 'application/octet-stream' && unmarked(a).equals(unmarked(b)))
      return (result === 'match') === isEqual
    }),
    { numRuns: runs(1000) },
  )
  t.pass('held')
})

function unmarked(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(Buffer.from('\ufeff')) ? bytes.subarray(3) : bytes
}

t.test('property: JSON matches exactly where the values are the same, however it is written', async t => {
  const value = fc.jsonValue({ maxDepth: 3 })
  fc.assert(
    fc.property(value, value, coding, fc.boolean(), (a, other, coding, isTwin) => {
      const b = isTwin ? a : other
      const legacy = given('application/json', 'identity', Buffer.from(JSON.stringify(a)))
      const fresh = given('application/json', coding, COMPRESS[coding]!(Buffer.from(JSON.stringify(b, null, 2))))
      const { result } = compareGiven(legacy, fresh, { headers: [] })
      return (result === 'match') === isDeepStrictEqual(unsigned(a), unsigned(b))
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

/** 0 is -0. */
function unsigned(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

t.test('hostile bodies end within the budget', async t => {
  const n = 300_000
  const budget = { timeMs: 500, nodes: 100_000, depth: 10_000, keys: 10_000, differences: 100 }
  const bodies: Readonly<Record<string, string>> = {
    'open brackets': '['.repeat(n),
    'deep arrays': '['.repeat(n) + ']'.repeat(n),
    'deep objects': `${'{"a":'.repeat(n / 4)}1${'}'.repeat(n / 4)}`,
    'one line': `"${'x'.repeat(4 * n)}"`,
    'a long number': '1'.repeat(n),
    'many members': `{${Array.from({ length: n / 10 }, (_, i) => `"${i}":0`).join()}}`,
    'many elements': `[${'0,'.repeat(n)}0]`,
    'many records': '0\n'.repeat(n / 2),
    'many events': 'data:1\n\n'.repeat(n / 10),
    'deep elements': '<a>'.repeat(n / 10),
    'many attributes': `<a ${Array.from({ length: n / 20 }, (_, i) => `a${i}="1"`).join(' ')}/>`,
    'many elements of XML': `<a>${'<b/>'.repeat(n / 4)}</a>`,
    'many instructions of XML': `<a>${Array.from({ length: n / 20 }, (_, i) => `<?p${i}?>x<b><?q?></b>`).join('')}</a>`,
    'a form': 'a=1&'.repeat(n / 10),
    'entities of entities': `<!DOCTYPE a [<!ENTITY b "${'x'.repeat(99)}"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>`,
  }
  for (const [name, body] of Object.entries(bodies)) {
    for (const type of TYPES.slice(0, 7)) {
      const legacy = { type, body, keep: 8 * n }
      const fresh = { type, body: `${body} `, keep: 8 * n }
      const { result } = compareGiven(legacy, fresh, { maxBodyBytes: 8 * n, budget })
      t.ok(['match', 'different', 'undecided'].includes(result), `${name} as ${type}: ${result}`)
    }
  }
})
