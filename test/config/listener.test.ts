// The listener that clients see: profile, limits, patience, its certificate, its error page.
import t from 'tap'
import { renewedPair } from '../../src/config/certificate.ts'
import { differences } from '../../src/config/diff.ts'
import { loadConfig, loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { makePem } from './pem.ts'
import { compiled, lineOf, planOf, read, wordsOf } from './read.ts'

const words = async (proxy: object) => (await wordsOf({ proxy })).map(one => one.replace('/proxy/', ''))

t.test('by default', async t => {
  t.match(await planOf({}), {
    profile: 'transparent',
    limits: {
      headBytes: 65_536,
      fields: 200,
      targetBytes: 16_384,
      bodyBytes: null,
      connections: 10_000,
      perAddress: null,
    },
    timeouts: { requestHeadMs: 10_000, keepAliveMs: 75_000, stallMs: 60_000, minBytesPerSecond: 100 },
    proxyProtocol: false,
    tls: null,
    tlsFiles: [],
    errorPage: null,
  })
})

t.test('as said', async t => {
  const plan = await planOf({
    proxy: {
      profile: 'standard',
      clientIp: { from: ['10.0.0.0/8'] },
      proxyProtocol: true,
      limits: { fields: 50, target: '4KiB', body: '10MiB', perAddress: 20 },
      timeouts: { stall: '5s', minRate: 'none' },
    },
  })
  t.match(plan, {
    profile: 'standard',
    proxyProtocol: true,
    limits: { fields: 50, targetBytes: 4096, bodyBytes: 10_485_760, perAddress: 20 },
    timeouts: { stallMs: 5000, minBytesPerSecond: 0 },
  })
  t.equal((await planOf({ proxy: { timeouts: { minRate: '1KiB' } } })).timeouts.minBytesPerSecond, 1024)
})

t.test('refused', async t => {
  t.same(await words({ profile: 'strict' }), ['profile not one of the allowed words'])
  t.same(await words({ limits: { fields: 0, target: '1B', body: '0B', perAddress: 'unlimited' } }), [
    'limits/fields less than 1',
    'limits/target out of range: 1KiB to 1MiB',
    'limits/body must be above 0: for no limit write none',
    'limits/perAddress not a whole number',
  ])
  t.same(await words({ timeouts: { stall: 'none', minRate: '100B/s' } }), [
    'timeouts/stall not a duration',
    'timeouts/minRate a size is enough: it counts for each second: write 100B',
  ])
  t.same(await words({ timeouts: { minRate: 0 } }), ['timeouts/minRate must be above 0: for no limit write none'])
  t.same(await words({ timeouts: { minRate: 100 } }), ['timeouts/minRate a size needs its unit: write 100B or 100KiB'])
})

t.test('the PROXY protocol is believed of named peers only', async t => {
  for (const clientIp of [{}, { from: [] }]) {
    t.same(await words({ proxyProtocol: true, clientIp }), [
      'proxyProtocol nobody is named whose PROXY protocol header would be believed: add clientIp: { from: [addresses of the balancer] }',
    ])
  }
})

// ---- files

/** A configuration whose `file:` values come from here. */
function fromFiles(proxy: object, files: Readonly<Record<string, string>>, now = Date.now()) {
  const texts: Readonly<Record<string, string>> = { '/etc/routes.yaml': JSON.stringify({ proxy }), ...files }
  return loadConfig({
    file: '/etc/routes.yaml',
    env: { KEY: files['/etc/key.pem'] ?? '' },
    now: () => now,
    async readFile(path) {
      const text = texts[path]
      if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
      return Buffer.from(text)
    },
  })
}

const TLS = { tls: { cert: 'file:cert.pem', key: 'file:key.pem' } }
const made = makePem()

t.test('TLS', { skip: made === null ? 'there is no openssl here' : false }, async t => {
  const { cert, key, encryptedKey, other } = made as NonNullable<typeof made>
  const files = { '/etc/cert.pem': cert, '/etc/key.pem': key }

  await t.test('a certificate and its key', async t => {
    const loaded = await fromFiles(TLS, files)
    t.same(loaded.mistakes, [])
    t.same(loaded.files, ['/etc/routes.yaml', '/etc/cert.pem', '/etc/key.pem'], 'the watch follows them')
    const { tls, tlsFiles } = compiled(loaded)
    t.same(tls, { cert, key: key.trimEnd() })
    t.same(tlsFiles, ['/etc/cert.pem', '/etc/key.pem'])
  })

  await t.test('the key from the environment, the certificate in the text', async t => {
    const loaded = await fromFiles({ tls: { cert, key: '$' + '{KEY}' } }, { '/etc/key.pem': key })
    t.same(loaded.mistakes, [])
    t.same(compiled(loaded).tlsFiles, [])
  })

  await t.test('a file that holds both, and a chain: the key is in no sight', async t => {
    const both = `${key}\n${cert}\n${other.cert}`
    const loaded = await fromFiles({ tls: { cert: 'file:both.pem', key: 'file:both.pem' } }, { '/etc/both.pem': both })
    t.same(loaded.mistakes, [])
    t.equal(compiled(loaded).tls?.cert, cert + other.cert)
    const printed = shown(loaded.config as never)
    t.match(printed, { proxy: { tls: { cert: cert + other.cert, key: '***' } } })
    t.notMatch(JSON.stringify(printed), /PRIVATE KEY/)
  })

  await t.test('a renewed one is a change that needs no restart', async t => {
    const before = shown((await fromFiles(TLS, files)).config as never)
    const after = shown(
      (await fromFiles(TLS, { '/etc/cert.pem': other.cert, '/etc/key.pem': other.key })).config as never,
    )
    t.match(differences(before, after), [{ path: '/proxy/tls/cert', before: /^-----BEGIN CERTIFICATE----- … / }])
  })

  const mistakesOf = async (more: object, now = Date.now()) =>
    (await fromFiles(TLS, { ...files, ...more }, now)).mistakes.map(lineOf).map(one => one.replace(/^(! )?\S+ /, '$1'))

  await t.test('files that cannot be used', async t => {
    const rows: readonly (readonly [object, string])[] = [
      [{ '/etc/cert.pem': 'hello' }, '/proxy/tls/cert no certificate in it'],
      [{ '/etc/cert.pem': key }, '/proxy/tls/cert no certificate in it'],
      [
        { '/etc/cert.pem': `${cert}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----` },
        '/proxy/tls/cert certificate 2 of 2 in it cannot be read',
      ],
      [{ '/etc/key.pem': cert }, '/proxy/tls/key no private key in it'],
      [{ '/etc/key.pem': '' }, '/proxy/tls/key no private key in it'],
      [{ '/etc/key.pem': key.replace(/\n.{20}/, '\n') }, '/proxy/tls/key the private key in it cannot be read'],
      [
        { '/etc/key.pem': encryptedKey },
        '/proxy/tls/key the key is encrypted; write it without its passphrase: openssl pkey -in KEY -out PLAIN_KEY',
      ],
      [{ '/etc/key.pem': other.key }, '/proxy/tls/key the key does not belong to the certificate'],
    ]
    for (const [more, line] of rows) t.same(await mistakesOf(more), [line])
    t.match((await fromFiles(TLS, {})).mistakes.map(lineOf), [
      /\/proxy\/tls\/cert \/etc\/cert.pem does not exist$/,
      /\/proxy\/tls\/key \/etc\/key.pem does not exist$/,
    ])
    t.same((await fromFiles(TLS, {})).files, ['/etc/routes.yaml', '/etc/cert.pem', '/etc/key.pem'])
  })

  await t.test('files that are looked at again: taken up when they fit together', async t => {
    const inUse = { cert, key: key.trimEnd() }
    const next = { cert: other.cert, key: other.key.trimEnd() }
    t.same(renewedPair(inUse, [cert, key]), inUse)
    t.same(renewedPair(inUse, []), inUse)
    t.same(renewedPair(inUse, [other.cert, other.key]), next)
    t.same(renewedPair(inUse, [`${other.key}${other.cert}`]), next, 'one file for both')
    t.same(renewedPair(inUse, [cert]), inUse, 'the key came from the environment')
    for (const [texts, message] of [
      [[other.cert, key], 'the key does not belong to the certificate'],
      [[cert, other.key], 'the key does not belong to the certificate'],
      [[cert.slice(0, 200), key], 'no certificate in it'],
      [[cert, key.slice(0, 60)], 'no private key in it'],
      [[cert, encryptedKey], /the key is encrypted/],
    ] as const) {
      t.match(renewedPair(inUse, texts), { message })
    }
  })

  await t.test('dates are warned of', async t => {
    const days = (count: number) => Date.now() + count * 86_400_000
    t.same(await mistakesOf({}, days(10)), [])
    t.match(await mistakesOf({}, days(20)), [/^! \/proxy\/tls\/cert the certificate expires on \d{4}-\d\d-\d\d$/])
    t.match(await mistakesOf({}, days(31)), [/^! \/proxy\/tls\/cert the certificate expired on \d{4}-\d\d-\d\d$/])
    t.match(await mistakesOf({}, days(-2)), [/^! \/proxy\/tls\/cert the certificate is valid from \S+ only$/])
  })

  await t.test('keys stand in no text; files are for files only', async t => {
    t.match(await words({ tls: { cert, key } }), [/^tls\/key a secret must not stand in the text/])
    t.match(
      (await loadText({ text: JSON.stringify({ proxy: TLS }), file: 'text', interpolate: false })).mistakes.map(
        ({ message }) => message,
      ),
      ['values from outside are only allowed in files', 'values from outside are only allowed in files'],
    )
    t.same(await words({ tls: { cert: 'cert.pem' } }), [
      'tls/key key is missing',
      'tls/cert no certificate in it: write file:PATH to take it from a file',
    ])
  })
})

t.test('the error page', async t => {
  const PAGE = '<html><style>b { color: red }</style>{status} {title} {detail} {code} {exchange}</html>\n'
  const errors = { page: 'file:error.html' }
  const pageOf = (page: string) => fromFiles({ errors }, { '/etc/error.html': page })
  const loaded = await pageOf(PAGE)
  t.same(loaded.mistakes, [])
  t.equal(compiled(loaded).errorPage, PAGE.trimEnd())
  t.same(loaded.files, ['/etc/routes.yaml', '/etc/error.html'])
  t.equal((await planOf({ proxy: { errors: { page: 'default' } } })).errorPage, null)
  t.equal((await planOf({ proxy: { errors: { page: '<b>{status}</b>' } } })).errorPage, '<b>{status}</b>')
  t.same(
    (await pageOf('sorry')).mistakes.map(({ message }) => message),
    ['no HTML in it'],
  )
  t.same(
    (await pageOf(`<b>${'x'.repeat(300_000)}`)).mistakes.map(({ message }) => message),
    ['larger than 256 KiB'],
  )
  t.same(await words({ errors: { page: 'error.html' } }), [
    'errors/page no HTML in it: write file:error.html to take it from a file',
  ])
  t.same((await pageOf('<b>{Status} {stauts} {name} {exchange}</b>')).mistakes.map(lineOf), [
    '! 1:28 /proxy/errors/page the page has {Status}, which stays as it is: perhaps {status} was meant',
    '! 1:28 /proxy/errors/page the page has {stauts}, which stays as it is: perhaps {status} was meant',
  ])
  t.same((await read('proxy: { errors: { page: 5 } }')).mistakes.map(lineOf), [
    '1:26 /proxy/errors/page must be a text',
  ])
})
