// A real browser for tests: Debian's Chromium through playwright-core, which brings none of its own. What a page complains of is
// collected, and a test that leaves any of it has failed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'

const GIVEN = process.env.BANYAN_TEST_CHROMIUM
const EXECUTABLE = GIVEN ?? '/usr/bin/chromium'
const SHOTS = join(import.meta.dirname, '../../.screenshots')

/** Why there is none. One that was named must be there: then its absence is a failure. */
export const noChromium: string | false =
  GIVEN === undefined && !existsSync(EXECUTABLE)
    ? `no browser: ${EXECUTABLE} is absent (apt-get install chromium, or set BANYAN_TEST_CHROMIUM)`
    : false

/** What a page complained of, in order: `console: …`, `error: …`, `csp: …`, `outside: …`. */
export interface Complaints {
  readonly all: readonly string[]
  /** Those that were expected; they are complaints no more. */
  take(which: RegExp): readonly string[]
}

let launched: Promise<Browser> | null = null
t.teardown(async () => (await launched?.catch(() => null))?.close())

function browser(): Promise<Browser> {
  launched ??= chromium.launch({
    executablePath: EXECUTABLE,
    // Its sandbox works neither for root nor in most containers, and all pages here are our own.
    chromiumSandbox: false,
    // No name leads anywhere but here: whatever asks another host fails, and is told.
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
  })
  return launched
}

/** A page that tests share one after another: a new one costs more than what most of them do in it. */
export interface Tab {
  readonly page: Page
  readonly complaints: Complaints
}

/** A page of its own, with nothing of the tests before it, until the test has ended. */
export async function openTab(t: Test, options: BrowserContextOptions = {}): Promise<Tab> {
  // What slides into place is painted sixty times a second, by the processor here.
  const context = await (await browser()).newContext({ reducedMotion: 'reduce', ...options })
  t.teardown(() => context.close())
  const complaints = await listen(context)
  return { complaints, page: await context.newPage() }
}

/** In the end there must be no complaint. Of a test that fails, a screenshot with its name is in `.screenshots/`. */
export async function inTab(
  t: Test,
  { page, complaints }: Tab,
  test: (page: Page, complaints: Complaints) => Promise<void>,
): Promise<void> {
  let isDone = false
  try {
    await test(page, complaints)
    // What was said before this is here when it is answered.
    if (!page.isClosed()) await page.evaluate('new Promise(resolve => setTimeout(resolve))')
    isDone = t.passing()
  } finally {
    if (!isDone) await shot(t, page, 'failed').catch(() => null)
  }
  t.same(complaints.take(/^/), [], 'no complaint of the browser')
}

/** The same in a page of its own. Without a browser the test is skipped, and says why. */
export async function withBrowser(
  t: Test,
  test: (page: Page, complaints: Complaints) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  if (noChromium === false) await inTab(t, await openTab(t, options), test)
  else t.pass('in a browser', { skip: noChromium })
}

/** At most so much of a page is painted: a text without end takes half a minute, and nobody looks at all of it. */
const MOST_PX = 2_500

/** A picture of the page as it is now; `name`: one of several of a test. */
export async function shot(t: Test, page: Page, name = ''): Promise<void> {
  if (page.isClosed()) return
  const file = `${t.fullname} ${name}`.replace(/[^\p{L}\p{N}.]+/gu, '-').replace(/^-|-$/g, '')
  const path = join(SHOTS, `${file.slice(-150)}.png`)
  const [width, height, screen] = (await page.evaluate(
    '[innerWidth, document.documentElement.scrollHeight, innerHeight]',
  )) as [number, number, number]
  // What fits is a third as dear.
  if (height <= screen) await page.screenshot({ path })
  else await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width, height: Math.min(height, MOST_PX) } })
}

/** What axe finds wrong with the page as it is now: rule, what it is about, where. */
export async function accessibility(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as axe.AxeResults
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target.join(' ')}`))
}

async function listen(context: BrowserContext): Promise<Complaints> {
  const all: string[] = []
  await context.exposeBinding('banyanViolation', (_source, text: string) => void all.push(`csp: ${text}`))
  // Before any script of a page, in each of its frames.
  await context.addInitScript(`
    document.addEventListener('securitypolicyviolation', event =>
      banyanViolation(event.effectiveDirective + ' ' + event.blockedURI))`)
  context.on('console', message => {
    if (message.type() === 'error') all.push(`console: ${message.text()}`)
  })
  context.on('weberror', error => all.push(`error: ${error.error().message}`))
  context.on('request', request => {
    const { protocol, hostname } = new URL(request.url())
    if (/^(https?|wss?):$/.test(protocol) && !/^(localhost|127\.0\.0\.1)$/.test(hostname)) {
      all.push(`outside: ${request.url()}`)
    }
  })
  return {
    all,
    take(which) {
      const taken = all.filter(one => which.test(one))
      const left = all.filter(one => !which.test(one))
      all.splice(0, all.length, ...left)
      return taken
    },
  }
}
