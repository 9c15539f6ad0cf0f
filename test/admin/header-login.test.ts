// Login by an SSO proxy: whose word counts, what of it, and what groups may. Headers are as Node hands them out.
import t from 'tap'
import { createHeaderLogin, type HeaderLoginOptions } from '../../src/admin/header-login.ts'
import { requireScope } from '../../src/admin/scopes.ts'
import type { BanyanError } from '../../src/model/errors.ts'
import { PLAN } from '../control/make.ts'

const TRUST = { user: 'x-forwarded-user', groups: 'x-forwarded-groups', from: ['10.0.0.7', 'fd00::/64'], secret: null }
const GROUPS: HeaderLoginOptions['groups'] = {
  sre: ['admin'],
  devs: ['read', 'bodies'],
  oncall: { scopes: ['rollback'], routes: ['orders'] },
  shop: { scopes: ['operate'], routes: ['cart', 'pay'] },
}

function make(more: Partial<HeaderLoginOptions> = {}) {
  return createHeaderLogin({ trustHeader: TRUST, groups: GROUPS, users: {}, ...more })
}

function ask(people: ReturnType<typeof make>, pairs: readonly (readonly [string, string])[], peer = '10.0.0.7') {
  const headers: Record<string, string> = {}
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase()
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`
  }
  return people.login({ headers, rawHeaders: pairs.flat(), peer })
}

function callerOf(people: ReturnType<typeof make>, user: string, groups = '') {
  const login = ask(people, [
    ['X-Forwarded-User', user],
    ['X-Forwarded-Groups', groups],
  ])
  if (typeof login === 'string') throw new Error(login)
  return login.caller
}

t.test('the socket’s peer decides, nothing that a header says', async t => {
  const people = make()
  const named: [string, string][] = [['X-Forwarded-User', 'ann']]
  for (const peer of ['10.0.0.7', '::ffff:10.0.0.7', 'fd00::1']) t.type(ask(people, named, peer), 'object', peer)
  for (const peer of ['10.0.0.8', '127.0.0.1', '::1', 'fd00:0:0:1::1', '']) {
    t.equal(ask(people, [...named, ['X-Forwarded-For', '10.0.0.7'], ['X-Real-Ip', '10.0.0.7']], peer), 'absent', peer)
  }
  const warnings = people.warnings()
  t.equal(warnings.length, 5)
  t.match(warnings[0], {
    code: 'login_header_ignored',
    message: /x-forwarded-user came 1 time from 10\.0\.0\.8, who is not/,
  })
  ask(people, named, '10.0.0.8')
  t.match(people.warnings()[0]?.message, /came 2 times/)
  for (let i = 0; i < 1_000; i++) ask(people, named, `192.0.${i >> 8}.${i & 255}`)
  t.equal(people.warnings().length, 20, 'bounded')
})

t.test('nobody is said to be there', async t => {
  const people = make()
  t.equal(ask(people, []), 'absent')
  t.equal(ask(people, [['X-Forwarded-Groups', 'sre']]), 'absent', 'a group without a person')
  t.equal(ask(people, [['X_Forwarded_User', 'ann']]), 'absent', 'an underscore is no dash')
  t.equal(ask(people, [['X-Forwarded-User2', 'ann']]), 'absent')
})

t.test('what must not be believed is refused, and told', async t => {
  const people = make()
  const rows: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    [
      'twice',
      [
        ['X-Forwarded-User', 'mallory'],
        ['x-forwarded-user', 'ann'],
      ],
    ],
    [
      'groups twice',
      [
        ['X-Forwarded-User', 'ann'],
        ['X-Forwarded-Groups', 'sre'],
        ['X-Forwarded-Groups', 'devs'],
      ],
    ],
    ['joined by a proxy', [['X-Forwarded-User', 'mallory, ann']]],
    ['joined without a space', [['X-Forwarded-User', 'mallory,ann']]],
    ['empty', [['X-Forwarded-User', '']]],
    ['blank', [['X-Forwarded-User', '   ']]],
    ['two words', [['X-Forwarded-User', 'ann bell']]],
    ['a control', [['X-Forwarded-User', 'ann\u0001']]],
    ['a mark of direction', [['X-Forwarded-User', Buffer.from('ann\u202e').toString('latin1')]]],
    ['not UTF-8', [['X-Forwarded-User', 'ann\u00ff']]],
    ['very long', [['X-Forwarded-User', 'a'.repeat(129)]]],
    [
      'very many groups',
      [
        ['X-Forwarded-User', 'ann'],
        ['X-Forwarded-Groups', 'a,'.repeat(501)],
      ],
    ],
  ]
  for (const [what, pairs] of rows) t.equal(ask(people, pairs), 'refused', what)
  t.match(people.warnings(), [
    { code: 'login_header_refused', message: /^12 logins .* 10\.0\.0\.7: .*more than 500 groups/ },
  ])
})

t.test('a secret that the proxy sends, where one is agreed on', async t => {
  const people = make({ trustHeader: { ...TRUST, secret: 'proof' } })
  const named: [string, string][] = [['X-Forwarded-User', 'ann']]
  t.equal(ask(people, named), 'refused')
  t.equal(ask(people, [...named, ['X-Banyan-Proxy-Secret', 'proo']]), 'refused')
  t.equal(ask(people, [...named, ['X-Banyan-Proxy-Secret', 'proof'], ['X-Banyan-Proxy-Secret', 'proof']]), 'refused')
  t.type(ask(people, [...named, ['X-Banyan-Proxy-Secret', 'proof']]), 'object')
  t.equal(
    ask(people, [...named, ['X-Banyan-Proxy-Secret', 'proof']], '10.0.0.9'),
    'absent',
    'and from a named peer only',
  )
})

t.test('the audit log calls them by a name that no token can have', async t => {
  const ann = callerOf(make(), 'ann@example.com', 'sre')
  t.match(ann, { name: 'sso:ann@example.com', tokenId: null })
  t.equal(callerOf(make(), Buffer.from('žofie').toString('latin1')).name, 'sso:žofie')
  for (const name of ['system', 'break_glass', 'environment']) t.equal(callerOf(make(), name).name, `sso:${name}`)
})

t.test('groups add up, each within its own routes', async t => {
  const people = make({ users: { eve: ['operate'] }, everyone: { scopes: ['read'], routes: ['orders'] } })
  const may = (user: string, groups: string) => {
    const caller = callerOf(people, user, groups)
    return (scope: Parameters<typeof requireScope>[1], route: string | null) => {
      try {
        requireScope(caller, scope, route, PLAN)
        return 'passed'
      } catch (error) {
        return (error as BanyanError).message
      }
    }
  }
  t.equal(may('ann', 'sre')('admin', null), 'passed')
  const both = may('bob', 'devs, oncall,shop, unknown')
  t.equal(both('read', null), 'passed')
  t.equal(both('bodies', 'pay'), 'passed')
  t.equal(both('rollback', 'orders'), 'passed')
  t.equal(both('operate', 'cart'), 'passed', 'the whole of its group')
  t.match(both('operate', 'orders'), /sso:bob does not reach orders/)
  t.match(both('rollback', null), /sso:bob is limited to routes/)
  t.match(both('admin', null), /needs the scope admin/)
  t.equal(may('eve', '')('operate', 'orders'), 'passed', 'by name')
  const anybody = may('zoe', 'SRE')
  t.equal(anybody('read', 'orders'), 'passed')
  t.match(anybody('read', 'pay'), /does not reach pay/)
  t.match(anybody('admin', null), /needs the scope admin/, 'names of groups are as they are written')
  t.same([...(callerOf(people, 'zoe').routes ?? [])], ['orders'])
  t.equal(callerOf(people, 'bob', 'devs,oncall').routes, null)
  const nobody = callerOf(make(), 'zoe', 'guests')
  t.equal(nobody.may('read'), false)
  t.match(nobody.has, /sso:zoe is logged in, and admin\.auth grants nothing to it or its groups \(guests\)/)
  t.same([...(nobody.routes ?? ['every'])], [], 'nothing is not everything')
})
