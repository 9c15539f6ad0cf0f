// TLS to a backend: the address is what we resolved, the name is what the certificate has to say.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import t from 'tap'
import type { BackendTls } from '../../src/model/route.ts'
import { backendWith, connectAnywhere, placeIn, servicesFor, take } from './kit.ts'

/** For mono.internal; null where there is no openssl. */
function certificate(): { readonly key: string; readonly cert: string } | null {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-pem-'))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mono'
  try {
    const args = [...words.split(' '), '-addext', 'subjectAltName=DNS:mono.internal', '-keyout', key, '-out', cert]
    execFileSync('openssl', args, { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } catch {
    return null
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const made = certificate()
const POLICY: BackendTls = {
  verify: true,
  ca: null,
  servername: null,
  minVersion: null,
  ciphers: null,
  legacyRenegotiation: false,
}

t.test('with a certificate', { skip: made === null ? 'there is no openssl here' : false }, async t => {
  if (made === null) return
  const names: string[] = []
  const server = createServer({ ...made, SNICallback: (name, done) => done(null, void names.push(name) as never) })
  const sockets = new Set<Socket>()
  server.on('secureConnection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  async function through(host: string, policy: Partial<BackendTls>): Promise<string> {
    const services = servicesFor(t, { lookup: async () => ['127.0.0.1'] })
    const backend = backendWith({ origins: [`https://${host}:${port}`], tls: { ...POLICY, ...policy } })
    const place = await placeIn(services.of(backend, 'primary'))
    return take(place.pool).then(
      ({ connection }) => (connection.usable ? 'open' : 'unusable'),
      (error: { code: string }) => error.code,
    )
  }

  t.equal(await through('mono.internal', { ca: made.cert }), 'open')
  t.strictSame(names, ['mono.internal'], 'the name is asked for')
  t.equal(await through('mono.internal', {}), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  t.equal(await through('other.internal', { ca: made.cert }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await through('127.0.0.1', { ca: made.cert }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await through('127.0.0.1', { ca: made.cert, servername: 'mono.internal' }), 'open')
  t.equal(await through('other.internal', { verify: false }), 'open')
})

t.test('a policy that OpenSSL does not take fails as connecting does', async t => {
  const policy = { ...POLICY, ciphers: 'NO-SUCH-CIPHER' }
  const socket = connectAnywhere({ host: '127.0.0.1', port: 9, tls: { servername: 'a', policy } }, () => t.fail('open'))
  const [error] = await once(socket, 'error')
  t.match(error, { code: /^ERR_SSL/ })
})
