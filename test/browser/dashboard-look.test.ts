// How the dashboard looks: both themes, wide and narrow, two hundred routes, none at all, long names, and texts of backends that
// would like to be more than text.
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { eventually, httpBackend, startBanyan } from '../e2e/harness.ts'
import { accessibility, type Complaints, inTab, noChromium, openTab, shot, type Tab } from './browser.ts'
import { signIn, startWorld } from './world.ts'

const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 360, height: 900 }

let tab: Tab
t.before(async () => {
  if (noChromium === false) tab = await openTab(t, { viewport: WIDE })
})

/** One page for all: each test's Banyan is a host of its own to it. */
async function look(t: Test, test: (page: Page, complaints: Complaints) => Promise<void>): Promise<void> {
  if (noChromium !== false) return void t.pass('in a browser', { skip: noChromium })
  await tab.page.emulateMedia({ colorScheme: 'light' })
  await tab.page.setViewportSize(WIDE)
  // Before that Banyan is gone, which the page would tell of.
  t.teardown(() => tab.page.goto('about:blank'))
  await inTab(t, tab, test)
}

const PLACES = ['', '/differences', '/users', '/timeline', '/setup'].map(tab => `/routes/orders${tab}`)

async function isSettled(page: Page): Promise<void> {
  await page.locator('main').waitFor()
  await eventually(async () => (await page.getByText('Asking …').count()) === 0, 'all that is asked for')
}

t.test('every page in both themes, wide and narrow', async t => {
  if (noChromium !== false) return t.pass('in a browser', { skip: noChromium })
  const { admin, api } = await startWorld(t)
  const found = async () => (await api('GET', '/routes/orders/divergences')).json.items.length > 0
  await eventually(found, 'a divergence')
  await signIn(tab.page, admin)
  for (const { colorScheme, viewport } of [
    { colorScheme: 'light', viewport: WIDE },
    { colorScheme: 'dark', viewport: NARROW },
  ] as const) {
    const { width } = viewport
    await t.test(`${colorScheme}, ${width} px: nothing for axe, nothing beyond the edge`, async t => {
      await look(t, async page => {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize(viewport)
        for (const place of ['/', ...PLACES, '/routes/nobody']) {
          await page.goto(`${admin}/#${place}`)
          await isSettled(page)
          if (place.endsWith('differences')) await page.locator('.leaf').first().click()
          t.same(await accessibility(page), [], `axe, ${place}`)
          const edge = Number(await page.evaluate('document.documentElement.scrollWidth'))
          t.ok(edge <= width, `${place} is ${edge} px wide`)
          await shot(t, page, place)
        }
      })
    })
  }
})

/** Half of a list of what breaks pages, as a page meets it: in names, headers, bodies. */
const NAUGHTY = [
  '<script>naughty()</script>',
  '"><img src=x onerror=naughty()>',
  "';naughty();//",
  '</textarea><svg onload=naughty()>',
  'javascript:naughty()',
  '{{constructor.constructor("naughty()")()}}',
  '\u202Eright to left\u202C',
  'Z\u0351\u036B\u0343\u036A\u0302\u036BA\u0349\u034CL\u0321G\u0353\u0351O',
  '\u0000\u0007\u001b[31mred',
  'ﷺ'.repeat(40),
  'x'.repeat(400),
]

t.test('texts of backends and of people stay texts', async t => {
  const bodyOf = (side: string) =>
    JSON.stringify(Object.fromEntries(NAUGHTY.map((text, i) => [text, `${side} ${i} ${text}`])))
  const backend = (side: string) =>
    httpBackend(t, (_req, res) => {
      res.setHeader('content-type', 'application/json').setHeader('x-side', `${side} <b onclick=naughty()>`)
      res.end(bodyOf(side))
    })
  const [legacy, fresh] = [await backend('legacy'), await backend('new')]
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    split: { firstStart: 'declared' },
    routes: [
      {
        id: 'orders',
        match: { path: '/orders/*', methods: ['GET'] },
        legacy: 'legacy',
        new: 'new',
        weight: 50,
        owner: NAUGHTY[1],
        shadow: { percent: 100 },
        compare: {
          noise: { percent: 50 },
          values: 'redacted',
          valuesUntil: inADay(),
          keep: ['$..*'],
          headers: ['x-side'],
        },
      },
    ],
  })
  const say = (method: string, path: string, body: unknown) => banyan.api(method, path, body)
  for (const reason of NAUGHTY) await say('PUT', '/routes/orders/weight', { percent: 50, reason })
  await say('POST', '/routes/orders/pins', { key: NAUGHTY[0], side: 'new', for: '1h', reason: NAUGHTY[1] })
  await say('POST', '/routes/orders/freeze', { reason: NAUGHTY[3] })
  const ask = async () => {
    for (let i = 0; i < 8; i++) await (await fetch(`http://127.0.0.1:${banyan.port}/orders/${i}`)).arrayBuffer()
    return (await say('GET', '/routes/orders/divergences', undefined)).json.items.length > 2
  }
  await eventually(ask, 'divergences')
  await look(t, async page => {
    await page.addInitScript('window.naughty = () => { window.wasNaughty = true }')
    await signIn(page, banyan.admin)
    for (const place of ['/', ...PLACES]) {
      await page.goto(`${banyan.admin}/#${place}`)
      await isSettled(page)
      if (place.endsWith('differences')) {
        const leaves = await page.locator('.leaf').count()
        for (let i = 0; i < Math.min(4, leaves); i++) {
          await page.locator('.leaf').nth(i).click()
          await page.getByText('Ask each side by hand').or(page.getByText('Values are not shown')).first().waitFor()
        }
        await page.getByRole('button', { name: /does not count/ }).click()
        await page
          .getByText(/It would hide|not a JSONPath|must/)
          .first()
          .waitFor()
      }
      if (place.endsWith('users')) {
        await page.getByLabel(/^Key: the value/).fill(NAUGHTY[0] ?? '')
        await page.getByRole('button', { name: 'Ask', exact: true }).click()
        await page.locator('.found li').first().waitFor()
      }
      t.equal(await page.evaluate('window.wasNaughty'), undefined, place)
      t.same(
        await page.evaluate("document.querySelectorAll('main script, main img, main svg, main [onclick]').length"),
        0,
      )
      await shot(t, page, place)
    }
  })
})

function inADay(): string {
  return new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z')
}

t.test('two hundred routes: all there, sorted by need, found by a filter', async t => {
  const backend = await httpBackend(t, (_req, res) => void res.end('ok'))
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url }, new: { url: backend.url } },
    split: { firstStart: 'declared' },
    routes: Array.from({ length: 200 }, (_, i) => ({
      id: i === 0 ? 'a-very-long-name-of-a-route-that-somebody-really-gave-to-it-once' : `route-${i}`,
      match: { path: `/r${i}/*`, methods: ['GET'] },
      legacy: 'legacy',
      ...(i % 9 === 0 ? {} : { new: 'new', weight: i % 4 === 0 ? 5 : 0 }),
      owner: `team-${i % 7}`,
    })),
  })
  await banyan.api('POST', '/routes/route-133/rollback', {})
  await look(t, async page => {
    await signIn(page, banyan.admin)
    for (const viewport of [WIDE, NARROW]) {
      await page.setViewportSize(viewport)
      await page.locator('table.fleet tbody tr').nth(199).waitFor()
      const first = await page.locator('table.fleet tbody tr').first().innerText()
      t.match(first, /route-133[\s\S]*rolled back/, 'what is rolled back comes first')
      const edge = Number(await page.evaluate('document.documentElement.scrollWidth'))
      t.ok(edge <= viewport.width, `${edge} of ${viewport.width} px`)
      await shot(t, page, `${viewport.width} px`)
      await page.getByLabel('Filter routes').fill('team-3')
      await page.getByText('28 of 200').or(page.getByText('29 of 200')).waitFor()
      await page.getByLabel('Filter routes').fill('nothing like it')
      await page.getByText('No route fits the filter.').waitFor()
      await page.getByLabel('Filter routes').fill('')
    }
  })
})

t.test('no route yet: what to do first', async t => {
  const backend = await httpBackend(t, (_req, res) => void res.end('ok'))
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } } })
  await look(t, async page => {
    await signIn(page, banyan.admin)
    await page.getByRole('heading', { name: /No routes yet/ }).waitFor()
    t.same(await accessibility(page), [])
    await shot(t, page)
  })
})

t.test('a token that may read only: nothing is hidden, and what it may not is off', async t => {
  const backend = await httpBackend(t, (_req, res) => void res.end('ok'))
  const route = (id: string) => ({
    id,
    match: { path: `/${id}/*`, methods: ['GET'] },
    legacy: 'legacy',
    new: 'new',
    weight: 5,
  })
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url }, new: { url: backend.url } },
    routes: [route('orders'), route('others')],
  })
  const made = await banyan.api('POST', '/tokens', { name: 'looker', scopes: ['read'], routes: ['orders'] })
  await look(t, async (page, complaints) => {
    await signIn(page, banyan.admin, made.json.secret)
    await page.getByText('asked every 5 s').waitFor()
    await page.getByRole('link', { name: 'orders', exact: true }).first().waitFor()
    t.equal(await page.getByRole('link', { name: 'others' }).count(), 0, 'a route beyond its reach')
    t.ok(await page.getByRole('button', { name: 'Roll back orders' }).isDisabled())
    t.ok(await page.getByRole('button', { name: 'Set the weight of orders' }).isDisabled())
    complaints.take(/^console: Failed to load resource.*(401|403)/)
  })
})
