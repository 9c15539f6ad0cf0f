// The first routes.yaml: what it says, that `check` takes it whatever the traffic was, and that nothing leaves legacy by it.
import fc from 'fast-check'
import t from 'tap'
import { loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { configure } from '../../src/configured.ts'
import { type DraftOptions, draftOf, MOST_ROUTES } from '../../src/inventory/draft.ts'
import { type Inventory, type Seen, Sketch } from '../../src/inventory/sketch.ts'
import { runs } from '../runs.ts'
import { seen } from './make.ts'

const OPTIONS: DraftOptions = { legacy: ['http://10.0.0.5:3001'], listen: ':8080', from: 'a test', notes: [] }
const LIVE = { source: 'live', since: 0, until: 100_000 } as const

function inventoryOf(requests: readonly Seen[]): Inventory {
  const sketch = new Sketch()
  for (const one of requests) sketch.take(one)
  return sketch.view(LIVE)
}

/** As `banyan check` and `start` read it; throws what is wrong with it. */
async function configured(text: string) {
  const read = await loadText({ text, file: 'routes.yaml', interpolate: true, env: { HOME: '/root' } })
  return configure(read, shown, 'routes.yaml', 0)
}

t.test('a route for each template, in chapters, with what was seen and what is asked', async t => {
  const { text, routes, left } = draftOf(
    inventoryOf([
      seen('GET', '/favicon.ico'),
      seen('GET', '/static/a.css'),
      ...Array.from({ length: 100 }, (_, i) => seen('GET', `/orders/${i}`, { from: '/shop' })),
      ...Array.from({ length: 3 }, () => seen('GET', '/shop', { isPage: true })),
      seen('POST', '/orders'),
      seen('POST', '/login', { setCookies: ['JSESSIONID=1'] }),
      seen('GET', '/admin?action=delete'),
      seen('GET', '/feed', { contentType: 'text/event-stream' }),
    ]),
    OPTIONS,
  )
  t.match({ routes, left }, { routes: 8, left: 0 })
  const order = [
    'Read-only, busiest first',
    '  # GET: 1 a second, P95 9.5 ms, 1 caller\n  # GET: mostly called from /shop\n  - id: orders-id',
    'match: { path: "/orders/:id" }\n    legacy: legacy\n    # new: new\n    # data: ? separate or shared\n    # group: shop\n',
    '  # GET (a page): 0.03 a second',
    'look twice',
    'LOOKS LIKE A WRITE ("action=delete" in the query)',
    'streams (server-sent events)',
    '---- Writes',
    'sets a session (JSESSIONID)',
    '---- Static files',
    'path: "/static/*"',
  ]
  let from = 0
  for (const part of order) {
    const at = text.indexOf(part, from)
    t.ok(at !== -1, part)
    from = Math.max(from, at)
  }
  const { plan, warnings } = await configured(text)
  t.same(warnings, [])
  t.equal(plan.fallback?.sides.legacy?.origins.join(), 'http://10.0.0.5:3001')
})

t.test('without a legacy it is a question, and still a configuration', async t => {
  const { text } = draftOf(inventoryOf([seen('GET', '/a')]), { ...OPTIONS, legacy: null, listen: null })
  t.match(text, /\? Where is the legacy/)
  t.ok((await configured(text)).plan.routes.length === 1)
  t.ok(await configured(draftOf(inventoryOf([]), OPTIONS).text), 'nor without any traffic')
  const two = draftOf(inventoryOf([]), { ...OPTIONS, legacy: ['http://10.0.0.5', 'http://10.0.0.6'] })
  t.match((await configured(two.text)).plan.fallback?.sides.legacy?.origins.length, 2)
})

t.test('the busiest get routes, the others are said', async t => {
  const letters = 'abcdefghijklmnop'
  const requests = Array.from({ length: 256 }, (_, i) =>
    seen('GET', `/${letters[i >> 4]}${letters[i >> 4]}/${letters[i & 15]}${letters[i & 15]}`, { standsFor: 300 - i }),
  )
  const { text, routes, left } = draftOf(inventoryOf(requests), OPTIONS)
  t.match({ routes, left }, { routes: MOST_ROUTES, left: 56 })
  t.match(text, /56 rarer templates have no route of their own/)
  t.equal((await configured(text)).plan.routes.length, MOST_ROUTES)
})

t.test(
  'whatever the traffic was: it is read, all goes to legacy, and nothing in it is anybody else’s YAML',
  async t => {
    const seed = Date.now()
    t.comment(`seed ${seed}`)
    const text = fc.string({ unit: 'binary', maxLength: 20 })
    const nasty = fc.constantFrom(
      '"',
      "'",
      ': ',
      ' #',
      '\n',
      '\\',
      `\${HOME}`,
      `$$\${X}`,
      '- id: x',
      '{',
      '}',
      '%',
      '&a',
      '*a',
      '!!x',
      ';',
    )
    const request = fc
      .record({
        method: fc.constantFrom('GET', 'POST', 'HEAD'),
        path: fc.array(fc.oneof(text, nasty, fc.constantFrom('a', 'b', '7', 'x.do')), { maxLength: 5 }),
        host: fc.option(text),
        from: fc.option(text.map(path => `/${path}`)),
        cookie: text,
        action: text,
      })
      .map(({ method, path, host, from, cookie, action }) =>
        seen(method, `/${path.join('/').replaceAll('?', '')}?action=${action}`, {
          host,
          from,
          setCookies: [`${cookie}=1`, `session${cookie}=2`],
        }),
      )
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 30 }), text, async (requests, note) => {
        const inventory = inventoryOf(requests)
        const draft = draftOf(inventory, { ...OPTIONS, from: note, notes: [note] })
        if (!/^[\n -~…]*$/.test(draft.text)) return false
        const { plan } = await configured(draft.text)
        const paths = new Set(plan.routes.flatMap(({ match }) => match.paths))
        return (
          plan.routes.length === draft.routes &&
          plan.routes.every(
            ({ sides }) => sides.new === null && sides.legacy?.origins.join() === OPTIONS.legacy?.join(),
          ) &&
          inventory.entries.every(({ template }) => paths.has(template))
        )
      }),
      { seed, numRuns: runs(300) },
    )
  },
)
