// Where a sticky key comes from, and what is not one.
import t from 'tap'
import type { RequestHead } from '../../src/model/exchange.ts'
import type { StickySource } from '../../src/model/route.ts'
import { createAutoId, stickyKey } from '../../src/routing/sticky.ts'
import { readTarget } from '../../src/routing/target.ts'
import { head, matching, route } from './make.ts'

const auto = createAutoId('seed', () => 'fresh')

function keyOf(sources: readonly StickySource[], request: RequestHead): string | null {
  const one = route(0, matching('/t/:tenant/*'))
  const match = { route: one, pattern: '/t/:tenant/*', target: readTarget(request.target), agreed: true }
  const key = stickyKey(sources, request, match, auto)
  return key === null ? null : `${key.from}=${key.value}`
}

function jwt(claims: unknown): string {
  return `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
}

t.test('each source', async t => {
  const cases: [StickySource, RequestHead, string | null][] = [
    [{ kind: 'header', name: 'x-user-id' }, head('/', { headers: ['X-User-ID', '7'] }), 'header:x-user-id=7'],
    [{ kind: 'header', name: 'x-user-id' }, head('/', { headers: ['X-User-ID', ''] }), null],
    [{ kind: 'cookie', name: 'sid' }, head('/', { headers: ['Cookie', 'a=1;sid=s-1; b=2'] }), 'cookie:sid=s-1'],
    [{ kind: 'cookie', name: 'sid' }, head('/'), null],
    [{ kind: 'jwt', name: 'sub' }, head('/', { headers: ['Authorization', jwt({ sub: 'u' })] }), 'jwt:sub=u'],
    [{ kind: 'jwt', name: 'sub' }, head('/', { headers: ['Authorization', jwt({ sub: 12 })] }), 'jwt:sub=12'],
    [{ kind: 'jwt', name: 'sub' }, head('/', { headers: ['Authorization', jwt({ sub: { a: 1 } })] }), null],
    [{ kind: 'jwt', name: 'constructor' }, head('/', { headers: ['Authorization', jwt({})] }), null],
    [{ kind: 'jwt', name: 'sub' }, head('/', { headers: ['Authorization', 'Bearer %%%.%%%'] }), null],
    [{ kind: 'jwt', name: 'sub' }, head('/', { headers: ['Authorization', 'Basic abc'] }), null],
    [{ kind: 'path', name: 'tenant' }, head('/t/acme/x?y=1'), 'path:tenant=acme'],
    [{ kind: 'query', name: 't' }, head('/?a=1&t=x%20y'), 'query:t=x y'],
    [{ kind: 'ip' }, head('/', { address: '192.0.2.9' }), 'ip=192.0.2.9'],
  ]
  for (const [source, request, expected] of cases) t.equal(keyOf([source], request), expected, JSON.stringify(source))
})

t.test('the first one that is present decides', async t => {
  const sources: StickySource[] = [
    { kind: 'header', name: 'x-user-id' },
    { kind: 'cookie', name: 'sid' },
    { kind: 'ip' },
  ]
  t.equal(keyOf(sources, head('/', { headers: ['Cookie', 'sid=1', 'x-user-id', 'u'] })), 'header:x-user-id=u')
  t.equal(keyOf(sources, head('/', { headers: ['Cookie', 'sid=1'] })), 'cookie:sid=1')
  t.equal(keyOf(sources, head('/')), 'ip=192.0.2.1')
})

t.test('10,000 forged ids: none is read', async t => {
  const genuine = auto.create()
  t.equal(auto.read(genuine), 'fresh')
  let read = 0
  for (let i = 0; i < 10_000; i++) {
    const at = i % genuine.length
    const changed = String.fromCharCode(33 + ((genuine.charCodeAt(at) + 1 + (i % 90)) % 90))
    const forged = genuine.slice(0, at) + changed + genuine.slice(at + 1)
    if (forged !== genuine && auto.read(forged) !== null) read++
  }
  t.equal(read, 0)
  t.equal(auto.read(`${'x'.repeat(200)}.sig`), null)
  t.equal(createAutoId('other seed', () => 'fresh').read(genuine), null)
})
