// Listening, with a sentence when it fails: which address, which key of the configuration, why.
import type { FastifyInstance } from 'fastify'
import { BanyanError } from './model/errors.ts'
import type { OwnListener } from './upstream/own-listeners.ts'

export interface Listening {
  /** The address by which this machine reaches it. */
  readonly url: string
  /** `localhost` has several. */
  readonly bound: readonly OwnListener[]
}

export async function listen(
  server: FastifyInstance,
  address: { readonly host: string; readonly port: number },
  key: string,
): Promise<Listening> {
  try {
    await server.listen({ host: address.host, port: address.port })
  } catch (error) {
    throw listenFailed(error, address, key)
  }
  const bound = server
    .addresses()
    .flatMap(one => (typeof one === 'string' ? [] : [{ key, host: one.address, port: one.port }]))
  return { url: addressText({ host: address.host, port: bound[0]?.port ?? address.port }), bound }
}

export function listenFailed(
  error: unknown,
  address: { readonly host: string; readonly port: number },
  key: string,
): BanyanError {
  const code = (error as { code?: string }).code ?? 'unknown'
  const why =
    { EADDRINUSE: 'the address is in use', EACCES: 'this user may not use it', EADDRNOTAVAIL: 'no such address here' }[
      code
    ] ?? code
  return new BanyanError('listen_failed', `cannot listen on ${addressText(address)} (${key}): ${why}`, {
    hint: `give another address in ${key}, or end what has it`,
    cause: error,
  })
}

/** `http://host:port`; of a listener on every interface, by loopback. */
export function addressText(
  { host, port }: { readonly host: string; readonly port: number },
  scheme: 'http' | 'https' = 'http',
): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
