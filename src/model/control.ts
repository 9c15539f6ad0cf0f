// The words of the control plane: what operators have said, the commands that change it, and where a change is in force.
import type { Rule, StoredRule } from './comparison.ts'
import type { RouteId, Side, UnitId } from './route.ts'
import type { EpochMs, Milliseconds, Percent, Revision } from './units.ts'

/** Who asks: a token's name, `break_glass`, `file`, `system`. */
export interface Actor {
  readonly name: string
  /** Id of the token that was shown; null where none was. Never the secret. */
  readonly tokenId: string | null
  readonly address: string | null
}

export interface Said {
  readonly by: string
  readonly at: EpochMs
  readonly reason: string | null
}

/** What operators said of one unit; the file's own words are not in here. */
export interface UnitState {
  /** null: the file's weight counts. */
  readonly weight: (Said & { readonly percent: Percent }) | null
  readonly frozen: Said | null
  /** First start with a declared weight above 0: effective 0 until somebody sets a weight or returns to the file. */
  readonly held: boolean
}

export type RollbackTrigger = 'operator' | 'autopilot' | 'break_glass'

/** In force until a restore ends it. `'*'` is every route, also those that come later. */
export interface Rollback extends Said {
  readonly id: string
  /** The unit and the ids of its routes at that time: a reload that regroups a route does not bring it back. */
  readonly units: '*' | readonly (UnitId | RouteId)[]
  /** Names for which a restore has ended it already: of a rollback of everything, routes come back one by one. */
  readonly restored: readonly (UnitId | RouteId)[]
  readonly trigger: RollbackTrigger
}

/** Whether a route is on legacy because of it; by its unit or by its own id. */
export function isInForce(rollback: Rollback, route: { readonly unit: UnitId; readonly id: RouteId }): boolean {
  const { units, restored } = rollback
  if (units === '*') return !restored.includes(route.unit) && !restored.includes(route.id)
  const stands = (name: string) => units.includes(name) && !restored.includes(name)
  return stands(route.unit) || stands(route.id)
}

/** The support desk gave a user a side, for a while. */
export interface StoredPin extends Said {
  readonly id: string
  readonly unit: UnitId
  /** Hash of the key (`hashOfKey` in routing/cohorts). */
  readonly key: string
  readonly side: Side
  readonly until: EpochMs
}

export const SCOPES = ['read', 'bodies', 'operate', 'rollback', 'admin'] as const
/** `admin` includes all others, `operate` includes `rollback` and `read`, `rollback` includes `read`. */
export type Scope = (typeof SCOPES)[number]

export interface Token {
  readonly id: string
  readonly name: string
  /** SHA-256 of the secret, hex; the secret itself is kept nowhere. */
  readonly hash: string
  readonly scopes: readonly Scope[]
  /** null: every route. */
  readonly routes: readonly RouteId[] | null
  readonly createdAt: EpochMs
  readonly expiresAt: EpochMs | null
}

export interface Ended {
  readonly id: string
  readonly at: EpochMs
}

/** The whole of what the store keeps for control. Immutable; a change makes a new one. */
export interface ControlState {
  readonly revision: Revision
  /** Secret of the split and of signed cookies. */
  readonly seed: string
  readonly units: Readonly<Record<UnitId, UnitState>>
  readonly rollbacks: readonly Rollback[]
  /** Ids of rollbacks that a restore has ended, for a while: one that comes late, from elsewhere, is not begun anew. */
  readonly ended: readonly Ended[]
  readonly pins: readonly StoredPin[]
  /** In the order they were added. Those of a route that is gone stay, and count again when it comes back. */
  readonly rules: readonly StoredRule[]
  readonly tokens: readonly Token[]
  /** The revision that last concerned a unit, or `*` all of them: what `If-Match` is compared with. */
  readonly changed: Readonly<Record<UnitId | '*', Revision>>
  /** A store that had lost its state was given it again, as far as revision `known`, and has it as `as`. */
  readonly givenAgain?: { readonly known: Revision; readonly as: Revision }
}

/** A unit of which nobody has said anything. */
export const UNTOUCHED: UnitState = { weight: null, frozen: null, held: false }

export function unitStateOf(state: ControlState, unit: UnitId): UnitState {
  return Object.hasOwn(state.units, unit) ? (state.units[unit] as UnitState) : UNTOUCHED
}

/** The revision of a unit, for its ETag. */
export function revisionOf(state: ControlState, unit: UnitId): Revision {
  const own = Object.hasOwn(state.changed, unit) ? (state.changed[unit] as Revision) : 0
  return Math.max(own, state.changed['*'] ?? 0)
}

export type Command = {
  readonly actor: Actor
  readonly reason: string | null
  /** Refuse as stale unless this is the unit’s revision (the store’s, for changes of no unit). Rollback never carries one. */
  readonly ifRevision?: Revision
} & (
  | { readonly type: 'set-weight'; readonly route: RouteId; readonly percent: Percent }
  | { readonly type: 'unset-weight'; readonly route: RouteId }
  | { readonly type: 'freeze'; readonly route: RouteId }
  | { readonly type: 'unfreeze'; readonly route: RouteId }
  | {
      readonly type: 'rollback'
      readonly id: string
      readonly route: RouteId | null
      readonly trigger: RollbackTrigger
    }
  | {
      readonly type: 'restore'
      /** null: every route. */
      readonly route: RouteId | null
      /** Ids that end; null: all that are in force for the route when the command is given, none that come after. */
      readonly rollbacks: readonly string[] | null
      readonly percent: Percent | null
    }
  | { readonly type: 'pin'; readonly route: RouteId; readonly pin: Pick<StoredPin, 'id' | 'key' | 'side' | 'until'> }
  | { readonly type: 'unpin'; readonly route: RouteId; readonly key: string }
  /** Changes nothing: whoever holds the link may pass, and the audit log says who made it. */
  | {
      readonly type: 'link'
      readonly route: RouteId
      readonly side: Side
      readonly until: EpochMs
      readonly audience: string | null
    }
  | { readonly type: 'add-rule'; readonly route: RouteId; readonly rule: Rule }
  | { readonly type: 'remove-rule'; readonly route: RouteId; readonly id: string }
  // Of what was found and learned, which is no control state: these change nothing here, and the audit log says who asked.
  | { readonly type: 'acknowledge'; readonly route: RouteId; readonly signature: string }
  /** The place as `NoiseView` names it. */
  | { readonly type: 'revoke-noise'; readonly route: RouteId; readonly place: string }
  /** A template that was suspended is asked again; null: all of the route. */
  | { readonly type: 'resume-shadow'; readonly route: RouteId; readonly template: string | null }
  /** Everything that is kept of a user; by `hashOfKey`. */
  | { readonly type: 'forget'; readonly keyHash: string }
  | { readonly type: 'rotate-seed'; readonly seed: string }
  | { readonly type: 'create-token'; readonly token: Token }
  | { readonly type: 'revoke-token'; readonly id: string }
  /** Each instance has a file of its own, so it says which. `paths`: the first of so many changes. */
  | {
      readonly type: 'reload'
      readonly source: string
      readonly instance: string
      readonly changes: number
      readonly paths: readonly string[]
    }
)

/** Where a change is in force, and whether it would survive a power cut. */
export interface Applied {
  readonly revision: Revision
  readonly elapsedMs: Milliseconds
  readonly durable: boolean
  readonly appliedBy: readonly { readonly instance: string; readonly worker: number; readonly ms: Milliseconds }[]
  readonly pending: readonly { readonly instance: string; readonly worker: number }[]
}

/** Where it is in force, of those who were told. */
export type Reached = Pick<Applied, 'appliedBy' | 'pending'>

/** A rollback that is in force here and of which nobody knows yet whether the store holds it, with its audit entry. Plain data. */
export interface Owed {
  readonly rollback: Rollback
  readonly draft: AuditDraft
}

/** What is written about a change, before it is chained. `before` and `after` are small JSON values, never secrets. */
export interface AuditDraft {
  readonly at: EpochMs
  readonly actor: Actor
  /** `store-behind`: the store had lost what was in force, and was given it again. */
  readonly action: Command['type'] | 'first-start' | 'store-behind'
  /** A route id, `*`, a token id …: what it was done to. */
  readonly subject: string
  readonly reason: string | null
  readonly before: unknown
  readonly after: unknown
  readonly revision: Revision
}

export interface AuditEntry extends AuditDraft {
  /** From 1, without gaps. */
  readonly seq: number
  /** Hash of the entry before; 64 zeros for the first. */
  readonly previous: string
  /** SHA-256, hex, over `previous` and the canonical JSON of the rest. */
  readonly hash: string
}
