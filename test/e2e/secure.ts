// What tests of TLS need: certificates made once, a client and a backend that speak TLS, a Banyan that has its own from files.
import { renameSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { type Configured, configure } from '../../src/configured.ts'
import { makePem } from '../config/pem.ts'
import { type Banyan, type BanyanOptions, type HttpBackend, startBanyan, temporary } from './harness.ts'
import { writeConfig } from './process.ts'

const made = makePem()
export const noPem = made === null ? 'there is no openssl here' : false
const none = { cert: '', key: '' }
/** Of one.example, self-signed, for 30 days. */
export const one = made === null ? none : { cert: made.cert, key: made.key }
/** Of two.example. */
export const two = made?.other ?? none

export interface SecureClient {
  readonly socket: TLSSocket
  /** Common name of the certificate that the server showed. */
  readonly name: Promise<string>
  text(): string
  send(bytes: string): void
  until(test: (text: string) => boolean): Promise<string>
  /** All that came, and the code of the error that ended it, if any. */
  readonly closed: Promise<{ readonly text: string; readonly error: string | null }>
}

export function secureClient(t: Test, port: number, options: ConnectionOptions = {}): SecureClient {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  let text = ''
  let error: string | null = null
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
  })
  socket.on('error', reason => {
    error ??= (reason as NodeJS.ErrnoException).code ?? reason.message
  })
  const closed = new Promise<{ text: string; error: string | null }>(resolve =>
    socket.on('close', () => resolve({ text, error })),
  )
  const name = new Promise<string>((resolve, reject) => {
    socket.once('secureConnect', () => resolve(String(socket.getPeerCertificate().subject.CN)))
    closed.then(() => reject(new Error(`no handshake: ${error}`)))
  })
  name.catch(() => {})
  t.teardown(() => socket.destroy())
  return {
    socket,
    name,
    text: () => text,
    send: bytes => socket.write(bytes, 'latin1'),
    until: test =>
      new Promise(resolve => {
        const look = () => {
          if (test(text)) resolve(text)
        }
        socket.on('data', look)
        closed.then(() => resolve(text))
        look()
      }),
    closed,
  }
}

/** By node:https; says the name it was asked for. */
export async function secureBackend(
  t: Test,
  options: TlsOptions,
  handle: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => res.end('ok'),
): Promise<HttpBackend> {
  const seen: IncomingMessage[] = []
  const server = createHttps(options, (req, res) => {
    seen.push(req)
    handle(req, res)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `https://127.0.0.1:${port}`, port, seen }
}

/** A backend that speaks bytes, over TLS. */
export async function rawSecureBackend(t: Test, serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(one, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface Filed extends Banyan {
  /** Each by a rename, as those who renew do it. */
  write(files: Readonly<Record<string, string>>): void
}

/** With TLS on its listener, from `cert.pem` and `key.pem`. */
export async function startSecure(
  t: Test,
  config: Record<string, unknown>,
  options: BanyanOptions = {},
): Promise<Filed> {
  const directory = temporary(t)
  const write = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(directory, `${name}.new`), text)
      renameSync(join(directory, `${name}.new`), join(directory, name))
    }
  }
  write({ 'cert.pem': one.cert, 'key.pem': one.key })
  writeConfig(directory, {
    store: 'memory:',
    ...config,
    proxy: {
      drain: { grace: '0s', deadline: '2s' },
      tls: { cert: 'file:cert.pem', key: 'file:key.pem' },
      ...(config.proxy as object | undefined),
    },
  })
  const file = join(directory, 'routes.yaml')
  const reread = async (): Promise<Configured> =>
    configure(await loadConfig({ file, env: {} }), shown, file, Date.now())
  const banyan = await startBanyan(t, {}, { certificateLookMs: 20, configured: await reread(), reread, ...options })
  return { ...banyan, write }
}
