// Templates that are not asked any more, because asking them changes something: an answer that begins a session makes one for
// nobody with every copy, and one that sends to a login compares nothing. Each says why; an operator may resume it.

import { sessionCookieOf } from '../inventory/signs.ts'
import type { AnswerCopy } from '../model/comparison.ts'
import { headerOf } from '../model/exchange.ts'
import type { Route, RouteId, Side } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Suspension } from './view.ts'

const MOST = 1_000
const LOGIN =
  /(?:^|[/_.-])(?:log-?in|sign-?in|logon|signon|sso|saml2?|oauth2?|oidc|authorize|authenticate|session\/new)(?:$|[/?_.#-])/i

/** Plain data. */
export interface SuspensionsText {
  readonly suspended: readonly (Suspension & { readonly route: RouteId })[]
  readonly resumed: readonly string[]
}

export class Suspensions {
  readonly #suspended = new Map<string, Suspension & { readonly route: RouteId }>()
  /** An operator has said that they may be asked all the same. */
  readonly #resumed = new Set<string>()

  has(route: RouteId, side: Side, template: string): boolean {
    return this.#suspended.size > 0 && this.#suspended.has(keyOf(route, side, template))
  }

  /** True: it is suspended now. */
  suspend(route: RouteId, side: Side, template: string, why: string, since: EpochMs): boolean {
    const key = keyOf(route, side, template)
    if (this.#resumed.has(key) || this.#suspended.has(key)) return this.#suspended.has(key)
    if (this.#suspended.size >= MOST) return false
    this.#suspended.set(key, { route, side, template, why, since })
    return true
  }

  of(route: RouteId): readonly Suspension[] {
    return [...this.#suspended.values()]
      .filter(one => one.route === route)
      .map(({ template, side, why, since }) => ({ template, side, why, since }))
  }

  /** Both sides of a template. False: none was suspended. */
  resume(route: RouteId, template: string): boolean {
    const keys = (['legacy', 'new'] as const).map(side => keyOf(route, side, template))
    const found = keys.filter(key => this.#suspended.delete(key))
    for (const key of found) this.#resumed.add(key)
    return found.length > 0
  }

  /** All of it, for a process that is to know the same. */
  get all(): SuspensionsText {
    return { suspended: [...this.#suspended.values()], resumed: [...this.#resumed] }
  }

  restore({ suspended, resumed }: SuspensionsText): void {
    for (const one of suspended) this.#suspended.set(keyOf(one.route, one.side, one.template), one)
    for (const key of resumed) this.#resumed.add(key)
  }

  retain(routes: ReadonlySet<RouteId>): void {
    for (const [key, { route }] of this.#suspended) if (!routes.has(route)) this.#suspended.delete(key)
  }
}

/** Why asking for this answer changes something, or compares nothing; null: it does not. */
export function whySuspend(answer: AnswerCopy, { pin }: Route): string | null {
  for (let i = 0; i < answer.headers.length; i += 2) {
    if (answer.headers[i]?.toLowerCase() !== 'set-cookie') continue
    const value = answer.headers[i + 1] as string
    const own = pin?.session.find(name => value.trimStart().startsWith(`${name}=`)) ?? null
    const name = own ?? sessionCookieOf(value)
    if (name !== null) return `its answers set the session cookie ${name}`
  }
  if (answer.status < 300 || answer.status > 399) return null
  const location = headerOf(answer.headers, 'location')
  const path = location === null ? null : (location.split(/[?#]/, 1)[0] as string)
  return path !== null && LOGIN.test(path) ? 'its answers redirect to a login' : null
}

function keyOf(route: RouteId, side: Side, template: string): string {
  return `${route} ${side} ${template}`
}
