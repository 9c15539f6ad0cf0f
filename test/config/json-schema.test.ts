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
    { proxy: { profile: 'strict' } },
    { proxy: { limits: { perAddress: 0 } } },
    { proxy: { timeouts: { minRate: 100 } } },
    { proxy: { tls: { cert: 'file:a' } } },
    { proxy: { shadow: { memory: 64 } } },
    { proxy: { shadow: { queue: '10' } } },
    ...[
      { balance: 'round-robin' },
      { health: 'ping' },
      { health: {} },
      { maxConcurrent: 'many' },
      { circuit: 'on' },
      { circuit: { errors: 0 } },
      { queue: { size: -1 } },
      { retry: { methods: ['POST'] } },
      { wire: { version: 2 } },
      { wire: { accept: ['bare-cr'] } },
      { tls: { minVersion: 'TLS1' } },
    ].map(words => ({ backends: { a: { url: 'http://a', ...words } } })),
    ...[
      { fallback: { on: [200] } },
      { otherSideOn: [500] },
      { leaks: 'hide' },
      { shadow: { percent: 101 } },
      { shadow: { methods: [] } },
      { shadow: { deny: ['logout'] } },
      { shadow: { maxRps: { old: 1 } } },
      { shadow: { maxConcurrent: 0 } },
      { shadow: { stopAbove: { p95: '20%' } } },
      { shadow: { window: 'Mo-Fr 8-17' } },
      { shadow: { send: { cookies: 'some' } } },
      { shadow: { send: { headers: { set: { host: 'a\n' } } } } },
      { compare: { status: 'same' } },
      { compare: { headers: ['a b'] } },
      { compare: { budget: { nodes: 0 } } },
      { compare: { redact: ['card'] } },
      { compare: { values: 'all' } },
      { compare: { valuesUntil: 'tomorrow' } },
      { new: { url: 'http://n', headers: { set: { 'a b': 'c' } } } },
      { new: { url: 'http://n', headers: { set: { a: 'b\n' } } } },
      { new: { url: 'http://n', cookies: { prefix: 'a b' } } },
      { new: { url: 'http://n', path: 'v2' } },
    ].map(words => ({ routes: [{ id: 'a', match: { path: '/a' }, legacy: 'http://a', data: 'shared', ...words }] })),
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
    { proxy: { profile: 'standard', limits: { body: '1MiB', perAddress: 5 }, timeouts: { minRate: 'none' } } },
    { proxy: { errors: { page: '<b>{status}</b>' }, shadow: { memory: '1GiB', age: '90d' } } },
    {
      backends: {
        a: {
          urls: ['http://a', 'http://b'],
          balance: 'cookie:node',
          health: '/ping',
          slowStart: '5s',
          maxConcurrent: 5,
          queue: { size: 0 },
          circuit: {},
          retry: { methods: [], budget: 5 },
          wire: { accept: ['bare-lf'], version: 1.1, reuse: 'never', chunkedRequests: 'buffer', bufferLimit: '1MiB' },
        },
        b: { url: 'http://b', health: { path: '/p', interval: '1m' }, circuit: 'none', maxConcurrent: 'none' },
      },
    },
    {
      routes: [
        {
          id: 'a',
          match: { path: '/a/*' },
          legacy: { url: 'http://l', cookies: { prefix: 'l_', shared: ['lang'] } },
          new: { url: 'http://n', path: '/v2/*', headers: { set: { 'x-a': 'b c' }, remove: ['x-b'] } },
          data: 'shared',
          fallback: { on: ['connect', 503], methods: ['GET'] },
          otherSideOn: [404],
          cache: 'private-while-split',
          etag: 'per-side',
          leaks: 'rewrite',
          shadow: {
            percent: '2.5%',
            methods: ['GET', 'POST'],
            iKnowThisWrites: true,
            send: { cookies: ['lang'], headers: { set: { 'x-probe': 'yes' } } },
            deny: ['/logout*', '?action=delete', '/admin/*?x=y', '?token'],
            maxRps: { legacy: 5 },
            maxConcurrent: 8,
            stopAbove: { p95: '+20%' },
            window: 'Mon-Wed,Sat 20:00-06:00 Europe/Berlin',
          },
          compare: {
            status: 'class',
            headers: ['ETag'],
            budget: { time: '100ms' },
            noise: { percent: 0 },
            redact: ['$..card'],
            keep: ["$['total']"],
          },
        },
        {
          id: 'b',
          match: { path: '/b' },
          legacy: 'http://l',
          shadow: { maxRps: 'none' },
          compare: { values: 'paths' },
        },
      ],
    },
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
          workers: { default: 1, description: /^processes that share the port/ },
          limits: { properties: { head: { default: '64KiB' } } },
        },
      },
      rollback: { properties: { inFlight: { default: 'finish', description: /^\(not in this version\) / } } },
      routes: {
        items: {
          required: ['id', 'match'],
          properties: {
            weight: { default: 0, type: ['number', 'string'] },
            ambiguous: { default: 'legacy' },
            shadow: { properties: { percent: { default: 0, description: /^share of users/ } } },
          },
        },
      },
    },
  })
})
