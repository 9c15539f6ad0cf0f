// Bytes that many share. Anyone may have what nobody else needs; when all is taken, who has less than an equal share gets room
// from who has most, and who has more gets none: no one can crowd out the others.
import type { Bytes } from '../model/units.ts'

export interface Tenant {
  readonly bytes: Bytes
  /** At least so much, if it has so much; tells the space. */
  giveUp(bytes: Bytes): void
}

export class Space {
  readonly total: Bytes
  readonly #tenants = new Set<Tenant>()
  /** Of all tenants: each says by how much it grew or shrank. */
  used: Bytes = 0

  constructor(total: Bytes) {
    this.total = total
  }

  enter(tenant: Tenant): void {
    this.#tenants.add(tenant)
  }

  /** It has given up everything. */
  leave(tenant: Tenant): void {
    this.#tenants.delete(tenant)
  }

  /** Whether the tenant may grow by so much. */
  admits(tenant: Tenant, bytes: Bytes): boolean {
    if (this.#short(bytes) === 0) return true
    if (tenant.bytes + bytes > this.total / this.#tenants.size) return false
    for (let i = 0; i < this.#tenants.size && this.#short(bytes) > 0; i++) this.#largest().giveUp(this.#short(bytes))
    return this.#short(bytes) === 0
  }

  #short(bytes: Bytes): Bytes {
    return Math.max(0, this.used + bytes - this.total)
  }

  #largest(): Tenant {
    return [...this.#tenants].reduce((one, other) => (other.bytes > one.bytes ? other : one))
  }
}
