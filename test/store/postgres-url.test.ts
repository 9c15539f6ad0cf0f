// What a URL of a PostgreSQL store says, and that its password is said to nobody.
import { inspect } from 'node:util'
import t from 'tap'
import { parsePostgresUrl, withoutPassword } from '../../src/store/postgres-url.ts'

t.test('all that it may say', async t => {
  t.match(parsePostgresUrl('postgres://ada:p%40%2Fw@db.example:6432/app?schema=fleet_1&application_name=x'), {
    hosts: [{ host: 'db.example', port: 6432 }],
    ...{ user: 'ada', password: 'p@/w', database: 'app', schema: 'fleet_1', applicationName: 'x' },
    tls: { mode: 'disable', rootCert: null, cert: null, key: null },
    shown: 'postgres://ada:***@db.example:6432/app?schema=fleet_1&application_name=x',
  })
  t.match(parsePostgresUrl('postgresql://h1,h2:5433,[::1]:5434,10.0.0.1/db?target_session_attrs=read-write'), {
    hosts: [
      { host: 'h1', port: 5432 },
      { host: 'h2', port: 5433 },
      { host: '::1', port: 5434 },
      { host: '10.0.0.1', port: 5432 },
    ],
    ...{ user: null, password: null, database: 'db', schema: 'banyan' },
  })
  t.match(parsePostgresUrl('postgres://u@%2Fvar%2Frun/db'), { hosts: [{ host: '/var/run', port: 5432 }] })
  t.match(parsePostgresUrl('postgres:///db?host=/var/run'), { hosts: [{ host: '/var/run' }], database: 'db' })
  t.match(parsePostgresUrl('postgres://u:un/escaped@x@h/db'), {
    user: 'u',
    password: 'un/escaped@x',
    hosts: [{ host: 'h' }],
  })
  t.match(parsePostgresUrl('postgres://h/db?sslmode=verify-full&sslrootcert=/ca.pem'), {
    tls: { mode: 'verify-full', rootCert: '/ca.pem' },
  })
})

t.test('what it may not say is refused, without the password', async t => {
  for (const url of [
    'mysql://u:geheim@h/db',
    'postgres://u:geheim@h:port/db',
    'postgres://u:geheim@h/db?sslmode=prefer',
    'postgres://u@h/db?sslmode=geheim',
    'postgres://u@h/db?target_session_attrs=geheim',
    'postgres://u:geheim@h/db?schema=Not%20this',
    'postgres://u:geheim@h/db?schema=pg_mine',
    'postgres://u:geheim@h/db?pool=3',
    'postgres://u:geheim@h/db?target_session_attrs=standby',
    'postgres://u:geheim%zz@h/db',
    'u:geheim@h',
  ])
    try {
      parsePostgresUrl(url)
      t.fail(url)
    } catch (error) {
      t.match(error, { code: 'store_url', hint: /postgres:\/\// }, url)
      t.notMatch(inspect(error, { depth: 9, showHidden: true }), /geheim/, url)
    }
  t.equal(withoutPassword('postgres://u:a:b@c@h/db'), 'postgres://u:***@h/db')
  t.equal(withoutPassword('postgres://u@h:5432/db'), 'postgres://u@h:5432/db')
})
