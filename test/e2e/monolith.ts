// A legacy with a session's habits, which a careless repetition of its requests hurts: pages of one session wait for each
// other, a form works once and only the latest one, messages are shown once, some GETs change things, and it has a rate limit.
//
// Nothing in it is random: the same requests get the same answers, so that two runs can be compared text by text.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface MonolithOptions {
  /** Requests in any second, those that are refused among them; above it 429. Absent: no limit. */
  readonly perSecond?: number
  /** What it does for a request of a session while it holds the session's lock. */
  readonly work?: (request: Recorded) => Promise<void>
  /** A clock in ms that only rises, instead of the process's. */
  readonly now?: () => number
}

export interface Recorded {
  readonly method: string
  readonly target: string
  readonly cookies: Readonly<Record<string, string>>
  /** It bore `x-banyan-shadow`. */
  readonly shadow: boolean
  readonly atMs: number
}

/** A request came while another one of its session was in hand. */
export interface Overlap {
  readonly session: string
  readonly came: Recorded
  readonly inHand: Recorded
}

export interface Monolith {
  readonly url: string
  readonly port: number
  /** In the order they came. */
  readonly requests: readonly Recorded[]
  readonly overlaps: readonly Overlap[]
  /** That a request waited for its session. */
  readonly longestWaitMs: () => number
  /** Forms that were refused, because their token was used up or an older one. */
  readonly refusedForms: () => number
  /** Requests that were over the limit. */
  readonly limited: () => number
  /** Texts of forms that were taken. */
  readonly saved: readonly string[]
  /** By user; outlives the session. */
  readonly carts: ReadonlyMap<string, readonly string[]>
  /** Ids of those who are logged in. */
  readonly sessions: () => readonly string[]
}

interface Session {
  readonly id: string
  readonly user: string
  forms: number
  /** null: none that would be taken. */
  token: string | null
  flash: string | null
  /** In the order they came; the first one is in hand. */
  readonly line: Recorded[]
  free: Promise<void>
}

interface Page {
  readonly status: number
  readonly body?: string
  readonly location?: string
  readonly cookie?: string
}

const LOGIN_FIRST: Page = { status: 302, location: '/login' }
const NOT_FOUND: Page = { status: 404, body: 'not found' }

export async function startMonolith(t: Test, options: MonolithOptions = {}): Promise<Monolith> {
  const { perSecond = Number.POSITIVE_INFINITY, work = async () => {}, now = () => performance.now() } = options
  const requests: Recorded[] = []
  const overlaps: Overlap[] = []
  const saved: string[] = []
  const carts = new Map<string, readonly string[]>()
  const sessions = new Map<string, Session>()
  const logins = new Map<string, number>()
  let longestWaitMs = 0
  let refusedForms = 0
  let limited = 0

  const server = createServer((message, reply) => {
    serve(message, reply).catch(error => reply.destroy(error))
  })

  async function serve(message: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers } = message
    const cookies = cookiesOf(headers.cookie)
    const request: Recorded = { method, target, cookies, shadow: 'x-banyan-shadow' in headers, atMs: now() }
    requests.push(request)
    const form = new URLSearchParams(await textOf(message))
    if (requests.filter(({ atMs }) => atMs > request.atMs - 1000).length > perSecond) {
      limited++
      return send(reply, method, { status: 429, body: 'too many requests' })
    }
    const session = sessions.get(cookies.SID ?? '')
    // Whoever serves files knows of no sessions.
    if (target.startsWith('/assets/')) return send(reply, method, { status: 200, body: `asset ${target}` })
    if (session === undefined) return send(reply, method, guestPage(request, form))
    await inTurn(session, request, async () => {
      await work(request)
      // A logout may have come before it in the line.
      const page = sessions.has(session.id) ? userPage(session, request, form) : guestPage(request, form)
      send(reply, method, page)
    })
  }

  async function inTurn(session: Session, request: Recorded, job: () => Promise<void>): Promise<void> {
    const began = now()
    const inHand = session.line[0]
    if (inHand !== undefined) overlaps.push({ session: session.id, came: request, inHand })
    session.line.push(request)
    const before = session.free
    const mine = before.then(() => {
      longestWaitMs = Math.max(longestWaitMs, now() - began)
      return job()
    })
    session.free = mine.catch(() => {}).then(() => void session.line.shift())
    await mine
  }

  function guestPage({ method, target }: Recorded, form: URLSearchParams): Page {
    switch (`${readsAs(method)} ${target.split('?')[0]}`) {
      case 'GET /':
      case 'GET /logout':
        return { status: 200, body: 'welcome, guest' }
      case 'GET /login':
        return { status: 200, body: 'who are you?' }
      case 'POST /login':
        return logIn(form.get('user') ?? 'nobody')
      default:
        return LOGIN_FIRST
    }
  }

  function logIn(user: string): Page {
    const count = (logins.get(user) ?? 0) + 1
    logins.set(user, count)
    const id = `${user}-${count}`
    sessions.set(id, { id, user, forms: 0, token: null, flash: null, line: [], free: Promise.resolve() })
    return { status: 303, location: '/', cookie: `SID=${id}; Path=/; HttpOnly` }
  }

  function userPage(session: Session, { method, target }: Recorded, form: URLSearchParams): Page {
    const { searchParams, pathname } = new URL(target, 'http://monolith')
    const cart = carts.get(session.user) ?? []
    const says = (body: string): Page => ({ status: 200, body: `${flashOf(session)}${body}` })
    switch (`${readsAs(method)} ${pathname}`) {
      case 'GET /':
        return says(`welcome, ${session.user}`)
      case 'GET /account':
        return says(`account of ${session.user}`)
      case 'GET /form':
        session.token = `${session.id}-form-${++session.forms}`
        return says(`token=${session.token}`)
      case 'POST /form':
        return takeForm(session, form)
      case 'GET /cart':
        return says(`cart: ${cart.join(', ')}`)
      case 'GET /cart/add':
        carts.set(session.user, [...cart, searchParams.get('id') ?? ''])
        return { status: 303, location: '/cart' }
      case 'GET /logout':
        sessions.delete(session.id)
        return { status: 303, location: '/', cookie: 'SID=; Path=/; Max-Age=0' }
      default:
        return NOT_FOUND
    }
  }

  function takeForm(session: Session, form: URLSearchParams): Page {
    if (session.token === null || form.get('token') !== session.token) {
      refusedForms++
      return { status: 409, body: 'this form is no longer valid' }
    }
    const text = form.get('text') ?? ''
    session.token = null
    session.flash = `saved ${text}`
    saved.push(text)
    return { status: 303, location: '/account' }
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    overlaps,
    saved,
    carts,
    longestWaitMs: () => longestWaitMs,
    refusedForms: () => refusedForms,
    limited: () => limited,
    sessions: () => [...sessions.keys()],
  }
}

function send(reply: ServerResponse, method: string, { status, body = '', location, cookie }: Page): void {
  reply.statusCode = status
  reply.setHeader('content-type', 'text/html; charset=utf-8')
  reply.setHeader('cache-control', 'private, no-store')
  if (location !== undefined) reply.setHeader('location', location)
  if (cookie !== undefined) reply.setHeader('set-cookie', cookie)
  reply.end(method === 'HEAD' ? '' : body)
}

/** Of what is shown nothing is left to show. */
function flashOf(session: Session): string {
  const { flash } = session
  session.flash = null
  return flash === null ? '' : `[${flash}] `
}

function readsAs(method: string): string {
  return method === 'HEAD' ? 'GET' : method
}

function cookiesOf(text: string | undefined): Readonly<Record<string, string>> {
  const pairs = (text ?? '').split('; ').filter(pair => pair.includes('='))
  return Object.fromEntries(pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
