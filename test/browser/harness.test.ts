// The browser harness by itself: what a page complains of is caught, each kind of it, and one page knows nothing of another.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { eventually } from '../e2e/harness.ts'
import { accessibility, inTab, noChromium, openTab, withBrowser } from './browser.ts'

const POLICY = "default-src 'none'; script-src 'nonce-own'; connect-src 'self' http://outside.example"
const SOUND = '<!doctype html><html lang="en"><title>Sound</title><main><h1>Sound</h1></main></html>'

async function serve(t: Test, html: string): Promise<string> {
  const server = createServer((req, res) => {
    if (req.url !== '/') return res.writeHead(req.url === '/favicon.ico' ? 204 : 404).end()
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY }).end(html)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const scripted = (script: string, more = '') =>
  SOUND.replace('</main>', `${more}</main><script nonce="own">${script}</script>`)

t.test('a sound page has nothing to complain of, and one that cannot be used by all is told', async t => {
  await withBrowser(t, async page => {
    await page.goto(await serve(t, SOUND))
    t.equal(await page.title(), 'Sound')
    t.same(await accessibility(page), [])
    await page.goto(await serve(t, SOUND.replace('</main>', '<button></button></main>')))
    t.match(await accessibility(page), [/^button-name: .*: button$/])
  })
})

t.test('each kind of complaint is caught', async t => {
  const kinds: Readonly<Record<string, readonly [html: string, expected: RegExp]>> = {
    'a script that the policy forbids': [scripted('', '<script>0</script>'), /^csp: script-src-elem inline$/],
    'a style that it forbids': [scripted('', '<p style="color: red">x</p>'), /^csp: style-src-attr inline$/],
    'a picture that it forbids': [scripted('', '<img alt="x" src="/x.png">'), /^csp: img-src http:.*x\.png$/],
    'an error on the console': [scripted('console.error("mind", 5)'), /^console: mind 5$/],
    'an exception': [scripted('null.x'), /^error: .*null/],
    'a promise that is rejected': [scripted('Promise.reject(new Error("alone"))'), /^error: alone$/],
    'an answer that is an error': [scripted('fetch("/nowhere")'), /^console: .*404/],
    'a question to another host': [
      scripted('fetch("http://outside.example/").catch(() => 0)'),
      /^outside: http:\/\/outside\.example\/$/,
    ],
  }
  if (noChromium !== false) return t.pass('in a browser', { skip: noChromium })
  const tab = await openTab(t)
  for (const [what, [html, expected]] of Object.entries(kinds)) {
    await t.test(what, async t => {
      await inTab(t, tab, async (page, complaints) => {
        await page.goto(await serve(t, html))
        await eventually(() => complaints.all.some(one => expected.test(one)), `${expected}: ${complaints.all}`)
        t.ok(complaints.take(expected).length > 0)
        t.notOk(
          complaints.all.some(one => expected.test(one)),
          'what was expected is taken',
        )
        if (!/csp|outside/.test(expected.source)) return
        // The console tells of it too, of a host that is not there a while later.
        const echo = /^console: .*(Content Security Policy|Failed to load resource)/i
        await eventually(() => complaints.take(echo).length > 0, `${echo}: ${complaints.all}`)
      })
    })
  }
})

t.test('each test has a browser as new', async t => {
  const url = await serve(t, SOUND)
  for (const _ of [1, 2]) {
    await withBrowser(t, async page => {
      await page.goto(url)
      t.equal(await page.evaluate('localStorage.getItem("mark")'), null)
      await page.evaluate('localStorage.setItem("mark", "1")')
    })
  }
})
