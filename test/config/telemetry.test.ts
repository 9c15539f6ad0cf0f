// `telemetry` as the file says it: where traces go, which ones, with which secrets; and what is no collector.
import t from 'tap'
import { differences, needsRestart } from '../../src/config/diff.ts'
import { loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { tracesOf } from '../../src/traces.ts'
import { wordsOf } from './read.ts'

const ENDPOINT = 'http://collector:4318/v1/traces'
const ENV = { OTLP: 'hunter2', CUT: 'hunter2\r\nX-Other: 1', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://elsewhere:4318' }

const load = (value: unknown) =>
  loadText({ text: JSON.stringify(value), file: 'routes.yaml', interpolate: true, env: ENV })

async function traces(value: object) {
  const { config, mistakes } = await load({ telemetry: { traces: { endpoint: ENDPOINT, ...value } } })
  if (config === null) throw new Error(JSON.stringify(mistakes))
  return config
}

const wrong = async (value: object) =>
  (await wordsOf({ telemetry: { traces: { endpoint: ENDPOINT, ...value } } })).join()

t.test('off, whatever the environment says, unless the file says where to', async t => {
  const { config } = await load({})
  t.same(config?.telemetry, {})
  t.equal(tracesOf(config?.telemetry as never), null)
  t.match(await wordsOf({ telemetry: { traces: {} } }), [/^\/telemetry\/traces\/endpoint /])
})

t.test('defaults, and what is given', async t => {
  t.same(tracesOf((await traces({})).telemetry), {
    endpoint: ENDPOINT,
    headers: [],
    sampling: { byParent: true, percent: 1 },
    service: 'banyan',
  })
  const given = { headers: { Authorization: '$' + '{OTLP}' }, sample: '2.5%', service: 'shop edge' }
  t.match(tracesOf((await traces(given)).telemetry), {
    headers: [['authorization', 'hunter2']],
    sampling: { byParent: false, percent: 2.5 },
    service: 'shop edge',
  })
})

t.test('what is recorded, and how it is shown again', async t => {
  const forms: readonly (readonly [unknown, { byParent: boolean; percent: number }, string])[] = [
    ['parent', { byParent: true, percent: 0 }, 'parent'],
    ['parent or 5', { byParent: true, percent: 5 }, 'parent or 5%'],
    ['parent or 0%', { byParent: true, percent: 0 }, 'parent'],
    ['100%', { byParent: false, percent: 100 }, '100%'],
    [0.01, { byParent: false, percent: 0.01 }, '0.01%'],
  ]
  for (const [sample, meant, written] of forms) {
    const config = await traces({ sample })
    t.same(config.telemetry.traces?.sample, meant)
    t.match(shown(config), { telemetry: { traces: { sample: written } } })
  }
  for (const sample of ['always', '101%', 'parent or', 'parent or always', '-1', 'parent 5%']) {
    t.match(await wrong({ sample }), /^\/telemetry\/traces\/sample neither parent nor a percent: for example/, sample)
  }
})

t.test('secrets come from outside, are shown as ***, and are values of a header', async t => {
  const config = await traces({ headers: { 'X-Key': '$' + '{OTLP}' } })
  t.match(shown(config), { telemetry: { traces: { headers: { 'x-key': '***' } } } })
  t.notMatch(JSON.stringify(shown(config)), /hunter2/)
  t.match(await wrong({ headers: { 'X-Key': 'hunter2' } }), /a secret must not stand in the text/)
  const { mistakes } = await load({
    telemetry: { traces: { endpoint: ENDPOINT, headers: { 'X-Key': '$' + '{CUT}' } } },
  })
  t.match(mistakes, [{ path: '/telemetry/traces/headers/X-Key', message: 'not the value of a header' }])
  t.notMatch(JSON.stringify(mistakes), /hunter2/)
  t.match(await wrong({ headers: { 'X Key': '$' + '{SECRET}' } }), /not the name of a header/)
})

t.test('an endpoint that is none', async t => {
  const endpoints: readonly (readonly [string, RegExp])[] = [
    ['collector:4318', /not a URL of http or https/],
    ['grpc://collector:4317', /OTLP is spoken over HTTP only: for example http:/],
    ['http://collector:4318', /the path is missing: write http:\/\/collector:4318\/v1\/traces/],
    ['http://u:hunter2@collector:4318/v1/traces', /must not hold a user or password: send them in headers/],
    ['http://collector:4318/v1/traces?key=hunter2', /has no query: send keys in headers/],
    ['http://collector:0/v1/traces', /port 0/],
    ['http://:4318/v1/traces', /not a URL/],
  ]
  for (const [endpoint, why] of endpoints) t.match(await wrong({ endpoint }), why, endpoint)
  t.match(await wrong({ endpoint: 'http://collector:4317/v1/traces' }), /^! .*that of gRPC.*write http:.*:4318\/v1/)
  t.equal(await wrong({ endpoint: 'https://otlp.example/otlp/v1/traces' }), '')
})

t.test('nor is one of our own listeners a collector', async t => {
  for (const [listen, host] of [
    ['127.0.0.1:9900', 'localhost'],
    ['127.0.0.1:9901', '127.0.0.1'],
    ['0.0.0.0:8080', '[::ffff:127.0.0.1]'],
  ]) {
    const endpoint = `http://${host}:${listen?.split(':')[1]}/v1/traces`
    t.match(await wrong({ endpoint }), new RegExp(`own listener .*${listen}`), endpoint)
  }
})

t.test('a change of it is in force after a restart', async t => {
  const before = shown(await traces({}))
  const changed = differences(before, shown(await traces({ sample: 'parent' })))
  t.ok(changed.length === 1 && changed.every(needsRestart))
  t.ok(differences(shown((await load({})).config as never), before).every(needsRestart))
})
