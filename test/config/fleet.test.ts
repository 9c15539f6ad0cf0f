// A fleet as the file says it: the store that is shared, peers, their secret, where they come in.
import t from 'tap'
import { differences, needsRestart } from '../../src/config/diff.ts'
import { loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { withoutPassword } from '../../src/config/store-form.ts'
import { wordsOf } from './read.ts'

const SECRET = 'hunter2-hunter2-hunter2'
const ENV = {
  FLEET_SECRET: SECRET,
  PW: 'hunter2',
  SHORT: 'hunter2',
  URL: 'postgres://u:hunter2@h/db',
  BAD: 'hunt@hunter2',
  EMPTY: '',
}
const PEERS = { peers: 'dns:banyan:9902', secret: '$' + '{FLEET_SECRET}', listen: '0.0.0.0:9902' }
const STORE = 'postgres://db/banyan'

const load = (value: unknown) =>
  loadText({
    text: JSON.stringify(value),
    file: 'routes.yaml',
    interpolate: true,
    env: ENV,
    readFile: async path => Buffer.from(path.endsWith('url') ? `${ENV.URL}\n` : `${SECRET}\n`),
  })

async function wrong(value: unknown): Promise<readonly string[]> {
  const { mistakes } = await load(value)
  t.notMatch(JSON.stringify(mistakes), /hunter2/)
  return mistakes.map(
    ({ path, message, level, hint }) =>
      `${level === 'warning' ? '! ' : ''}${path} ${message}${hint === null ? '' : `: ${hint}`}`,
  )
}

async function fleetOf(fleet: object, store = STORE) {
  const { config, mistakes } = await load({ store, fleet })
  if (config === null) throw new Error(JSON.stringify(mistakes))
  return config.fleet
}

t.test('by default there is none', async t => {
  t.same((await load({})).config?.fleet, { secret: null, listen: null, directory: '.banyan' })
  t.same((await load({ fleet: {} })).mistakes, [])
})

t.test('peers by name, or one by one', async t => {
  t.same(await fleetOf(PEERS), {
    peers: { kind: 'dns', host: 'banyan', port: 9902 },
    secret: SECRET,
    listen: { host: '0.0.0.0', port: 9902 },
    directory: '.banyan',
  })
  const urls = ['http://10.0.0.5:9902', 'https://Banyan.example:443/', 'http://[::1]:9902']
  t.same((await fleetOf({ ...PEERS, peers: urls })).peers, {
    kind: 'urls',
    urls: ['http://10.0.0.5:9902', 'https://banyan.example', 'http://[::1]:9902'],
  })
  t.equal((await fleetOf({ ...PEERS, secret: 'file:secret' })).secret, SECRET)
})

t.test('shown as written, without secrets, and it loads again', async t => {
  for (const peers of ['dns:banyan:9902', ['http://10.0.0.5:9902', 'http://10.0.0.6:9902']]) {
    const { config } = await load({
      store: 'postgres://u:$' + '{PW}@h1,h2:5433/db?sslmode=require',
      fleet: { ...PEERS, peers },
    })
    const words = shown(config as never) as { store: string; fleet: object }
    t.equal(words.store, 'postgres://u:***@h1,h2:5433/db?sslmode=require')
    t.same(words.fleet, { peers, secret: '***', listen: '0.0.0.0:9902', directory: '.banyan' })
    const again = await load({ ...words, store: STORE, fleet: { ...words.fleet, secret: PEERS.secret } })
    t.same(again.mistakes, [])
    t.same(again.config?.fleet, config?.fleet)
  }
  const all = differences(
    shown((await load({})).config as never),
    shown((await load({ store: STORE, fleet: PEERS })).config as never),
  )
  t.ok(all.length >= 3 && all.every(needsRestart), 'in force after a restart')
})

t.test('a secret is needed, long enough, and not in the text', async t => {
  const missing = /^\/fleet\/secret the secret is missing, by which instances know each other/
  for (const secret of [undefined, '', '$' + '{EMPTY}']) {
    t.match(await wrong({ store: STORE, fleet: { ...PEERS, secret } }), [missing])
    t.match(await wrong({ fleet: { listen: ':9902', secret } }), [missing])
  }
  t.match(await wrong({ store: STORE, fleet: { ...PEERS, secret: '$' + '{SHORT}' } }), [
    '/fleet/secret shorter than 16 characters',
  ])
  t.match(await wrong({ store: STORE, fleet: { ...PEERS, secret: SECRET } }), [/a secret must not stand in the text/])
})

t.test('peers that are none', async t => {
  const wordsFor = async (peers: unknown) =>
    (await wrong({ store: STORE, fleet: { ...PEERS, peers } })).map(word => word.replace('/fleet/peers', ''))
  t.same(await wordsFor('dns:banyan'), [' the port is missing: for example dns:banyan:9902'])
  t.same(await wordsFor('dns:banyan:0'), [' a port is 1 to 65535'])
  t.same(await wordsFor('dns:10.0.0.5:9902'), [' an address, not a name: write [http://10.0.0.5:9902]'])
  t.same(await wordsFor('banyan:9902'), [' not a name of peers: write dns:banyan:9902'])
  t.same(await wordsFor('dns:'), [' not a name of peers: for example dns:banyan-peers:9902'])
  t.same(await wordsFor('http://b:9902'), [' URLs stand in a list: write [http://b:9902]'])
  t.same(await wordsFor([]), [' the list is empty'])
  t.same(await wordsFor(['http://b:9902/fleet', 'ftp://b', 'http://u:p@b', 'b:9902', 'http://b:0']), [
    '/0 a peer is an origin, without a path: write http://b:9902',
    '/1 a peer speaks http or https',
    '/2 a URL must not hold a user or password: set the header in the peer or its client',
    '/3 not a URL: write http://b:9902',
    '/4 port 0 cannot be asked',
  ])
  t.same(await wordsFor(['http://b:9902', 'http://B:9902/']), ['/1 the peer stands in the list already'])
  t.same(await wordsFor(5), [' must be a list or a text: write it in quotes: "5"'])
  t.match(await wrong({ fleet: { peer: 'dns:b:1' } }), [/^\/fleet\/peer unknown key: did you mean peers/])
})

t.test('a store of one instance has no peers', async t => {
  for (const store of [undefined, 'sqlite:a.db', 'memory:']) {
    t.match(await wrong({ store, fleet: PEERS }), [/^\/fleet\/peers peers share one store, and this store is for one/])
  }
  const unset = await wrong({ store: '$' + '{NOT_SET}', fleet: PEERS })
  t.match(unset, [/^\/store the environment has no NOT_SET/])
  t.equal(unset.length, 1, 'and what it would name is not guessed')
  t.same(await wrong({ store: 'file:url', fleet: PEERS }), [])
  const written = await wrong({ store: 'postgres://u:hunter2@h/db', fleet: PEERS })
  t.match(written, [/^\/store a password must not stand in the text/])
  t.equal(written.length, 1, 'one mistake, not two')
})

t.test('a listener that peers do not reach is warned of', async t => {
  const near = /^! \/fleet\/peers peers on other machines do not reach 127\.0\.0\.1:990[0-9]/
  t.match(await wrong({ store: STORE, fleet: { ...PEERS, listen: undefined } }), [near])
  t.match(await wrong({ store: STORE, fleet: { ...PEERS, listen: '127.0.0.1:9902' } }), [near])
  t.same(
    await wrong({
      store: STORE,
      fleet: { ...PEERS, listen: 'none', peers: ['http://localhost:9900', 'http://[::1]:9'] },
    }),
    [],
  )
  t.match(await wrong({ store: STORE, fleet: { ...PEERS, listen: ':9901' } }), [/^\/fleet\/listen health listens on/])
})

t.test('PostgreSQL: hosts and parameters, as they come', async t => {
  for (const url of [
    'postgres://db/banyan',
    'postgresql://u@db:5432/banyan',
    'postgres://u@h1,h2:5433,[::1]:5434/banyan?target_session_attrs=read-write&schema=b%20n',
    'postgres://u%40x@%2Fvar%2Frun%2Fpostgresql/banyan',
    'postgres://:@db/banyan?',
  ]) {
    t.same((await load({ store: url })).config?.store, { kind: 'postgres', url }, url)
  }
  t.same((await load({ store: 'file:url' })).config?.store, { kind: 'postgres', url: ENV.URL })
  t.same((await load({ store: '$' + '{URL}' })).config?.store, { kind: 'postgres', url: ENV.URL })
  const filled = await load({ store: 'postgres://u:$' + '{PW}@h/db?sslpassword=$' + '{PW}' })
  t.same(filled.config?.store, { kind: 'postgres', url: 'postgres://u:hunter2@h/db?sslpassword=hunter2' })
  t.notMatch(JSON.stringify(shown(filled.config as never)), /hunter2/)
})

t.test('PostgreSQL: what is wrong is said, and never the password', async t => {
  const unescaped = /write @ as %40/
  for (const [url, message] of [
    ['postgres:db', unescaped],
    ['postgres://u@v@db/banyan', unescaped],
    ['postgres://u:$' + '{BAD}@db/banyan', unescaped],
    ['postgres://u%zz@db/banyan', unescaped],
    ['postgres://db/ban yan', unescaped],
    ['postgres:///banyan', /names no host/],
    ['postgres://h1,,h2/banyan', /names no host/],
    ['postgres://h1:h2/banyan', /not a host/],
    ['postgres://db:0/banyan', /a port is 1 to 65535/],
    ['postgres://db:70000/banyan', /a port is 1 to 65535/],
    ['postgres://[::g]/banyan', /not a host/],
    ['postgres://db', /names no database/],
    ['postgres://db/', /names no database/],
    ['postgres://db/banyan?sslmode', /a parameter is name=value/],
    ['postgres://u:hunter2@db/banyan', /a password must not stand in the text: write "\$\{NAME\}"/],
    ['postgres://u:hun/hunter2@ter@db/banyan', /a password must not stand in the text/],
    ['postgres://u@db/banyan?password=hunter2', /a password must not stand in the text/],
    ['mysql://u:hunter2@db/banyan', /not a store/],
  ] as const) {
    const words = await wrong({ store: url })
    t.equal(words.length, 1, url)
    t.match(words[0], message, url)
  }
})

t.test('a URL without its password', async t => {
  t.equal(withoutPassword('sqlite:a:b@c'), 'sqlite:a:b@c')
  t.equal(withoutPassword('postgres://h/d'), 'postgres://h/d')
  t.equal(withoutPassword('postgres://u@h:5432/d'), 'postgres://u@h:5432/d')
  t.equal(withoutPassword('postgres://u:p%40@h:5432/d'), 'postgres://u:***@h:5432/d')
  t.equal(withoutPassword('postgres://:p@h/d?password=x&sslmode=y'), 'postgres://:***@h/d?password=***&sslmode=y')
})

t.test('by API nothing comes from outside', async t => {
  t.same(await wordsOf({ store: STORE }), [])
})
