// Address ranges: who may be believed and who may override.
import { BlockList, isIP } from 'node:net'
import type { Networks } from '../model/route.ts'

/** Ranges as `10.0.0.0/8`, `fd00::/8` or single addresses. Texts were checked by the configuration; a wrong one throws. */
export function networks(texts: readonly string[]): Networks {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', bits] = text.split('/')
    const version = isIP(address)
    if (version === 0) throw new TypeError(`not an address range: ${text}`)
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return {
    texts,
    contains(address) {
      const plain = plainAddress(address)
      const version = isIP(plain)
      return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
    },
  }
}

/** `::ffff:10.0.0.1` is 10.0.0.1; a zone (`%eth0`) is dropped. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%')
  const bare = zone === -1 ? address : address.slice(0, zone)
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare
}
