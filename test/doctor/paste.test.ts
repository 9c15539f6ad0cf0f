// The block to paste: merged into a file it passes `banyan check`, whatever was found and whoever sent it.
import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import { loadText } from '../../src/config/load.ts'
import { compilePlan } from '../../src/config/plan.ts'
import type { Remedy } from '../../src/doctor/finding.ts'
import { pasteOf } from '../../src/doctor/paste.ts'
import { QUIRKS } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document
type Document = any

const MINIMAL = {
  backends: { legacy: { url: 'http://10.0.0.5:3001' }, on: { urls: ['http://10.0.0.6:1', 'http://10.0.0.7:1'] } },
  routes: [
    { id: 'orders', match: { path: '/orders/*' }, legacy: 'legacy', new: 'on', data: 'shared', sticky: ['cookie:sid'] },
    { id: 'old', match: { path: '/old/*' }, legacy: 'http://10.0.0.8:80' },
    { id: 'yes', match: { path: '/yes/*' }, legacy: 'legacy', new: { url: 'http://10.0.0.9' }, data: 'shared' },
  ],
}

async function planOf(document: Document): Promise<{ plan: Plan | null; mistakes: readonly string[] }> {
  const loaded = await loadText({ text: JSON.stringify(document), file: 'routes.yaml', interpolate: false })
  const { config, place } = loaded
  const compiled = config === null ? null : compilePlan(config, { file: 'routes.yaml', loadedAt: 0, place })
  const mistakes = [...loaded.mistakes, ...(compiled?.mistakes ?? [])].filter(({ level }) => level === 'error')
  return { plan: compiled?.plan ?? null, mistakes: mistakes.map(({ path, message }) => `${path}: ${message}`) }
}

/** As a person would: mappings key by key, routes by their id, everything else replaced. */
function merged(into: Document, from: Document): Document {
  if (Array.isArray(into) && Array.isArray(from) && from.every(item => typeof item?.id === 'string')) {
    return into.map(item => merged(item, from.find(({ id }) => id === item.id) ?? {}))
  }
  if (typeof from !== 'object' || from === null || Array.isArray(from)) return from
  if (typeof into !== 'object' || into === null || Array.isArray(into)) return from
  const all = { ...into }
  for (const [key, value] of Object.entries(from)) all[key] = key in into ? merged(into[key], value) : value
  return all
}

const cookie = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
const remedy: fc.Arbitrary<Remedy> = fc.oneof(
  fc.record({ kind: fc.constant('clientIp' as const), address: fc.oneof(fc.ipV4(), fc.ipV6()), sure: fc.boolean() }),
  fc.record({
    kind: fc.constant('wire' as const),
    backend: fc.constantFrom('legacy', 'on', 'http://10.0.0.8', 'http://10.0.0.9', 'gone'),
    quirk: fc.constantFrom(...QUIRKS),
  }),
  fc.record({ kind: fc.constant('cookies' as const), route: fc.constantFrom('orders', 'yes', 'gone'), name: cookie }),
  fc.record({
    kind: fc.constant('limit' as const),
    limit: fc.constantFrom('target' as const, 'body' as const),
    most: fc.integer({ min: 1024, max: 2 ** 20 }),
  }),
  fc.record({
    kind: fc.constant('limit' as const),
    limit: fc.constant('fields' as const),
    most: fc.integer({ min: 1, max: 10_000 }),
  }),
  fc.record({
    kind: fc.constant('route' as const),
    route: fc.constantFrom('orders', 'yes', 'old'),
    key: fc.constant('leaks' as const),
    value: fc.constant('rewrite'),
  }),
  fc.record({
    kind: fc.constant('route' as const),
    route: fc.constantFrom('orders', 'yes'),
    key: fc.constant('cache' as const),
    value: fc.constant('private-while-split'),
  }),
  fc.record({
    kind: fc.constant('sticky' as const),
    route: fc.constantFrom('orders', 'yes'),
    sources: fc.constantFrom(['cookie:sid', 'auto'], ['auto']),
  }),
)

t.test('it passes the check, and changes what it says', async t => {
  const { plan, mistakes } = await planOf(MINIMAL)
  t.same(mistakes, [])
  await fc.assert(
    fc.asyncProperty(fc.array(remedy, { maxLength: 12 }), async remedies => {
      const text = pasteOf(remedies, plan as Plan)
      if (text === null) return
      const after = await planOf(merged(MINIMAL, parse(text)))
      if (after.mistakes.length > 0) throw new Error(`${after.mistakes.join('\n')}\n${text}`)
      for (const one of remedies) {
        const backend = after.plan?.backends.find(({ name }) => one.kind === 'wire' && name === one.backend)
        if (one.kind === 'wire' && backend?.wire.accept.has(one.quirk) === false) throw new Error(text)
        if (one.kind === 'clientIp' && one.sure && after.plan?.clientIp.from.contains(one.address) !== true)
          throw new Error(text)
      }
    }),
    { numRuns: 200 },
  )
})

t.test('without a file it is a file by itself', async t => {
  const { plan } = await planOf({ backends: { legacy: { url: 'http://10.0.0.5:3001' } } })
  const remedies: Remedy[] = [{ kind: 'clientIp', address: '10.0.0.7', sure: true }]
  const text = pasteOf(remedies, { ...(plan as Plan), file: null })
  t.same((await planOf(parse(text ?? ''))).mistakes, [])
  t.same(parse(text ?? ''), {
    proxy: { clientIp: { from: ['10.0.0.7'], hops: 1 } },
    backends: { legacy: { url: 'http://10.0.0.5:3001' } },
  })
  t.equal(pasteOf([], { ...(plan as Plan), file: null }), null)
})

t.test('what is configured already stays in the lists', async t => {
  const { plan } = await planOf({
    ...MINIMAL,
    proxy: { clientIp: { from: ['10.1.0.0/16'], hops: 2 } },
    backends: { ...MINIMAL.backends, legacy: { url: 'http://10.0.0.5:3001', wire: { accept: ['bare-lf'] } } },
  })
  const text = pasteOf(
    [
      { kind: 'clientIp', address: '10.0.0.7', sure: true },
      { kind: 'wire', backend: 'legacy', quirk: 'control-byte' },
    ],
    plan as Plan,
  )
  const document = parse(text ?? '')
  t.same(document.proxy.clientIp, { from: ['10.1.0.0/16', '10.0.0.7'], hops: 2 })
  t.match(document.backends.legacy.wire.accept, /bare-lf.*control-byte/)
  t.notOk('url' in document.backends.legacy)
})

t.test('who may be a client is only shown', async t => {
  const { plan } = await planOf(MINIMAL)
  const text = pasteOf([{ kind: 'clientIp', address: '203.0.113.9', sure: false }], plan as Plan)
  t.equal(text, null, 'a comment alone is nothing to paste')
  const both = pasteOf(
    [
      { kind: 'clientIp', address: '203.0.113.9', sure: false },
      { kind: 'clientIp', address: '10.0.0.7', sure: true },
    ],
    plan as Plan,
  )
  t.match(both, /^# 203\.0\.113\.9 sends X-Forwarded-For too/m)
  t.same(parse(both ?? '').proxy.clientIp.from, ['10.0.0.7'])
})
