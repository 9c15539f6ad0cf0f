// Who is asking: the client's address behind trusted forwarders, and what may be told to a backend about it.
import type { Socket } from 'node:net'
import type { HeaderList } from '../model/exchange.ts'
import type { Networks } from '../model/route.ts'
import { plainAddress } from '../routing/network.ts'
import type { Forwarded } from './headers.ts'

export interface ClientIpPolicy {
  /** Peers whose X-Forwarded-* count; empty: nobody. */
  readonly from: Networks
  /** How many forwarders stand in front, the peer included; the address that the outermost of them saw counts. */
  readonly hops: number
}

/** Addresses of a socket do not change: what follows from them alone is found once for all requests on it. */
const known = new WeakMap<Socket, { readonly policy: ClientIpPolicy; readonly forwarded: Forwarded }>()

export function forwardedOf(socket: Socket, headers: HeaderList, policy: ClientIpPolicy): Forwarded {
  let peer = known.get(socket)
  if (peer === undefined || peer.policy !== policy) {
    const address = plainAddress(socket.remoteAddress ?? '')
    const forwarded: Forwarded = {
      peer: address,
      trusted: policy.from.contains(address),
      client: address,
      proto: 'encrypted' in socket ? 'https' : 'http',
      port: socket.localPort ?? 0,
    }
    peer = { policy, forwarded }
    known.set(socket, peer)
  }
  const { forwarded } = peer
  return forwarded.trusted ? { ...forwarded, client: clientBehind(forwarded.peer, headers, policy) } : forwarded
}

/** Walks X-Forwarded-For from the right, one step a hop, and no further than through trusted forwarders. */
function clientBehind(peer: string, headers: HeaderList, policy: ClientIpPolicy): string {
  const list: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'x-forwarded-for') list.push(...(headers[i + 1] as string).split(','))
  }
  let address = peer
  for (let hop = 0; hop < policy.hops; hop++) {
    // The peer was named; whoever speaks further left counts only if named too.
    if (hop > 0 && !policy.from.contains(address)) break
    const told = list.pop()?.trim()
    if (told === undefined || told === '') break
    address = plainAddress(told.replace(/^\[|\](:\d+)?$/g, ''))
  }
  return address
}
