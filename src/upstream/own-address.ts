// Whether a backend's address could be our own listener: only towards those is the loop mark sent.
import { hostname, networkInterfaces } from 'node:os'
import type { Backend } from '../model/route.ts'

/** One of its addresses has our own port, and a host that is of this machine or a name that may be. */
export function couldBeUs(port: { readonly current: number }): (backend: Backend) => boolean {
  const known = new WeakMap<Backend, { readonly port: number; readonly answer: boolean }>()
  return function isPerhapsUs(backend) {
    const seen = known.get(backend)
    if (seen !== undefined && seen.port === port.current) return seen.answer
    const own = new Set(['0.0.0.0', '::', 'localhost', hostname().toLowerCase()])
    for (const list of Object.values(networkInterfaces())) for (const one of list ?? []) own.add(one.address)
    const answer = backend.origins.some(origin => {
      const url = new URL(origin)
      const asked = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
      const name = url.hostname.replace(/^\[|\]$/g, '')
      return asked === port.current && (own.has(name) || name.startsWith('127.') || !/^[\d.:]+$/.test(name))
    })
    known.set(backend, { port: port.current, answer })
    return answer
  }
}
