// The dashboard in a real browser, on the real product under the demo's traffic: everything that an operator does there, and that it
// is in force afterwards.
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { eventually, TOKEN } from '../e2e/harness.ts'
import { type Complaints, inTab, noChromium, openTab, shot, type Tab } from './browser.ts'
import { signIn, startWorld, type World } from './world.ts'

let world: World
let tab: Tab

t.before(async () => {
  if (noChromium !== false) return
  world = await startWorld(t)
  tab = await openTab(t)
  await signIn(tab.page, world.admin)
})

/** The page of all tests here, signed in, just opened. */
async function withDashboard(t: Test, test: (page: Page, complaints: Complaints) => Promise<void>): Promise<void> {
  if (noChromium !== false) return void t.pass('in a browser', { skip: noChromium })
  await inTab(t, tab, async (page, complaints) => {
    await page.goto(`${world.admin}/`)
    await rowOf(page, 'orders').waitFor()
    await test(page, complaints)
  })
}

/** What the API says is in force. */
async function inForce(route = 'orders'): Promise<{ desired: number; effective: number }> {
  return (await world.api('GET', `/routes/${route}`)).json.weight
}

/** Why, of the newest entry of its kind. */
async function reasonOf(action: string): Promise<string | null> {
  const { entries } = (await world.api('GET', '/audit?limit=20')).json
  return entries.find((entry: { readonly action: string }) => entry.action === action).reason
}

function rowOf(page: Page, route: string) {
  return page.locator('table.fleet tbody tr').filter({ has: page.getByRole('link', { name: route, exact: true }) })
}

t.test('sign out ends it in every tab, a wrong token is refused, and a right one signs every tab in', async t => {
  await withDashboard(t, async (page, complaints) => {
    const other = await page.context().newPage()
    await other.goto(`${world.admin}/`)
    await rowOf(other, 'orders').waitFor()
    await other.getByRole('button', { name: /sign out/ }).click()
    for (const one of [other, page]) await one.getByLabel('Token').waitFor()
    await other.getByLabel('Token').fill('not-a-token')
    await other.keyboard.press('Enter')
    await other.getByRole('alert').filter({ hasText: 'no token that is valid' }).waitFor()
    await other.getByLabel('Token').fill(TOKEN)
    await other.keyboard.press('Enter')
    for (const one of [other, page]) {
      await rowOf(one, 'orders').waitFor()
      await one.locator('.freshness.live').waitFor()
    }
    await other.reload()
    await rowOf(other, 'orders').waitFor()
    await other.close()
    complaints.take(/^console: Failed to load resource.*401/)
  })
})

t.test('a weight is set with a preview, seen in force, and undone', async t => {
  await withDashboard(t, async page => {
    await page.getByRole('button', { name: 'Set the weight of orders' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Percent of users on new').fill('fifty')
    await dialog.getByText('A number from 0 to 100').waitFor()
    await dialog.getByRole('button', { name: '50', exact: true }).click()
    await dialog.getByText(/40 % of users move from legacy to new/).waitFor()
    t.match(await inForce(), { desired: 10, effective: 10 }, 'a preview changes nothing')
    await dialog.getByLabel(/Why/).fill('half of them')
    await shot(t, page, 'preview')
    await dialog.getByRole('button', { name: 'Set 50 %' }).click()
    const result = page.getByRole('status').filter({ hasText: 'orders is at 50 %' })
    await result.getByText(/In force at 1 worker in/).waitFor()
    t.match(await inForce(), { desired: 50, effective: 50 })
    await rowOf(page, 'orders').getByText('50 %', { exact: true }).waitFor()
    await rowOf(page, 'orders').getByText('set to 50 %').waitFor()
    await result.getByRole('button', { name: /Undo/ }).click()
    await page.getByText('Undone: orders is as it was').waitFor()
    t.match(await inForce(), { desired: 10, effective: 10 })
    t.equal(await reasonOf('set-weight'), 'half of them', 'with its reason')
  })
})

t.test('one click goes back, says in how many milliseconds, and a restore returns', async t => {
  await withDashboard(t, async page => {
    await page.getByRole('button', { name: 'Roll back orders' }).click()
    const ms = page.locator('.result [data-ms]')
    await ms.waitFor()
    const told = Number(await ms.getAttribute('data-ms'))
    t.comment(`in force after ${told} ms, as the page says`)
    t.ok(told > 0 && told < 60_000)
    t.match(await inForce(), { desired: 10, effective: 0 })
    t.equal(await reasonOf('rollback'), null, 'nobody had to say why')
    await rowOf(page, 'orders').locator('.state-rolled-back').waitFor()
    await page.getByRole('heading', { name: /1 route is rolled back/ }).waitFor()
    await shot(t, page, 'rolled back')
    await rowOf(page, 'orders')
      .getByRole('button', { name: /Restore/ })
      .click()
    await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).click()
    await page.getByText('orders is restored').waitFor()
    t.match(await inForce(), { effective: 10 })
  })
})

t.test('everything goes back by one click, and is undone by another', async t => {
  await withDashboard(t, async page => {
    const why = page.getByLabel('Why, if you roll back')
    await why.fill(' totals are wrong ')
    await page.getByRole('button', { name: 'Roll back all routes' }).click()
    await page.getByText('Everything is rolled back: “totals are wrong”').waitFor()
    await page.locator('.headline').getByText('and 1 more').waitFor()
    t.match(await inForce(), { effective: 0 })
    t.equal(await reasonOf('rollback'), 'totals are wrong')
    t.equal(await why.inputValue(), '', 'the next one has its own')
    await page.locator('.result').getByRole('button', { name: /Undo/ }).click()
    await page.getByText('Undone: everything is as it was').waitFor()
    t.match(await inForce(), { effective: 10 })
  })
})

t.test('who was slower sees what the faster one did, before anything is overwritten', async t => {
  await withDashboard(t, async page => {
    await page.goto(`${world.admin}/#/routes/orders`)
    await page.getByRole('button', { name: 'Set the weight of orders' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Percent of users on new').fill('30')
    await dialog.getByText(/users move/).waitFor()
    await world.api('PUT', '/routes/orders/weight', { percent: 20, reason: 'I was faster' })
    await dialog.getByRole('button', { name: 'Set 30 %' }).click()
    await dialog.getByText('Somebody else changed this route meanwhile').waitFor()
    t.match(await inForce(), { desired: 20 }, 'it is as they said')
    t.match(await dialog.getByRole('alert').innerText(), /I was faster[\s\S]*10 %[\s\S]*20 %[\s\S]*30 %/)
    await shot(t, page, 'meanwhile')
    await dialog.getByRole('button', { name: /all the same/ }).click()
    await page.getByText('orders is at 30 %').waitFor()
    t.match(await inForce(), { desired: 30 })
    await world.api('DELETE', '/routes/orders/weight')
  })
})

t.test('a divergence is walked to its example, and a rule hides what its preview said', async t => {
  if (noChromium === false) {
    const divergent = async () =>
      (await world.api('GET', '/routes/orders/divergences?state=divergent')).json.items.some(
        ({ field, latest }: { field: string; latest: unknown }) => field === 'total_cents' && latest !== null,
      )
    await eventually(divergent, 'a divergence')
  }
  await withDashboard(t, async page => {
    await page.goto(`${world.admin}/#/routes/orders/differences`)
    const place = page.locator('.tree li').filter({ hasText: 'total_cents' }).last()
    await place.getByRole('link', { name: /value/ }).click()
    const panel = page.getByRole('region', { name: 'The open difference' })
    await panel.getByRole('table', { name: 'Bodies of both answers' }).waitFor()
    const marked = panel.locator('tr.mark-counts').filter({ hasText: 'total_cents' }).first()
    const [legacy, , fresh] = await marked.locator('td').allInnerTexts()
    // The orders come as JSON and as XML: whichever differed last.
    t.match(legacy, /total_cents\W+\d+/)
    t.not(legacy, fresh, 'the leaf that differs, on both sides')
    await panel.getByRole('button', { name: /does not count/ }).click()
    const form = page.locator('form.rule-form')
    t.match(await form.getByLabel(/Where/).inputValue(), /^\$.*\.total_cents$/m)
    const preview = form.getByText(/It would hide/)
    await preview.waitFor()
    t.match(await preview.innerText(), /hide [\d\u202f]+ of [\d\u202f]+ stored differences in \d/)
    await form.getByLabel(/Why/).fill('cents are rounded, agreed with finance')
    await shot(t, page, 'a rule with its preview')
    await form.getByRole('button', { name: 'Add the rule' }).click()
    await page.getByText('The rule counts from now on').waitFor()
    const rules = page.getByRole('region', { name: /^Rules/ })
    await rules.getByText('cents are rounded').waitFor()
    const { rules: kept } = (await world.api('GET', '/routes/orders/rules')).json
    t.match(kept, [{ reason: 'cents are rounded, agreed with finance', source: 'added' }])
    t.ok(kept[0].until > Date.now(), 'it has an end')
    await rules.getByRole('button', { name: 'Remove' }).click()
    await page.getByText(/The rule is gone/).waitFor()
    t.same((await world.api('GET', '/routes/orders/rules')).json.rules, [])
  })
})

t.test('a user is found, pinned, and let go again', async t => {
  await withDashboard(t, async page => {
    await page.goto(`${world.admin}/#/routes/orders/users`)
    await page.getByLabel(/^Key: the value/).fill('user-7')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await page.locator('.found').getByText('orders').waitFor()
    await page.getByLabel(/^Key \(only its hash/).fill('user-7')
    await page.getByLabel('Side').selectOption('new')
    await page.getByLabel('Why (required)').fill('ticket 42')
    await page.getByRole('button', { name: 'Pin', exact: true }).click()
    await page.getByText('The user is on new for 1d').waitFor()
    const answer = await fetch(`${world.proxy}/orders/1004`, { headers: { 'x-user-id': 'user-7' } })
    t.equal(answer.headers.get('x-served-by'), 'new')
    await page.getByRole('cell', { name: /ticket 42/ }).waitFor()
    await shot(t, page, 'pinned')
    await page.getByRole('button', { name: 'Take back' }).click()
    await page.getByText('Nobody is pinned').waitFor()
    t.same((await world.api('GET', '/routes/orders/pins')).json.pins, [])
  })
})

t.test('by keyboard alone: to a route, its dialog, back, and a rollback', async t => {
  await withDashboard(t, async page => {
    await page.keyboard.press('j')
    const first = await page.evaluate('document.activeElement.textContent')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: String(first) }).waitFor()
    await page.keyboard.press('w')
    await page.getByRole('dialog').getByLabel('Percent of users on new').waitFor()
    await page.keyboard.press('?')
    t.equal(await page.getByRole('dialog').count(), 1, 'what is typed in a field is no key')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    t.match(await page.evaluate('document.activeElement.textContent'), /Weight/, 'where it was before')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Help' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('f')
    await page.locator('table.fleet').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('custom')
    await rowOf(page, 'orders').waitFor({ state: 'detached' })
    t.match(page.url(), /q=custom/, 'a filter can be sent to somebody')
    await page.keyboard.press('Enter')
    await page.keyboard.press('R')
    const label = await page.evaluate('document.activeElement.getAttribute("aria-label")')
    t.match(label, /^Roll back/, 'that key changes nothing by itself')
    t.match(await inForce(), { effective: 10 })
    await page.keyboard.press('Enter')
    await page
      .locator('.result')
      .getByText(/rolled back/)
      .waitFor()
    await page.locator('.result').getByRole('button', { name: /Undo/ }).press('Enter')
    await page.getByText(/^Undone/).waitFor()
    t.match(await inForce(), { effective: 10 })
  })
})

t.test('seven tabs of one browser share a stream: each is live, and each can go back at once', async t => {
  await withDashboard(t, async page => {
    const open = async () => {
      const other = await page.context().newPage()
      await other.goto(`${world.admin}/`)
      await rowOf(other, 'orders').waitFor()
      return other
    }
    // Six streams would leave nothing for the seventh.
    const others = await Promise.all(Array.from({ length: 6 }, open))
    const last = others.at(-1) as Page
    await last.getByRole('button', { name: 'Roll back orders' }).click()
    await last.locator('.result').getByText('orders is rolled back').waitFor()
    t.match(await inForce(), { effective: 0 })
    await rowOf(page, 'orders').locator('.state-rolled-back').waitFor()
    // Whoever listened for all of them goes: another takes its place.
    await page.goto('about:blank')
    await last.locator('.result').getByRole('button', { name: /Undo/ }).click()
    for (const other of others)
      await rowOf(other, 'orders').locator('.state-rolled-back').waitFor({ state: 'detached' })
    t.match(await inForce(), { effective: 10 })
    await Promise.all(others.map(other => other.close()))
  })
})

t.test('while the proxy is gone, figures are grey and say their age; then they live again', async t => {
  await withDashboard(t, async (page, complaints) => {
    // Its clock is turned: it waits six seconds for figures, and at most ten between two tries.
    await page.clock.install()
    await page.reload()
    await page.locator('.freshness.live').waitFor()
    await world.kill()
    await page.clock.fastForward(7_000)
    await page.locator('html.stale').waitFor()
    await page.getByText(/stale: \d+ s old, Banyan cannot be reached/).waitFor()
    await shot(t, page, 'stale')
    await page.getByRole('button', { name: 'Roll back orders' }).click()
    await page.getByText(/Not done: Banyan cannot be reached/).waitFor()
    await world.start()
    await page.clock.fastForward(10_000)
    await page.locator('.freshness.live').waitFor()
    await page.locator('html:not(.stale)').waitFor()
    complaints.take(/^console: Failed to load resource/)
  })
})
