// Who is under way. A Set would do, but for the garbage collector: with members that come and go by the thousand, V8 replaces a
// Set's table again and again, each old table keeps its members and points to the next one, and as soon as one of them has grown
// old, all members that ever come are kept, and moved, until the next collection of everything.

export interface Member {
  /** In the roster, which alone changes it. */
  place: number
}

export const NOWHERE = -1

export class Roster<M extends Member> {
  readonly #members: M[] = []

  add(member: M): void {
    if (member.place !== NOWHERE) return
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** One that is not there is no mistake. */
  delete(member: M): void {
    const { place } = member
    if (place === NOWHERE) return
    member.place = NOWHERE
    const last = this.#members.pop() as M
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Those of now, whatever becomes of them meanwhile. */
  all(): readonly M[] {
    return [...this.#members]
  }
}
