// The JSON Schema that editors load: an independent validator agrees with the loader.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse } from 'yaml'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { read } from './read.ts'

const validate = new Ajv2020({ allowUnionTypes: true }).compile(jsonSchema())

t.test('the sample of the contract is valid', async t => {
  const sample = readFileSync(join(import.meta.dirname, 'fixtures/contract.yaml'), 'utf8')
  t.ok(validate(parse(sample)), JSON.stringify(validate.errors))
  t.ok(validate({}), JSON.stringify(validate.errors))
})

t.test('what the schema refuses, the loader refuses', async t => {
  const wrong = [
    { proxi: {} },
    { proxy: { listen: 8080 } },
    { proxy: { timeouts: { keepAlive: '75' } } },
    { proxy: { limits: { head: '64kb' } } },
    { watch: 'off' },
    { log: { access: true } },
    { backends: { 'Bad Name': { url: 'http://a' } } },
    { backends: { a: { url: 'http://a/path' } } },
    { routes: [{ id: 'a', match: { path: 'orders' }, legacy: 'http://a' }] },
    { routes: [{ id: 'a', match: { path: '/a', methods: ['get'] }, legacy: 'http://a' }] },
    { routes: [{ id: 'a', match: { path: '/a' }, legacy: 'http://a', weight: 101 }] },
    { routes: [{ id: 'a', match: { path: '/a' }, legacy: 'http://a', weight: '5 %' }] },
    { routes: [{ id: 'a', match: { path: '/a' }, legacy: 'http://a', sticky: ['cookies:a'] }] },
    { routes: [{ match: { path: '/a' } }] },
  ]
  for (const value of wrong) {
    const text = JSON.stringify(value)
    t.notOk(validate(value), text)
    t.equal((await read(text)).config, null, text)
  }
})

t.test('what is right, in both', async t => {
  const right = [
    { proxy: { listen: '[::1]:0' }, default: '404' },
    { split: { seed: '$' + '{SECRET}' }, log: { level: 'debug' } },
    { backends: { a: { url: 'http://$' + '{NAME}:1' } } },
    { groups: { pay: { weight: '2.5%' } } },
    {
      routes: [
        { id: 'a', match: { paths: '/a' }, legacy: { url: 'http://a', timeouts: { head: 'none' } }, weight: undefined },
      ],
    },
  ]
  for (const value of right) {
    const text = JSON.stringify(value)
    t.ok(validate(JSON.parse(text)), `${text} ${JSON.stringify(validate.errors)}`)
    t.not((await read(text)).config, null, text)
  }
})

t.test('descriptions, defaults, and keys that come later', async t => {
  t.match(jsonSchema(), {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    additionalProperties: false,
    properties: {
      proxy: {
        properties: {
          listen: { type: 'string', default: '0.0.0.0:8080', description: 'where clients come in' },
          workers: { default: 1, description: /^\(not in this version\) / },
          limits: { properties: { head: { default: '64KiB' } } },
        },
      },
      routes: {
        items: {
          required: ['id', 'match'],
          properties: {
            weight: { default: 0, type: ['number', 'string'] },
            ambiguous: { default: 'legacy' },
            shadow: { properties: { percent: { default: 0, description: /^\(not in this version\) / } } },
          },
        },
      },
    },
  })
})
