// A mistake on paper: the line, the caret, and nothing that a terminal or a log must not see.
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { formatMistake } from '../../src/config/format.ts'
import type { Mistake } from '../../src/model/errors.ts'
import { read } from './read.ts'

async function printed(text: string, colour = false): Promise<readonly string[]> {
  const { mistakes, texts } = await read(text)
  return mistakes.flatMap(one => formatMistake(one, texts.get(one.file) ?? null, colour))
}

t.test('place, line, caret, words', async t => {
  t.same(await printed('proxy:\n  lisen: :80\n'), [
    'routes.yaml:2:3  error  unknown key  /proxy/lisen',
    '       2 |   lisen: :80',
    '         |   ^',
    '    found    lisen',
    '    allowed  listen, workers, profile, clientIp, proxyProtocol, limits, timeouts, drain, shadow, errors, tls',
    '    hint     did you mean listen?',
  ])
})

t.test('colour changes no word', async t => {
  const text = 'proxy:\n  lisen: :80\nwatch: off\n'
  const coloured = await printed(text, true)
  t.match(coloured.join('\n'), '[31m')
  t.same(
    coloured.map(line => stripVTControlCharacters(line)),
    await printed(text),
  )
})

t.test('without a text', async t => {
  const nowhere: Mistake = {
    file: 'x.yaml',
    line: 0,
    column: 0,
    path: '',
    message: 'x.yaml does not exist',
    found: null,
    allowed: null,
    hint: null,
    level: 'warning',
  }
  t.same(formatMistake(nowhere, null, false), ['x.yaml  warning  x.yaml does not exist'])
})

t.test('secrets stay out of it', async t => {
  const all = [
    'split: { seed: hunter2 }',
    'split: {\n  seed: "hunter2" }',
    'split: { seed: "hunter2',
    'split:\n  seed: hunter2: x',
    'split: { seed: hunter2, firstStart: nope }',
    'backends: { a: { url: "http://user:hunter2@h" } }',
    'store: postgres://user:hunter2@h/db',
    'store: postgres://user:hun/hunter2@ter@h/db',
    'store: postgres://user@h/db?password=hunter2',
    'fleet: { secret: hunter2hunter2hunter2 }',
    'defaults: { ramp: { notify: [{ url: http://h, secret: hunter2 }] } }',
  ]
  for (const text of all) {
    const lines = await printed(text)
    t.ok(lines.length > 2, text)
    t.notMatch(lines.join('\n'), /hunter2/, text)
  }
})

t.test('no escape code of a text reaches the terminal', async t => {
  const lines = await printed('"a\u001b[31m\u0007\u202e": 1\n')
  t.notMatch(lines.join(''), /[\p{Cc}\p{Cf}]/u)
  t.equal(lines[1], '       1 | "a·[31m··": 1')
})

t.test('in a long line the caret stays in sight', async t => {
  const lines = await printed(`admin: { hosts: [${'a.example.com, '.repeat(100)}"*"] }\n`)
  const [, line = '', caret = ''] = lines
  t.ok(line.length < 140)
  t.equal(line[caret.indexOf('^')], '"')
})
