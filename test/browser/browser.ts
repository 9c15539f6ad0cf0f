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

/**
 * A page of its own, with nothing of the tests before it. In the end there must be no complaint, and a screenshot named by the test is
 * in `.screenshots/`. Without a browser the test is skipped, and says why.
 */
export async function withBrowser(
  t: Test,
  test: (page: Page, complaints: Complaints) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  if (noChromium !== false) {
    t.pass('in a browser', { skip: noChromium })
    return
  }
  const context = await (await browser()).newContext(options)
  t.teardown(() => context.close())
  const complaints = await listen(context)
  const page = await context.newPage()
  try {
    await test(page, complaints)
    // What was said before this is here when it is answered.
    if (!page.isClosed()) await page.evaluate('new Promise(resolve => setTimeout(resolve))')
  } finally {
    await shot(t, page).catch(() => null)
  }
  t.same(complaints.all, [], 'no complaint of the browser')
}

/** A picture of the page as it is now; `name`: one of several of a test. */
export async function shot(t: Test, page: Page, name = ''): Promise<void> {
  if (page.isClosed()) return
  const file = `${t.fullname} ${name}`.replace(/[^\p{L}\p{N}.]+/gu, '-').replace(/^-|-$/g, '')
  await page.screenshot({ path: join(SHOTS, `${file.slice(-150)}.png`), fullPage: true })
}

/** What axe finds wrong with the page as it is now: rule, what it is about, where. */
export async function accessibility(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
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
