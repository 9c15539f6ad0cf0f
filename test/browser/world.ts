// What a dashboard is looked at in: the sample services, their traffic, and a Banyan as a process that can be killed and comes back.
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { startNew } from '../../examples/orders/new.ts'
import { startTraffic } from '../../examples/orders/traffic.ts'
import { type ApiAnswer, TOKEN, temporary } from '../e2e/harness.ts'
import { startProcess } from '../e2e/process.ts'
import { steadyPorts } from '../steady-ports.ts'

export interface World {
  readonly admin: string
  readonly proxy: string
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>
  kill(): Promise<void>
  start(): Promise<void>
}

/** `changes`: of the configuration. */
export async function startWorld(t: Test, changes: Readonly<Record<string, unknown>> = {}): Promise<World> {
  const directory = temporary(t)
  const [legacy, fresh] = await Promise.all([startLegacy({ port: 0, directory }), startNew({ port: 0, directory })])
  t.teardown(() => Promise.all([legacy.close(), fresh.close()]))
  const [proxyPort, adminPort, healthPort] = await steadyPorts(3)
  const config = {
    proxy: { listen: `127.0.0.1:${proxyPort}`, drain: { grace: '0s' } },
    admin: { listen: `127.0.0.1:${adminPort}` },
    health: { listen: `127.0.0.1:${healthPort}` },
    split: { firstStart: 'declared' },
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    routes: [
      {
        id: 'orders',
        match: { path: '/orders/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'separate',
        weight: 10,
        sticky: ['header:x-user-id'],
        shadow: { percent: 100, maxRps: { legacy: 100 } },
        compare: {
          noise: { percent: 50 },
          values: 'redacted',
          valuesUntil: new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z'),
        },
        owner: 'team-orders',
      },
      { id: 'customers', match: { path: '/customers/*', methods: ['GET'] }, legacy: 'legacy', new: 'new', weight: 0 },
    ],
    ...changes,
  }
  const start = () => startProcess(t, config, { cwd: directory })
  let running = await start()
  const proxy = `http://127.0.0.1:${proxyPort}`
  const traffic = startTraffic({ url: proxy, perSecond: 30, onError() {} })
  t.teardown(() => traffic.stop())
  return {
    admin: `http://127.0.0.1:${adminPort}`,
    proxy,
    api: (method, path, body) => running.api(method, path, body),
    kill: () => running.kill(),
    async start() {
      running = await start()
    },
  }
}

/** As the form does, without it: the cookie is the browser's, the other half the page's. */
export async function signIn(page: Page, admin: string, token = TOKEN): Promise<void> {
  const headers = { origin: admin, 'content-type': 'application/json' }
  const answer = await page.request.post(`${admin}/api/v1/session`, { headers, data: { token } })
  const { page: half } = await answer.json()
  // Once: whoever signs out in this page, and in again, is who they say.
  await page.addInitScript(`if (location.origin === ${JSON.stringify(admin)} && sessionStorage.getItem('given') === null) {
    localStorage.setItem('banyan.page', ${JSON.stringify(half)})
    sessionStorage.setItem('given', 'yes')
  }`)
  await page.goto(`${admin}/`)
  await page.getByRole('heading', { level: 1 }).waitFor()
}
