// How a page stays fresh, by the calls that it makes.
import { mock } from 'node:test'
import t from 'tap'

t.test(
  'where too many listen it asks every five seconds, tries to listen every ten, and then asks no more',
  async t => {
    const asked: string[] = []
    let mayListen = false
    const browser: Readonly<Record<string, unknown>> = {
      window: globalThis,
      localStorage: { getItem: () => 'half', removeItem() {} },
      async fetch(url: string, { signal }: RequestInit) {
        const path = url.replace('api/v1', '')
        asked.push(path)
        if (path !== '/events') return Response.json(path === '/status' ? { revision: 1, routes: [] } : { name: 'me' })
        if (!mayListen) return Response.json({ code: 'busy', detail: 'too many listen' }, { status: 503 })
        const stream = new ReadableStream({
          start: control => signal?.addEventListener('abort', () => control.error(signal.reason)),
        })
        return new Response(stream)
      },
    }
    for (const [name, value] of Object.entries(browser)) {
      const before = Object.getOwnPropertyDescriptor(globalThis, name)
      Object.defineProperty(globalThis, name, { value, configurable: true })
      t.teardown(() => {
        if (before === undefined) Reflect.deleteProperty(globalThis, name)
        else Object.defineProperty(globalThis, name, before)
      })
    }
    mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'] })
    t.teardown(() => mock.timers.reset())
    /** What it asks for meanwhile. */
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 250) {
        mock.timers.tick(250)
        await settled()
      }
      return asked.splice(0)
    }

    const { begin, signOut } = await import('../../../src/admin/dashboard/live.ts')
    await begin()
    await settled()
    t.same(asked.splice(0), ['/session', '/status', '/events'])
    t.same(await pass(20_000), ['/status', '/status', '/events', '/status', '/status', '/events'])
    mayListen = true
    t.same(await pass(10_500), ['/status', '/status', '/events', '/status'], 'what it may have missed')
    t.same(await pass(30_000), [], 'it is told now')
    await signOut()
    t.same(await pass(30_000), ['/session'], 'and is silent when nobody is signed in')
  },
)

/** What was promised has been done. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
