// Hundreds of users with browsers, sessions whose id changes at login, and a weight that goes up and down: nobody changes
// sides inside a session, new sessions follow the weight, and a rollback moves everybody all the same.
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { type Banyan, httpBackend, startBanyan } from './harness.ts'
import { get, metricOf } from './scripted.ts'

/** With USERS=1000 it takes more than twice as long; what must be near is judged by how many they are. */
const USERS = Number(process.env.USERS ?? 400)

/** Both sides share their sessions, as with `data: shared`: ids come from one counter. */
function application(name: string): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    req.resume()
    const sid = /(?:^|; )sid=([^;]+)/.exec(req.headers.cookie ?? '')?.[1]
    const sets: string[] = []
    if (req.url === '/logout') sets.push('sid=; Max-Age=0; Path=/')
    else if (req.url === '/login' || sid === undefined) sets.push(`sid=${Math.random()}; Path=/; HttpOnly`)
    res.setHeader('x-served-by', name)
    res.setHeader('x-heard', req.headers.cookie ?? '')
    if (sets.length > 0) res.setHeader('set-cookie', sets)
    res.end(name)
  }
}

interface Page {
  readonly side: string
  readonly heard: string
}

class Browser {
  readonly jar = new Map<string, string>()
  /** The side of the session so far; null: it has not begun. */
  side: string | null = null
  /** Which session it is, and on which side each began. */
  readonly began: string[] = []
  flips = 0
  leaks = 0
  readonly #port: number
  readonly #agent: Agent

  constructor(port: number, agent: Agent) {
    this.#port = port
    this.#agent = agent
  }

  async visit(path: string, method = 'GET'): Promise<Page> {
    const page = await this.#ask(path, method)
    if (this.side === null) this.began.push(page.side)
    else if (this.side !== page.side) this.flips++
    if (/banyan_/.test(page.heard)) this.leaks++
    this.side = path === '/logout' ? null : page.side
    return page
  }

  #ask(path: string, method: string): Promise<Page> {
    return new Promise((resolve, reject) => {
      const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = cookie === '' ? {} : { cookie }
      const asked = request({ port: this.#port, path, method, headers, agent: this.#agent }, answer => {
        for (const text of answer.headers['set-cookie'] ?? []) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
          if (/Max-Age=0\b/.test(text)) this.jar.delete(name)
          else this.jar.set(name, value)
        }
        answer.resume()
        answer.on('end', () =>
          resolve({ side: String(answer.headers['x-served-by']), heard: String(answer.headers['x-heard']) }),
        )
      })
      asked.on('error', reject)
      asked.end()
    })
  }
}

async function start(t: Test): Promise<{ banyan: Banyan; agent: Agent }> {
  const [legacy, fresh] = await Promise.all([httpBackend(t, application('legacy')), httpBackend(t, application('new'))])
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    groups: { shop: { weight: 5 } },
    defaults: { sticky: ['cookie:sid'], pin: { idle: '30m', admit: 'new-sessions', session: 'cookie:sid' } },
    routes: [
      { id: 'pages', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', group: 'shop' },
      {
        id: 'account',
        match: { paths: ['/login', '/logout'] },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        group: 'shop',
      },
    ],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  t.teardown(() => agent.destroy())
  return { banyan, agent }
}

t.test(`${USERS} users, weight 5 → 50 → 20: no flip inside a session`, async t => {
  const { banyan, agent } = await start(t)
  const users = Array.from({ length: USERS }, () => new Browser(banyan.port, agent))
  const each = (visit: (user: Browser, i: number) => Promise<unknown>) => Promise.all(users.map(visit))
  const weigh = async (percent: number) => {
    t.equal((await banyan.api('PUT', '/routes/pages/weight', { percent })).status, 200)
  }
  const shareOfNew = (session: number) => {
    const sides = users.flatMap(({ began }) => began[session] ?? [])
    return (100 * sides.filter(side => side === 'new').length) / sides.length
  }
  await each(user => user.visit('/'))
  await each(async user => {
    await user.visit('/cart')
    await user.visit('/login', 'POST')
  })
  await weigh(50)
  await each(async user => {
    await user.visit('/orders')
    await user.visit('/login', 'POST')
  })
  // Half of them leave and come again, as others.
  await each((user, i) => (i % 2 === 0 ? user.visit('/logout') : user.visit('/orders')))
  await each(user => user.visit('/'))
  await weigh(20)
  await each(async (user, i) => {
    await user.visit('/orders')
    await user.visit('/login', 'POST')
    await user.visit('/cart')
    if (i % 4 === 0) {
      await user.visit('/logout')
      await user.visit('/')
    }
  })
  const flips = users.reduce((sum, user) => sum + user.flips, 0)
  t.equal(flips, 0, 'flips inside a session')
  t.equal(
    users.reduce((sum, user) => sum + user.leaks, 0),
    0,
    'no backend heard of our cookies',
  )
  // Six standard deviations of a fair draw of so many.
  const near = (share: number, percent: number, of: number) => {
    const deviation = 100 * Math.sqrt(((percent / 100) * (1 - percent / 100)) / of)
    t.ok(Math.abs(share - percent) < 6 * deviation, `${share} % of ${of} sessions at ${percent} %`)
  }
  near(shareOfNew(0), 5, USERS)
  near(shareOfNew(1), 50, USERS / 2)
  near(shareOfNew(2), 20, USERS / 4)

  t.equal((await banyan.api('POST', '/routes/account/rollback', {})).status, 200)
  const pages = await Promise.all(users.map(user => user.visit('/orders')))
  t.equal(pages.filter(({ side }) => side === 'new').length, 0, 'a rollback moves everybody, group and pins and all')
  for (const user of users) user.flips = 0
  t.equal((await banyan.api('POST', '/routes/account/restore', {})).status, 200)
  await each(user => user.visit('/orders'))
  t.equal(
    users.reduce((sum, user) => sum + user.flips, 0),
    0,
    'and its end moves nobody back in the middle',
  )
})

t.test('a user without a session yet is pinned by the very first answer', async t => {
  const { banyan } = await start(t)
  const first = await get(t, banyan.port, '/')
  const cookies = first.head.split('\r\n').filter(line => /^set-cookie: banyan_/i.test(line))
  t.match(cookies, [
    /^Set-Cookie: banyan_pin_shop=\S+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
    /banyan_session=\S+; Path=/,
  ])
  t.equal(await metricOf(banyan.health, 'banyan_tokens_total{route="pages",what="pin",result="forged"}'), 0)
})
