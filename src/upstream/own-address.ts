// Whether a backend's address could be our own listener: only towards those is the loop mark sent.
import { hostname, networkInterfaces } from 'node:os'
import type { Backend } from '../model/route.ts'

/** A backend on our own port, at an address of this machine or a name that may be one. */
export function couldBeUs(port: { readonly current: number }): (backend: Backend) => boolean {
  const known = new WeakMap<Backend, { readonly port: number; readonly answer: boolean }>()
  return function isPerhapsUs(backend) {
    const seen = known.get(backend)
    if (seen !== undefined && seen.port === port.current) return seen.answer
    const url = new URL(backend.origin)
    const asked = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    const name = url.hostname.replace(/^\[|\]$/g, '')
    const own = new Set(['0.0.0.0', '::', 'localhost', hostname().toLowerCase()])
    for (const list of Object.values(networkInterfaces())) for (const one of list ?? []) own.add(one.address)
    const answer = asked === port.current && (own.has(name) || name.startsWith('127.') || !/^[\d.:]+$/.test(name))
    known.set(backend, { port: port.current, answer })
    return answer
  }
}
