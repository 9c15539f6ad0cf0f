// The dashboard's session as a real browser keeps it: where it sends the cookie, who cannot read it, and what other ports get of it.
import type { Page } from 'playwright-core'
import t from 'tap'
import { httpBackend, startBanyan, TOKEN } from '../e2e/harness.ts'
import { withBrowser } from './browser.ts'

/** A call as a page makes it: its status and JSON. */
function call(page: Page, url: string, init: object = {}) {
  const text = `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)})
    .then(async answer => ({ status: answer.status, json: await answer.json().catch(() => null) }), () => 'refused')`
  return page.evaluate(text) as Promise<{ status: number; json: Record<string, unknown> } | 'refused'>
}

t.test('signed in, seen by its own page only, signed out', async t => {
  const backend = await httpBackend(t, (_req, res) => {
    res.setHeader('content-type', 'text/html').end('<!doctype html><title>Shop</title>')
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } } })
  const [admin, shop] = [banyan.admin, `http://127.0.0.1:${banyan.port}`].map(url =>
    url.replace('127.0.0.1', 'localhost'),
  ) as [string, string]
  // The listener's own policy lets a page of plain JSON ask nothing.
  const options = { bypassCSP: true }
  // By its path, not the newest: a browser asks for an icon whenever it likes.
  const cookieAt = (path: string) => backend.seen.find(request => request.url === path)?.headers.cookie
  await withBrowser(
    t,
    async (page, complaints) => {
      await page.goto(`${admin}/api/v1/openapi.json`)
      const json = { 'content-type': 'application/json' }
      const body = JSON.stringify({ token: TOKEN })
      const signedIn = await call(page, '/api/v1/session', { method: 'POST', headers: json, body })
      t.match(signedIn, { status: 200, json: { name: 'environment' } })
      const half = String(signedIn !== 'refused' && signedIn.json.page)
      const own = { headers: { 'x-banyan-csrf': half, ...json } }
      t.match(await call(page, '/api/v1/session', own), { status: 200, json: { via: 'session' } })
      t.match(await call(page, '/api/v1/rollback', { ...own, method: 'POST', body: '{}' }), { status: 200 })
      t.match(await call(page, '/api/v1/status'), { status: 401 }, 'the cookie alone')
      t.equal(await page.evaluate('document.cookie'), '', 'no script reads it')

      await page.goto(`${shop}/api/v1/anything`)
      t.match(cookieAt('/api/v1/anything'), /banyan_session_/, 'cookies know no ports, which is why')
      await page.goto(`${shop}/`)
      t.equal(cookieAt('/'), undefined, 'by its path other pages do not get it')
      for (const init of [{}, own, { ...own, method: 'POST', body: '{}' }]) {
        const asked = { ...init, credentials: 'include' }
        t.equal(await call(page, `${admin}/api/v1/status`, asked), 'refused', 'a page of another port')
      }

      await page.goto(`${admin}/api/v1/openapi.json`)
      t.match(await call(page, '/api/v1/session', { ...own, method: 'DELETE' }), { json: { signedOut: true } })
      t.match(await call(page, '/api/v1/status', own), { status: 401 })
      t.same(await page.context().cookies(), [])
      complaints.take(/^console: .*(401|403|CORS|Failed to load)/)
    },
    options,
  )
})
