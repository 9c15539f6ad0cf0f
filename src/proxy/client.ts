// Who is asking: the client's address, scheme and port behind the forwarders that are named in `clientIp`.
//
// What anybody says of a client counts only from a peer that is named, and each step further left only if whoever took it is
// named too. Of X-Forwarded-For and Forwarded (RFC 7239) the first is looked at, and the second where there is no first.
import type { HeaderList } from '../model/exchange.ts'
import type { Networks } from '../model/route.ts'
import { toldAddress } from './address.ts'
import { type ForwardedElement, readForwarded } from './forwarded.ts'

export interface ClientIpPolicy {
  /** Peers whose X-Forwarded-* and Forwarded count; empty: nobody. */
  readonly from: Networks
  /** How many forwarders stand in front, the peer included; the address that the outermost of them saw counts. */
  readonly hops: number
}

/** What we say about the client to a backend. */
export interface Forwarded {
  /** The address at the other end of the connection, or what its PROXY header says. */
  readonly peer: string
  /** True: the peer is named in `clientIp.from`, and what it says of the client is kept and continued. */
  readonly trusted: boolean
  /** True: a PROXY header named the peer. Then it is the client itself, whatever else it says. */
  readonly introduced: boolean
  /** The client's address by `clientIp`. */
  readonly client: string
  readonly proto: 'http' | 'https'
  /** Port that the client spoke to. */
  readonly port: number
  /** Host that the client asked for, where only a Forwarded element tells it. */
  readonly host: string | null
}

/** The other end of one connection. Keep it as long as the connection: it remembers what does not change between requests. */
export interface Peer {
  readonly address: string
  readonly tls: boolean
  /** Ours. */
  readonly port: number
  readonly introduced: boolean
  seen: { readonly policy: ClientIpPolicy; readonly forwarded: Forwarded } | null
}

/** `address` as the socket or, for one that is `introduced`, a PROXY header says it; `''` when the socket was gone already. */
export function peerOf(address: string, port: number, tls: boolean, introduced = false): Peer {
  return { address: toldAddress(address) ?? address, tls, port, introduced, seen: null }
}

/** Allocates nothing for a peer that is not named: all its requests share one answer. */
export function forwardedOf(peer: Peer, fields: HeaderList, policy: ClientIpPolicy): Forwarded {
  let { seen } = peer
  if (seen === null || seen.policy !== policy) {
    seen = { policy, forwarded: directly(peer, policy) }
    peer.seen = seen
  }
  return seen.forwarded.trusted ? behind(seen.forwarded, fields, policy) : seen.forwarded
}

function directly({ address, tls, port, introduced }: Peer, policy: ClientIpPolicy): Forwarded {
  const trusted = policy.from.contains(address)
  return { peer: address, trusted, introduced, client: address, proto: tls ? 'https' : 'http', port, host: null }
}

/** What a trusted peer tells. */
interface Told {
  /** All fields' elements, in order. */
  addresses: string | null
  proto: string | null
  host: string | null
  port: string | null
  forwarded: string | null
  authority: string | null
}

function behind(own: Forwarded, fields: HeaderList, policy: ClientIpPolicy): Forwarded {
  const told = lookUp(fields)
  if (told === null) return own
  if (told.forwarded === null || told.addresses !== null) {
    const client = told.addresses === null ? own.client : clientBehind(own.peer, told.addresses, policy)
    return { ...own, client, ...schemeAndPort(own, told, null) }
  }
  const elements = told.forwarded.split('\n').flatMap(readForwarded)
  const { client, element } = clientOfElements(own.peer, elements, policy)
  return { ...own, client, ...schemeAndPort(own, told, element), host: element?.host ?? null }
}

/** null: nothing is told. By length first: most names are none of these. */
function lookUp(fields: HeaderList): Told | null {
  let told: Told | null = null
  let authority: string | null = null
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    const key = keyOf(name)
    if (key === null) continue
    const value = fields[i + 1] as string
    if (key === 'authority') {
      authority ??= value
      continue
    }
    told ??= { addresses: null, proto: null, host: null, port: null, forwarded: null, authority: null }
    const before = told[key]
    // Forwarded has quotes, which must not reach from one field's text into the next.
    told[key] = before === null ? value : `${before}${key === 'forwarded' ? '\n' : ','}${value}`
  }
  if (told !== null) told.authority = authority
  return told
}

function keyOf(name: string): keyof Told | null {
  switch (name.length) {
    case 4:
      return is(name, 'host') ? 'authority' : null
    case 9:
      return is(name, 'forwarded') ? 'forwarded' : null
    case 15:
      return is(name, 'x-forwarded-for') ? 'addresses' : null
    case 16:
      return is(name, 'x-forwarded-port') ? 'port' : is(name, 'x-forwarded-host') ? 'host' : null
    case 17:
      return is(name, 'x-forwarded-proto') ? 'proto' : null
    default:
      return null
  }
}

function is(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower
}

/** From the right, one element a hop. Ends early at what is no address: further left nobody can be asked for it. */
function clientBehind(peer: string, addresses: string, policy: ClientIpPolicy): string {
  let address = peer
  let end = addresses.length
  for (let hop = 0; hop < policy.hops && end >= 0; hop++) {
    // The peer was named; whoever speaks further left counts only if named too.
    if (hop > 0 && !policy.from.contains(address)) break
    const comma = end === 0 ? -1 : addresses.lastIndexOf(',', end - 1)
    const next = toldAddress(addresses.slice(comma + 1, end).trim())
    if (next === null) break
    address = next
    end = comma
  }
  return address
}

/** The same for RFC 7239; with the element that told the client's address, for what else it tells of it. */
function clientOfElements(
  peer: string,
  elements: readonly ForwardedElement[],
  policy: ClientIpPolicy,
): { readonly client: string; readonly element: ForwardedElement | null } {
  let client = peer
  let element: ForwardedElement | null = null
  for (let hop = 0; hop < policy.hops; hop++) {
    if (hop > 0 && !policy.from.contains(client)) break
    const told = elements[elements.length - 1 - hop]
    const next = told?.for == null ? null : toldAddress(told.for)
    if (told === undefined || next === null) break
    client = next
    element = told
  }
  return { client, element }
}

/**
 * A scheme that is told without a port leaves ours meaningless (https on 8080): then it is the port in the host that the
 * client asked for, or the scheme's own.
 */
function schemeAndPort(
  own: Forwarded,
  told: Told,
  element: ForwardedElement | null,
): Pick<Forwarded, 'proto' | 'port'> {
  const proto = schemeOf(firstOf(told.proto)) ?? schemeOf(element?.proto ?? null)
  const port = portOf(firstOf(told.port))
  if (port !== null || proto === null) return { proto: proto ?? own.proto, port: port ?? own.port }
  const host = firstOf(told.host) ?? element?.host ?? told.authority ?? ''
  return { proto, port: portOf(/:([0-9]{1,5})$/.exec(host)?.[1] ?? null) ?? (proto === 'https' ? 443 : 80) }
}

/** The outermost forwarder's word. */
function firstOf(list: string | null): string | null {
  if (list === null) return null
  const comma = list.indexOf(',')
  return (comma === -1 ? list : list.slice(0, comma)).trim()
}

function schemeOf(text: string | null): 'http' | 'https' | null {
  const lower = text?.toLowerCase()
  return lower === 'http' || lower === 'https' ? lower : null
}

function portOf(text: string | null): number | null {
  if (text === null || !/^[0-9]{1,5}$/.test(text)) return null
  const port = Number(text)
  return port >= 1 && port <= 65_535 ? port : null
}
