// What users send and get stays theirs: secrets and people are nowhere in logs, metrics, store, API or command line.
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../../../src/log.ts'
import { run } from '../../cli/fake-admin.ts'
import { call, eventually, temporary } from '../harness.ts'
import { type Serve, shadowed } from './shadowed.ts'

const BEARER = 'canary7f3aQ9xTokenBearer'
const COOKIE = 'canary8c2bCookieValue'
const CARD = '4111111111111111'
const MAIL = 'ann.canary@example.com'
const QUERY = 'canary5d1eQueryToken'
/** Short, readable, and a secret only by the name in front of it. */
const BEHIND = 'zebrapath'
const KEY = 'zebrakey'
const CANARIES = [BEARER, COOKIE, CARD, MAIL, QUERY, BEHIND, KEY]
/** Beside what is a secret wherever it stands: what is somebody's, and not kept by default. */
const ID = 'order-90417731'
const PLAIN = 'Sesame-Street-7-canary'

const BODIES: Readonly<Record<string, readonly [type: string, of: (side: string) => string]>> = {
  json: [
    'application/json',
    side =>
      JSON.stringify({
        [MAIL]: side,
        email: `${side}${MAIL}`,
        card: CARD,
        token: BEARER + side,
        street: PLAIN + side,
        id: ID + side,
        sessions: { [KEY]: { since: side } },
      }),
  ],
  xml: [
    'application/xml',
    side => `<a mail="${side}${MAIL}"><card>${CARD}</card><token>${BEARER}${side}</token>${PLAIN}${side}</a>`,
  ],
  html: ['text/html', side => `<p>${side} ${MAIL}</p><input name="token" value="${BEARER}${side}">${CARD} ${PLAIN}`],
  form: [
    'application/x-www-form-urlencoded',
    side => `email=${encodeURIComponent(MAIL)}&token=${BEARER}${side}&card=${CARD}&s=${PLAIN}${side}`,
  ],
  lines: [
    'application/x-ndjson',
    side => `{"email":"${MAIL}","n":"${side}"}\n{"token":"${BEARER}${side}","s":"${PLAIN}${side}"}\n`,
  ],
}

const serve =
  (side: string): Serve =>
  (heard, reply) => {
    const [type, of] = BODIES[heard.target.split(/[/?]/)[1] as string] as (typeof BODIES)[string]
    reply.setHeader('content-type', type)
    reply.setHeader('set-cookie', `pref=${COOKIE}${side}; Path=/`)
    reply.setHeader('location', `/x?token=${QUERY}${side}`)
    reply.end(of(side))
  }

for (const values of ['paths', 'redacted']) {
  t.test(`compare.values: ${values}`, async t => {
    const [directory, logs] = [temporary(t), temporary(t)]
    const file = openSync(join(logs, 'log'), 'a')
    t.teardown(() => closeSync(file))
    const log = createLog({ level: 'info', access: true, format: 'json', instance: 'test' }, file)
    const valuesUntil = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10)
    const shop = await shadowed(t, {
      legacy: serve('a'),
      new: serve('b'),
      compare: { noise: { percent: 0 }, ...(values === 'redacted' ? { values, valuesUntil } : {}) },
      config: { store: 'sqlite:state.db' },
      options: { directory, log },
    })
    const kinds = Object.keys(BODIES)
    const headers = { authorization: `Bearer ${BEARER}`, cookie: `SID=${COOKIE}`, 'x-mail': MAIL, 'x-card': CARD }
    for (const kind of kinds) {
      const target = `/${kind}/${ID}/${MAIL}/token/${BEHIND}?token=${QUERY}&card=${CARD}`
      t.equal((await shop.send(target, { headers })).status, 200)
    }
    t.equal((await shop.counted(kinds.length)).divergent, kinds.length)

    const { json: made } = await shop.banyan.api('POST', '/tokens', { name: 'reader', scopes: ['read'] })
    const reader = String(made.secret ?? made.token)
    const all = (await shop.items('?limit=1000')) as { signature: string; exemplar: unknown }[]
    t.ok(all.length > kinds.length, `${all.length} signatures`)
    const paths = [
      '/routes/shop/divergences?limit=1000',
      '/routes/shop/report',
      '/routes/shop/noise',
      '/routes/shop/rules',
      '/status',
      '/routes',
      ...all.map(({ signature }) => `/divergences/${signature}`),
    ]
    const answers: string[] = []
    for (const path of paths) {
      const answer = await call(shop.banyan.admin, 'GET', path, undefined, { authorization: `Bearer ${reader}` })
      t.equal(answer.status, 200, path)
      answers.push(JSON.stringify(answer.json))
    }
    const env = { BANYAN_TOKEN: reader }
    const shown: string[] = []
    for (const argv of [
      ['divergences'],
      ['divergences', 'shop', '--json'],
      ['report', 'shop'],
      ...all.map(({ signature }) => ['divergences', 'show', signature]),
    ]) {
      const { code, out, err } = await run({ url: shop.banyan.admin }, argv, { env })
      // A report of what diverges says so by its exit code.
      t.equal(code, argv[0] === 'report' ? 1 : 0, `${argv.join(' ')}: ${err}`)
      shown.push(out, err)
    }
    const whole = JSON.stringify(all)
    const metrics = await (await fetch(`${shop.banyan.health}/metrics`)).text()
    await shop.banyan.stop()
    const logged = () => readFileSync(join(logs, 'log'), 'utf8')
    await eventually(() => logged().match(/"msg":"request"/g)?.length === kinds.length, 'the access log has them')
    const stored = readdirSync(directory)
      .map(name => readFileSync(join(directory, name), 'latin1'))
      .join('\n')
    t.match(stored, all[0]?.signature as string, 'the store has it')

    const places = {
      log: logged(),
      metrics,
      store: stored,
      API: answers.join('\n'),
      CLI: shown.join('\n'),
      bodies: whole,
    }
    for (const [place, text] of Object.entries(places)) {
      for (const canary of CANARIES) t.notOk(holds(text, canary), `${canary} in ${place}`)
      if (values === 'redacted' && (place === 'store' || place === 'bodies')) continue
      t.notOk(holds(text, ID), `${ID} in ${place}`)
      t.notOk(holds(text, PLAIN), `${PLAIN} in ${place}`)
    }
    t.equal(whole.includes(PLAIN), values === 'redacted', 'with the scope bodies, and values kept')
  })
}

function holds(text: string, canary: string): boolean {
  return [canary, encodeURIComponent(canary), canary.replace('@', '\\u0040'), canary.toLowerCase()].some(one =>
    text.includes(one),
  )
}
