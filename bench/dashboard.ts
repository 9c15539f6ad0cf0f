// The question "is the dashboard light?": how soon 200 routes are painted in Chromium, how often it paints however much happens, and
// what an hour of updates leaves in its heap.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Bench, Question } from './kit/bench.ts'
import { MIB, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { startBanyan } from './peers/banyan.ts'

export const dashboard: Question = {
  name: 'dashboard',
  asks: 'first paint with 200 routes, paints a second, heap over an hour of updates',
  run,
}

const EXECUTABLE = process.env.BANYAN_TEST_CHROMIUM ?? '/usr/bin/chromium'
const ROUTES = 200
const FLOOD_MS = 10_000
/** The server sends an update every two seconds; six of them come, then the page's clock is turned by as long. */
const UPDATES = 6
const STEP_MS = 2_000 * UPDATES
const HOUR_STEPS = 300
const QUICK_STEPS = 60

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children, directory, quick } = bench
  const origin = createServer((_request, response) => void response.end('ok')).listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as { readonly port: number }
  const paths = Array.from({ length: ROUTES }, (_, i) => `/r${i}/*`)
  const options = { name: 'banyan', access: 'off', store: 'memory:', paths, profile: null } as const
  const banyan = await startBanyan(children, directory, { legacy: port, new: port }, options)
  const url = `http://127.0.0.1:${banyan.adminPort}`
  const browser = await chromium.launch({ executablePath: EXECUTABLE, chromiumSandbox: false })
  try {
    const signedIn = await signIn(browser, url, banyan.token)
    const firstMs: number[] = []
    const rowsMs: number[] = []
    const allMs: number[] = []
    for (let round = 0; round < (quick ? 3 : 9); round++) {
      const found = await firstPaint(browser, url, signedIn)
      firstMs.push(found.firstMs)
      rowsMs.push(found.rowsMs)
      allMs.push(found.allMs)
    }
    bench.told('paints while much happens')
    const perSecond = await paintsASecond(browser, url, signedIn, banyan.token)
    bench.told('an hour of updates')
    const heap = await heapOverAnHour(browser, url, signedIn, quick ? QUICK_STEPS : HOUR_STEPS)
    bench.print(
      table([
        ['', 'median', 'min', 'max'],
        ['first paint', ...msOf(firstMs)],
        ['a screen of rows', ...msOf(rowsMs)],
        [`all ${ROUTES} rows`, ...msOf(allMs)],
      ]),
    )
    bench.print(
      `heap after ${heap.map(({ step, bytes }) => `${step} updates ${(bytes / MIB).toFixed(2)} MiB`).join(', ')}`,
    )
    // The first ones fill what is filled once: caches, compiled code.
    const [begin, end] = [heap[1]!, heap.at(-1)!]
    return [
      {
        asked: `first paint with ${ROUTES} routes`,
        figure: spreadOf(firstMs),
        unit: 'ms',
        bar: { kind: 'at most', value: 1_000 },
      },
      {
        asked: `the rows of a screen, of ${ROUTES} routes`,
        figure: spreadOf(rowsMs),
        unit: 'ms',
        bar: null,
      },
      {
        asked: 'paints a second while changes flood',
        figure: spreadOf([perSecond]),
        unit: '',
        bar: { kind: 'at most', value: 4.2 },
      },
      {
        asked: `heap after ${end.step} updates, of that after ${begin.step}`,
        figure: spreadOf([end.bytes / begin.bytes]),
        unit: '×',
        bar: { kind: 'at most', value: 1.1 },
      },
    ]
  } finally {
    await browser.close()
    await banyan.child.stop()
    origin.close()
  }
}

/** Cookies and what the page keeps. */
type Kept = Awaited<ReturnType<BrowserContext['storageState']>>

async function signIn(browser: Browser, url: string, token: string): Promise<Kept> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${url}/`)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await rowsOf(page)
  const kept = await context.storageState()
  await context.close()
  return kept
}

async function rowsOf(page: Page): Promise<void> {
  await page
    .locator('table.fleet tbody tr')
    .nth(ROUTES - 1)
    .waitFor()
}

/** Milliseconds: anything at all, a screen of rows, all of them. */
interface Painted {
  readonly firstMs: number
  readonly rowsMs: number
  readonly allMs: number
}

/** By the browser's own clock, from the beginning of the navigation; with nothing in its cache. */
async function firstPaint(browser: Browser, url: string, storageState: Kept): Promise<Painted> {
  const context = await browser.newContext({ storageState, viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.addInitScript(`
    const painted = name => requestAnimationFrame(() => requestAnimationFrame(() => { window[name] ??= performance.now() }))
    new MutationObserver((_, observer) => {
      const rows = document.querySelectorAll('table.fleet tbody tr').length
      if (rows > 0) painted('rowsAt')
      if (rows < ${ROUTES}) return
      observer.disconnect()
      painted('allAt')
    }).observe(document, { childList: true, subtree: true })`)
  await page.goto(`${url}/`)
  await rowsOf(page)
  await page.waitForTimeout(300)
  const found = (await page.evaluate(`({
    firstMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    rowsMs: window.rowsAt, allMs: window.allAt })`)) as Painted
  await context.close()
  return found
}

/** Frames in which anything was drawn, while weights change forty times a second. */
async function paintsASecond(browser: Browser, url: string, storageState: Kept, token: string): Promise<number> {
  const context = await browser.newContext({ storageState })
  const page = await context.newPage()
  await page.goto(`${url}/`)
  await rowsOf(page)
  await page.evaluate(`
    window.frames = new Set()
    new MutationObserver(() => requestAnimationFrame(at => window.frames.add(at)))
      .observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true })`)
  const until = performance.now() + FLOOD_MS
  for (let i = 0; performance.now() < until; i++) {
    const asked = fetch(`${url}/api/v1/routes/route-${i % ROUTES}/weight`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ percent: i % 101 }),
    })
    await Promise.all([asked.then(answer => answer.arrayBuffer()), page.waitForTimeout(25)])
  }
  const frames = Number(await page.evaluate('window.frames.size'))
  await context.close()
  return frames / (FLOOD_MS / 1000)
}

/** All figures of all routes change with every update; the page's clock is turned, so that an hour takes a minute. */
async function heapOverAnHour(
  browser: Browser,
  url: string,
  storageState: Kept,
  steps: number,
): Promise<readonly { step: number; bytes: number }[]> {
  const context = await browser.newContext({ storageState })
  const page = await context.newPage()
  await page.clock.install()
  await page.addInitScript(`
    const real = window.fetch
    window.fetch = (input, init) => {
      if (!String(input).endsWith('/events')) return real(input, init)
      const encoder = new TextEncoder()
      const body = new ReadableStream({ start: control => {
        window.tell = data => control.enqueue(encoder.encode('event: traffic\\ndata: ' + JSON.stringify(data) + '\\n\\n'))
      } })
      return Promise.resolve(new Response(body))
    }`)
  await page.goto(`${url}/`)
  await page.clock.runFor(1_000)
  await rowsOf(page)
  const session = await context.newCDPSession(page)
  const answer = await context.request.get(`${url}/api/v1/status`, {
    headers: { 'x-banyan-csrf': halfOf(storageState) },
  })
  const { routes } = (await answer.json()) as { readonly routes: readonly object[] }
  const found: { step: number; bytes: number }[] = []
  for (let step = 0; step <= steps; step++) {
    if (step % Math.ceil(steps / 6) === 0) {
      await session.send('HeapProfiler.collectGarbage')
      found.push({ step: step * UPDATES, bytes: (await session.send('Runtime.getHeapUsage')).usedSize })
    }
    for (let i = 0; i < UPDATES; i++) {
      const told = { default: null, routes: routes.map(row => withFigures(row)) }
      await page.evaluate(`window.tell(${JSON.stringify(told)})`)
    }
    await page.clock.runFor(STEP_MS)
  }
  await context.close()
  return found
}

function withFigures(row: object): object {
  const both = (most: number) => ({ legacy: Math.random() * most, new: Math.random() * most })
  return {
    ...row,
    observed: Math.round(Math.random() * 100),
    perSecond: both(50),
    errorRatio: both(0.1),
    p95Ms: both(900),
  }
}

function halfOf({ origins }: Kept): string {
  return origins[0]?.localStorage.find(({ name }) => name === 'banyan.page')?.value ?? ''
}

function msOf(values: readonly number[]): readonly string[] {
  const { median, min, max } = spreadOf(values)
  return [median, min, max].map(value => `${shown(value)} ms`)
}
