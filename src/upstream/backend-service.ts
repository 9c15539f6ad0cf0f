// The way into a backend, for one role: past the circuit, through the gate, to an address.
//
// circuit → gate → (the addresses are known) → place. Where there is no circuit, room in the gate and an address, that is
// one turn and one small object.
import type { Role } from '../model/route.ts'
import type { Address } from './address.ts'
import { type Circuit, REFUSED } from './circuit.ts'
import { type Gate, RANKS, type Rank, Waiter } from './gate.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { Entrant, Outcome, Place, Service } from './service.ts'
import type { Site } from './site.ts'

export interface ServiceParts {
  readonly role: Role
  readonly site: Site
  /** null: no limit. */
  readonly gate: Gate | null
  /** null: off, or not for this role. */
  readonly circuit: Circuit | null
  readonly budget: RetryBudget
}

const NOTHING = (): void => {}

export class BackendService implements Service {
  readonly role: Role
  readonly site: Site
  readonly gate: Gate | null
  readonly circuit: Circuit | null
  readonly #budget: RetryBudget
  readonly #rank: Rank

  constructor({ role, site, gate, circuit, budget }: ServiceParts) {
    this.role = role
    this.site = site
    this.gate = gate
    this.circuit = circuit
    this.#budget = budget
    this.#rank = RANKS[role]
  }

  get isOpen(): boolean {
    return this.circuit !== null && !this.circuit.admits
  }

  get hasChoice(): boolean {
    return this.site.addresses.length > 1
  }

  enter(entrant: Entrant): () => void {
    if (this.isOpen) {
      this.#refuseByCircuit(entrant)
      return NOTHING
    }
    if (this.gate !== null && !this.gate.pass(this.#rank)) {
      const waiting = new Queued(this, this.gate, this.#rank, entrant)
      this.gate.wait(waiting)
      return waiting.leave
    }
    return this.place(entrant)
  }

  get allowsRetry(): boolean {
    return this.#budget.allows
  }

  /** Inside the gate. */
  place(entrant: Entrant): () => void {
    const address = entrant.again instanceof Ticket ? entrant.again.at : this.site.choose(entrant.stick, entrant.avoid)
    if (address !== null) {
      this.#admit(entrant, address)
      return NOTHING
    }
    let isOver = false
    const stop = this.site.whenKnown(failure => {
      isOver = true
      const found = failure === null ? this.site.choose(entrant.stick, entrant.avoid) : null
      if (found !== null) this.#admit(entrant, found)
      else this.#refuseByName(entrant, failure ?? 'no address is known')
    })
    return () => {
      if (isOver) return
      isOver = true
      stop()
      this.gate?.leave(this.#rank)
    }
  }

  over(address: Address, generation: number, isSecondTry: boolean, outcome: Outcome): void {
    address.inFlight--
    if (this.role !== 'shadow') this.#budget.left(isSecondTry)
    if (this.circuit !== null) {
      const ok = isOk(outcome)
      if (ok === null) this.circuit.unheard(generation)
      else this.circuit.told(generation, ok)
    }
    this.site.told(address, outcome, this.role)
    // Last: whoever is let in next has to see what has just been learnt.
    this.gate?.leave(this.#rank)
  }

  #admit(entrant: Entrant, address: Address): void {
    const generation = this.circuit === null ? 0 : this.circuit.admit()
    if (generation === REFUSED) {
      // It has opened while this one waited.
      this.gate?.leave(this.#rank)
      this.#refuseByCircuit(entrant)
      return
    }
    address.inFlight++
    // Shadows are never repeated.
    if (this.role !== 'shadow') this.#budget.entered(entrant.isSecondTry)
    const { balance } = this.site.backend
    const stick = balance.kind === 'cookie' && entrant.stick !== address.stick ? address.stick : null
    entrant.admitted(new Ticket(this, address, generation, stick, entrant.isSecondTry))
  }

  #refuseByCircuit(entrant: Entrant): void {
    entrant.refused('circuit', 'too many requests had failed; it is tried again soon')
  }

  #refuseByName(entrant: Entrant, why: string): void {
    this.circuit?.told(this.circuit.admit(), false)
    this.gate?.leave(this.#rank)
    entrant.refused('connect', why)
  }
}

class Ticket implements Place {
  readonly address: string
  readonly pool: Place['pool']
  readonly stick: string | null
  readonly at: Address
  readonly #service: BackendService
  readonly #generation: number
  readonly #isSecondTry: boolean

  constructor(service: BackendService, at: Address, generation: number, stick: string | null, isSecondTry: boolean) {
    this.address = at.name
    this.pool = at.pool(service.role)
    this.stick = stick
    this.at = at
    this.#service = service
    this.#generation = generation
    this.#isSecondTry = isSecondTry
  }

  over(outcome: Outcome): void {
    this.#service.over(this.at, this.#generation, this.#isSecondTry, outcome)
  }
}

class Queued extends Waiter {
  readonly #service: BackendService
  readonly #gate: Gate
  readonly #entrant: Entrant
  #leavePlace = NOTHING

  constructor(service: BackendService, gate: Gate, rank: Rank, entrant: Entrant) {
    super(rank)
    this.#service = service
    this.#gate = gate
    this.#entrant = entrant
  }

  leave = (): void => {
    this.#gate.withdraw(this)
    this.#leavePlace()
  }

  admitted(): void {
    this.#leavePlace = this.#service.place(this.#entrant)
  }

  refused(why: 'full' | 'late'): void {
    const { limit, queue } = this.#gate
    const detail =
      why === 'full'
        ? `${limit} requests are under way and the queue of ${queue.size} is full`
        : `${limit} requests were under way for ${queue.waitMs} ms`
    this.#entrant.refused('busy', detail)
  }
}

/** null: it says nothing of the backend. */
function isOk(outcome: Outcome): boolean | null {
  switch (outcome.kind) {
    case 'given-up':
      return null
    case 'answer':
      return outcome.status < 500
    case 'failure':
      return outcome.stale === true ? null : false
  }
}
