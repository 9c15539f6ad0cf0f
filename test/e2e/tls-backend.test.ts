// TLS towards backends: verified unless the configuration says otherwise, and what it says is what is spoken.
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { eventually, startBanyan } from './harness.ts'
import { noPem, one, secureBackend, two } from './secure.ts'

if (noPem !== false) t.plan(0, noPem)
else {
  t.test('who cannot prove who it is gets no request', unproven)
  t.test('named authorities, and the name that is checked', proven)
  t.test('without a check it works, and status says so', unverified)
  t.test('old versions and ciphers by request only', oldOnes)
}

/** A backend for each, with one route of its name each. */
function sides(backends: Record<string, object>): Record<string, unknown> {
  return {
    backends,
    routes: Object.keys(backends).map(name => ({ id: name, match: { path: `/${name}` }, legacy: name })),
  }
}

interface Answer {
  readonly status: number
  readonly body: { readonly code?: string; readonly detail?: string } & Record<string, unknown>
}

async function ask(port: number, name: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/${name}`)
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

const told = (req: { socket: unknown }) => {
  const socket = req.socket as TLSSocket
  return JSON.stringify({ name: socket.servername, version: socket.getProtocol(), cipher: socket.getCipher().name })
}

async function unproven(t: Test) {
  const backend = await secureBackend(t, one)
  const banyan = await startBanyan(
    t,
    sides({
      unknown: { url: backend.url },
      'wrong-name': { url: backend.url, tls: { ca: one.cert, servername: 'two.example' } },
      'no-name': { url: backend.url, tls: { ca: one.cert } },
      'other-authority': { url: backend.url, tls: { ca: two.cert, servername: 'one.example' } },
    }),
  )
  const rows: Record<string, RegExp> = {
    unknown: /legacy side: the TLS handshake or certificate was refused \(DEPTH_ZERO_SELF_SIGNED_CERT/,
    'wrong-name': /\(ERR_TLS_CERT_ALTNAME_INVALID/,
    'no-name': /\(ERR_TLS_CERT_ALTNAME_INVALID/,
    'other-authority': /\(DEPTH_ZERO_SELF_SIGNED_CERT/,
  }
  for (const [name, detail] of Object.entries(rows)) {
    const { status, body } = await ask(banyan.port, name)
    t.match({ status, ...body }, { status: 502, code: 'backend_tls', detail }, name)
  }
  t.equal(backend.seen.length, 0)
  const metrics = await (await fetch(`${banyan.health}/metrics`)).text()
  t.match(metrics, /banyan_backend_errors_total\{route="unknown",side="legacy",role="primary",kind="tls"\} 1/)
}

async function proven(t: Test) {
  const backend = await secureBackend(t, one, (req, res) => res.end(told(req)))
  const plain = await secureBackend(t, two, (req, res) => res.end(told(req)))
  const banyan = await startBanyan(
    t,
    sides({
      good: { url: backend.url, tls: { ca: one.cert, servername: 'one.example' } },
      both: { url: plain.url, tls: { ca: `${one.cert}${two.cert}`, servername: 'two.example' } },
    }),
  )
  t.match(await ask(banyan.port, 'good'), { status: 200, body: { name: 'one.example', version: 'TLSv1.3' } })
  t.match(await ask(banyan.port, 'both'), { status: 200, body: { name: 'two.example' } })
  // One that has just been used is left alone for a moment, and another is opened meanwhile.
  await eventually(async () => {
    t.match(await ask(banyan.port, 'good'), { status: 200 })
    const sockets = backend.seen.map(({ socket }) => socket)
    return new Set(sockets).size < sockets.length
  }, 'a connection is used again')
  t.same((await banyan.api('GET', '/status')).json.warnings, [])
}

async function unverified(t: Test) {
  const backend = await secureBackend(t, one, (req, res) => res.end(told(req)))
  const banyan = await startBanyan(t, sides({ loose: { url: backend.url, tls: { verify: false } } }))
  t.match(await ask(banyan.port, 'loose'), { status: 200, body: { name: false } })
  t.match((await banyan.api('GET', '/status')).json.warnings, [{ code: 'tls_unverified', message: /backend loose/ }])
}

async function oldOnes(t: Test) {
  const ciphers = 'ALL:@SECLEVEL=0'
  const old = await secureBackend(t, { ...one, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers }, (req, res) =>
    res.end(told(req)),
  )
  const narrow = await secureBackend(
    t,
    { ...one, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA' },
    (req, res) => res.end(told(req)),
  )
  const tls = { ca: one.cert, servername: 'one.example' }
  const banyan = await startBanyan(
    t,
    sides({
      refused: { url: old.url, tls },
      allowed: { url: old.url, tls: { ...tls, minVersion: 'TLSv1', ciphers } },
      strict: { url: narrow.url, tls: { ...tls, minVersion: 'TLSv1.3' } },
      'no-cipher': { url: narrow.url, tls: { ...tls, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } },
      cipher: { url: narrow.url, tls: { ...tls, ciphers: 'ECDHE-ECDSA-AES256-SHA' } },
    }),
  )
  t.match(await ask(banyan.port, 'refused'), { status: 502, body: { code: 'backend_tls' } })
  t.match(await ask(banyan.port, 'allowed'), { status: 200, body: { version: /^TLSv1(\.1)?$/ } })
  t.match(await ask(banyan.port, 'strict'), { status: 502, body: { code: 'backend_tls' } })
  t.match(await ask(banyan.port, 'no-cipher'), { status: 502, body: { code: 'backend_tls' } })
  t.match(await ask(banyan.port, 'cipher'), { status: 200, body: { cipher: 'ECDHE-ECDSA-AES256-SHA' } })
  const { json } = await banyan.api('GET', '/status')
  const loud = json.warnings.filter((one: { code: string }) => one.code === 'tls_weakened')
  t.same(
    loud.map((one: { message: string }) => one.message),
    [
      'backend allowed: TLS towards it is set by tls.minVersion TLSv1, tls.ciphers',
      'backend no-cipher: TLS towards it is set by tls.ciphers',
      'backend cipher: TLS towards it is set by tls.ciphers',
    ],
  )
}
