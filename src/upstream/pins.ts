// Connections that belong to one client for its life: NTLM and Negotiate prove who somebody is to a connection, not to a
// request, so whoever got another's connection would be that user. Never pooled, never retried, never shared.
import type { Backend } from '../model/route.ts'
import type { Connection } from './connection.ts'
import type { Place } from './service.ts'

export interface Pinned {
  readonly connection: Connection
  readonly place: Place
}

export class Pins {
  #pinned: Map<Backend, Pinned> | null = null
  /** Backends that may know this client by its connection. */
  #bound: Set<Backend> | null = null

  of(backend: Backend): Pinned | null {
    if (this.#pinned === null) return null
    const pinned = this.#pinned.get(backend)
    this.#pinned.delete(backend)
    return pinned?.connection.usable ? pinned : null
  }

  /**
   * Whether a connection stays with the client after this answer; once it has, it always does. `binds`: the answer
   * challenged, or the request brought such credentials by itself.
   */
  keeps(backend: Backend, binds: boolean): boolean {
    if (binds) {
      this.#bound ??= new Set()
      this.#bound.add(backend)
    }
    return this.#bound?.has(backend) ?? false
  }

  keep(backend: Backend, pinned: Pinned): void {
    this.#pinned ??= new Map()
    this.#pinned.set(backend, pinned)
  }

  /** The client is gone. */
  destroy(): void {
    for (const { connection } of this.#pinned?.values() ?? []) connection.destroy()
    this.#pinned = null
  }
}
