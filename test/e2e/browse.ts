// A user with a browser, for the monolith: logs in, saves a form, shops, leaves, goes back; and writes down all that is seen.
import { Agent, request as ask, type IncomingMessage } from 'node:http'
import { text as textOf } from 'node:stream/consumers'

export interface BrowseOptions {
  readonly user?: string
  /** Between two steps: what else goes on has its time then. */
  readonly think?: () => Promise<void>
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What one user sees of the monolith at `url`, answer by answer: `GET /cart 200 cart: 7`. The same whenever nobody meddles. */
export async function browse(url: string, options: BrowseOptions = {}): Promise<readonly string[]> {
  const { user = 'ann', think = async () => {} } = options
  const agent = new Agent({ keepAlive: true })
  const jar = new Map<string, string>()
  const seen: string[] = []

  async function go(
    method: string,
    target: string,
    form: Readonly<Record<string, string>> | null = null,
  ): Promise<string> {
    const { text, body, location } = await once(method, target, form)
    seen.push(text)
    return location === undefined ? body : go('GET', location)
  }

  async function once(method: string, target: string, form: Readonly<Record<string, string>> | null = null) {
    const answer = await send(method, target, form === null ? '' : new URLSearchParams(form).toString())
    const body = await textOf(answer)
    const { location, 'set-cookie': setCookies = [] } = answer.headers
    // Ours are no business of the application.
    const own = setCookies.filter(line => !line.startsWith('banyan_'))
    for (const line of setCookies) keep(line)
    const words = [
      method,
      target,
      answer.statusCode,
      ...own,
      ...(location === undefined ? [] : [`→ ${location}`]),
      body,
    ]
    return { text: words.join(' ').trim(), body, location }
  }

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const name = pair.slice(0, pair.indexOf('='))
    if (attributes.includes('Max-Age=0')) jar.delete(name)
    else jar.set(name, pair.slice(name.length + 1))
  }

  function send(method: string, target: string, body: string): Promise<IncomingMessage> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = {
      ...options.headers,
      ...(cookie === '' ? {} : { cookie }),
      ...(body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }),
    }
    return new Promise((resolve, reject) => {
      ask(new URL(target, url), { method, agent, headers }, resolve).on('error', reject).end(body)
    })
  }

  async function step(method: string, target: string, form: Readonly<Record<string, string>> | null = null) {
    await think()
    return go(method, target, form)
  }

  async function fillForm(text: string): Promise<void> {
    const token = (await step('GET', '/form')).split('token=')[1] ?? ''
    await step('POST', '/form', { token, text })
  }

  try {
    await step('GET', '/')
    await step('GET', '/account')
    await step('POST', '/login', { user })
    const assets = ['site.css', 'site.js', 'logo.svg', 'font.woff2', 'a.png', 'b.png']
    await think()
    const loaded = await Promise.all(assets.map(name => once('GET', `/assets/${name}`)))
    seen.push(...loaded.map(({ text }) => text))
    await fillForm('first')
    await step('GET', '/account')
    await step('GET', '/cart/add?id=7')
    await step('GET', '/cart/add?id=9')
    await fillForm('second')
    await step('GET', '/cart')
    await step('GET', '/logout')
    // The browser's way back to the page before.
    await step('GET', '/cart')
    await think()
    return seen
  } finally {
    agent.destroy()
  }
}
