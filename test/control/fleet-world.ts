// Three instances on one store, in a time of its own: whole controls, a network that cuts, delays, doubles and reorders, a store
// that can be away, and everything that must never be, looked at after every step.
import { isDeepStrictEqual } from 'node:util'
import { splitOf } from '../../src/config/compile.ts'
import { type Control, type ControlParts, type Outcome, openControl } from '../../src/control/control.ts'
import {
  type AuditDraft,
  type Command,
  type ControlState,
  isInForce,
  type Owed,
  type Reached,
  type Rollback,
} from '../../src/model/control.ts'
import { BanyanError } from '../../src/model/errors.ts'
import type { Route } from '../../src/model/route.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import type { Revision } from '../../src/model/units.ts'
import { createMemoryDatabase, type SharedStore } from '../../src/store/memory.ts'
import { PLAN } from './make.ts'
import { createTime, type Time } from './virtual-time.ts'

export const NAMES = ['a', 'b', 'c'] as const
/** A route of each unit. */
export const ROUTES = ['orders', 'cart'] as const
type Name = (typeof NAMES)[number]

const WAIT_MS = 1_250
const BEAT_MS = 1_000

/** One transaction of the store, in its order. */
interface Committed {
  readonly state: ControlState
  readonly draft: AuditDraft
}

interface Asked {
  readonly on: Name
  readonly command: Command
  /** So much was stored when it was asked. */
  readonly after: number
  /** Rollbacks in force there then. */
  readonly standing: readonly string[]
  outcome: Outcome | BanyanError | 'lost' | null
}

interface Node {
  readonly name: Name
  readonly disk: { spill: Owed[]; copy: ControlState | null }
  /** Grows with each crash; what an older one does comes to nothing. */
  life: number
  control: Control | null
  opening: boolean
  /** null: nothing is in force yet. */
  state: ControlState | null
  seen: Revision
  /** Rollbacks that it has promised: answered or taken. */
  promised: Set<string>
  /** Must be in force when it is back. */
  expected: readonly Pair[]
  readonly waiting: Set<{ readonly key: string; readonly from: Set<Name>; readonly done: (name: Name) => void }>
  readonly runs: Map<Name, Revision>
}

type Pair = readonly [id: string, route: (typeof ROUTES)[number]]

export interface World {
  readonly time: Time
  readonly ask: (on: number, command: Command) => void
  readonly standing: (on: number) => readonly Rollback[]
  readonly everIssued: () => readonly string[]
  readonly crash: (on: number, keepsFile: boolean, downMs: number) => void
  readonly cutStore: (on: number | null, how: 'fail' | 'hold' | 'lose') => void
  readonly healStore: (on: number | null) => void
  readonly cutLink: (from: number, to: number) => void
  readonly healLinks: () => void
  readonly settle: () => Promise<void>
}

export async function createWorld(dice: () => number): Promise<World> {
  const time = createTime(check)
  const database = createMemoryDatabase({ now: () => time.now() })
  const ledger: Committed[] = []
  const asked: Asked[] = []
  const cut = new Set<string>()
  const held = new Map<Name, () => void>()
  /** Instances by whom a rollback is known, in memory or in a file. */
  const holders = new Map<string, Set<Name>>()
  const nodes = NAMES.map(
    (name): Node => ({
      name,
      disk: { spill: [], copy: null },
      life: 0,
      control: null,
      opening: false,
      state: null,
      seen: 0,
      promised: new Set(),
      expected: [],
      waiting: new Set(),
      runs: new Map(),
    }),
  )
  const ticking = new Set<Name>()
  for (const node of nodes) start(node)
  await time.pass(3_000)

  function othersOf(node: Node): readonly Node[] {
    return nodes.filter(one => one !== node)
  }

  // The network.

  function send(from: Node, to: Node, work: () => void): void {
    const copies = dice() < 0.15 ? 2 : 1
    for (let n = 0; n < copies; n++) {
      const delay = dice() < 0.15 ? dice() * 4_000 : dice() * 60
      time.after(delay, () => {
        if (!cut.has(`${from.name} ${to.name}`) && to.control !== null) work()
      })
    }
  }

  function wait(node: Node, key: string): Promise<Reached> {
    const missing = new Set(othersOf(node).map(({ name }) => name))
    const heard = new Set<Name>()
    return new Promise(resolve => {
      const entry = { key, from: heard, done: note }
      const finish = () => {
        node.waiting.delete(entry)
        resolve({
          appliedBy: [...heard].map(instance => ({ instance, worker: 1, ms: 1 })),
          pending: [...missing].map(instance => ({ instance, worker: 1 })),
        })
      }
      function note(name: Name): void {
        heard.add(name)
        missing.delete(name)
        if (missing.size === 0) finish()
      }
      node.waiting.add(entry)
      time.after(WAIT_MS, finish)
    })
  }

  function spreadOnce(node: Node, owed: Owed): void {
    for (const to of othersOf(node)) {
      send(node, to, () => {
        const { id } = owed.rollback
        const taken = to.control?.take(owed) ?? null
        if (taken === null) return
        if (!restoredSince(0, id) && !isHere(to, id)) fail(`${to.name} took ${id}, and it is not in force there`)
        // One of its own, not answered yet, comes back to it: that one is in no file yet.
        if (to.disk.spill.some(one => one.rollback.id === id)) to.promised.add(id)
        const life = to.life
        void taken.then(() => {
          if (to.life !== life) return
          send(to, node, () => {
            for (const one of [...node.waiting]) if (one.key === `rollback ${id}`) one.done(to.name)
          })
        })
      })
    }
  }

  async function follow(node: Node, revision: Revision | null): Promise<void> {
    const { control, life } = node
    if (control === null) return
    try {
      await control.follow(revision)
    } catch {
      return
    }
    if (node.life !== life) return
    const runs = control.stored()
    for (const to of othersOf(node)) {
      send(node, to, () => {
        to.runs.set(node.name, runs)
        for (const one of [...to.waiting]) {
          if (one.key.startsWith('revision') && Number(one.key.slice(9)) <= runs) one.done(node.name)
        }
      })
    }
  }

  // An instance.

  function start(node: Node): void {
    if (node.opening || node.control !== null) return
    node.opening = true
    const life = node.life
    const store = database.open(node.name)
    openControl(partsOf(node, store), PLAN).then(
      control => {
        if (node.life !== life) return
        node.control = control
        node.opening = false
        time.guard(() => stands(node, control.state()))
        node.expected = []
        store.shared.listen({
          heard() {},
          committed(from) {
            if (from === node.name || node.life !== life) return
            const { revision } = (ledger.at(-1) as Committed).state
            time.after(dice() < 0.15 ? dice() * 4_000 : dice() * 60, () => {
              // Some are not heard.
              if (node.life === life && dice() < 0.9) void follow(node, revision)
            })
          },
          lost() {},
          missed() {
            if (node.life === life) void follow(node, null)
          },
        })
      },
      () => {
        if (node.life === life) node.opening = false
      },
    )
    if (!ticking.has(node.name)) {
      ticking.add(node.name)
      beat(node)
    }
  }

  function beat(node: Node): void {
    time.after(BEAT_MS, () => {
      beat(node)
      if (node.control === null) return node.life % 2 === 0 ? start(node) : undefined
      for (const owed of node.control.owed()) spreadOnce(node, owed)
      const newest = Math.max(...othersOf(node).map(one => one.control?.stored() ?? 0))
      if (newest > node.control.stored()) void follow(node, newest)
    })
  }

  function partsOf(node: Node, store: SharedStore): ControlParts {
    const { name, disk, life } = node
    const lives = () => node.life === life
    const never = new Promise<never>(() => {})
    return {
      instance: name,
      clock: { now: () => 1_000_000 + time.now(), monotonic: () => time.now() },
      compile: (plan, state) => ({ plan, state }) as unknown as Snapshot,
      async swap(snapshot) {
        if (lives()) time.guard(() => swapped(node, (snapshot as unknown as { state: ControlState }).state))
        return { appliedBy: [{ instance: name, worker: 1, ms: 0 }], pending: [] }
      },
      running: async () => ({ appliedBy: [{ instance: name, worker: 1, ms: 0 }], pending: [] }),
      load: () => (lives() ? store.load() : never),
      commit(state, draft, after) {
        if (!lives()) return never
        // The store writes it as JSON in the transaction, and only there.
        const toJSON = () => {
          ledger.push({ state, draft })
          return state
        }
        const told = { ...state, toJSON }
        return store.commit(told as ControlState, draft, { after }).finally(() => (lives() ? undefined : never))
      },
      spill: {
        append(rollback, draft) {
          if (lives()) disk.spill.push({ rollback, draft })
        },
        read: async () => [...disk.spill],
        async clear() {
          if (lives()) disk.spill.length = 0
        },
        async reserve() {},
      },
      async probe() {},
      copy: {
        read: async () => disk.copy && { state: disk.copy, ours: true },
        write(state) {
          if (lives()) disk.copy = state
        },
        settled: async () => true,
        close: async () => {},
      },
      fleet: {
        spread(owed) {
          if (lives()) spreadOnce(node, owed)
          return wait(node, `rollback ${owed.rollback.id}`)
        },
        confirm(revision) {
          const reached = wait(node, `revision ${revision}`)
          for (const one of [...node.waiting]) {
            for (const [from, runs] of node.runs)
              if (one.key === `revision ${revision}` && runs >= revision) one.done(from)
          }
          return reached
        },
      },
      seed: () => 'seed',
      changed() {},
      log() {},
    }
  }

  // What must hold.

  function fail(what: string): never {
    const story = ledger.map(
      ({ state, draft }) =>
        `${state.revision} ${draft.action} ${draft.subject} ${draft.reason} ${JSON.stringify(draft.after)}`,
    )
    throw new Error(`${what}\nat ${time.now()} ms; stored:\n${story.join('\n')}`)
  }

  function isHere(node: Node, id: string): boolean {
    return node.state?.rollbacks.some(one => one.id === id) === true
  }

  /** A restore that names it and is of this route, or of all. */
  function endedSince(index: number, id: string, route: string): boolean {
    return ledger
      .slice(index)
      .some(
        ({ draft }) =>
          draft.action === 'restore' &&
          endedBy(draft).includes(id) &&
          (draft.subject === '*' || draft.subject === route),
      )
  }

  function restoredSince(index: number, id: string): boolean {
    return ledger.slice(index).some(({ draft }) => draft.action === 'restore' && endedBy(draft).includes(id))
  }

  function stands(node: Node, state: ControlState): void {
    for (const [id, route] of node.expected) {
      if (isOn(state, id, route) || endedSince(0, id, route)) continue
      fail(`${id} was in force for ${route} at ${node.name}, and is not after its restart`)
    }
  }

  function swapped(node: Node, state: ControlState): void {
    for (const [id, route] of pairsOf(node.state)) {
      if (!isOn(state, id, route) && !endedSince(0, id, route))
        fail(`${id} is not in force for ${route} at ${node.name} any more, and no restore named it`)
    }
    for (const { id } of state.rollbacks) {
      if (state.ended.some(one => one.id === id)) fail(`${id} is in force at ${node.name} and ended`)
      if (!holders.has(id)) holders.set(id, new Set())
      holders.get(id)?.add(node.name)
    }
    node.state = state
  }

  /** After every step: what runs is what the store's order says of the revision that it knows, but for rollbacks. */
  function check(): void {
    for (const node of nodes) {
      const { control, name } = node
      if (control === null) continue
      const state = control.state()
      if (state !== node.state) fail(`${name} says another state than the one that it swapped`)
      const stored = control.stored()
      if (stored < node.seen) fail(`${name} went back from ${node.seen} to ${stored}`)
      node.seen = stored
      const known = ledger.findLast(one => one.state.revision === stored)?.state
      if (known === undefined) fail(`${name} says that ${stored} is stored`)
      if (!isDeepStrictEqual(state.units, known.units)) fail(`${name} at ${stored} runs ${JSON.stringify(state.units)}`)
      for (const id of ROUTES) {
        const route = PLAN.byId.get(id) as Route
        const { effective } = splitOf(PLAN, route, state, 0)
        const allowed = pairsOf(state).some(([, other]) => other === id) ? 0 : splitOf(PLAN, route, known, 0).effective
        if (effective !== allowed) fail(`${name} gives ${id} ${effective} %, and not ${allowed} %`)
      }
    }
  }

  function answered(one: Asked, node: Node): void {
    const { command, outcome, after } = one
    if (!(outcome !== null && typeof outcome === 'object' && 'applied' in outcome)) return
    const entries = ledger.filter(({ draft }) => draft.reason === command.reason)
    if (command.type !== 'rollback') {
      if (!outcome.applied.durable) fail(`${command.reason} is not durable`)
      if (entries.length !== (outcome.change === null ? 0 : 1))
        fail(`${command.reason} was accepted, and is stored ${entries.length} times`)
      return
    }
    const { rollback } = outcome
    if (rollback === null) fail(`${command.reason} was answered without a rollback`)
    node.promised.add(rollback.id)
    const isStored = ledger.some(({ draft }) => idOf(draft) === rollback.id)
    if (outcome.applied.durable && !isStored) fail(`${rollback.id} is durable, and not stored`)
    for (const { instance } of outcome.applied.appliedBy) {
      if (
        !holders.get(rollback.id)?.has(instance as Name) &&
        !restoredSince(0, rollback.id) &&
        nodes.every(({ life }) => life === 0)
      ) {
        fail(`${rollback.id} was said to be in force at ${instance}`)
      }
    }
    const before = ledger.slice(0, after)
    for (const route of command.route === null ? ROUTES : ([command.route] as (typeof ROUTES)[number][])) {
      const wasEnded = before.some(
        ({ draft }) =>
          draft.action === 'restore' &&
          endedBy(draft).includes(rollback.id) &&
          (draft.subject === '*' || draft.subject === route),
      )
      if (wasEnded) fail(`${command.reason} was answered with ${rollback.id}, which had been ended before`)
      if (!isOn(node.state, rollback.id, route) && !endedSince(after, rollback.id, route))
        fail(`${rollback.id} is answered, and not in force for ${route}`)
    }
  }

  /** Entry by entry, from what it says alone. */
  function checkLedger(): void {
    const weights = new Map<string, number>()
    const frozen = new Set<string>()
    const reasons = new Set<string>()
    const rollbacks = new Set<string>()
    let before: ControlState | null = null
    for (const { state, draft } of ledger) {
      const { action, subject, reason } = draft
      if (reason !== null && reasons.has(reason)) fail(`${reason} has two entries`)
      if (reason !== null) reasons.add(reason)
      const id = idOf(draft)
      if (id !== null && rollbacks.has(id)) fail(`${id} has two entries`)
      if (id !== null) rollbacks.add(id)
      if (before !== null && state.revision <= before.revision) fail(`${state.revision} after ${before.revision}`)
      const one = asked.find(({ command }) => command.reason === reason)
      const unit = PLAN.byId.get(subject)?.unit ?? '*'
      if (action === 'set-weight' && one?.command.type === 'set-weight') weights.set(unit, one.command.percent)
      if (action === 'freeze') frozen.add(unit)
      if (action === 'unfreeze') frozen.delete(unit)
      for (const route of ROUTES) {
        const own = PLAN.byId.get(route)?.unit as string
        if ((state.units[own]?.weight?.percent ?? null) !== (weights.get(own) ?? null))
          fail(`${state.revision} lost the weight of ${own}`)
        if (frozen.has(own) !== ((state.units[own]?.frozen ?? null) !== null))
          fail(`${state.revision} lost that ${own} is frozen`)
      }
      const gone = pairsOf(before).filter(([rollback, route]) => !isOn(state, rollback, route))
      const meant =
        action === 'restore'
          ? pairsOf(before).filter(
              ([rollback, route]) => endedBy(draft).includes(rollback) && (subject === '*' || subject === route),
            )
          : []
      if (!isDeepStrictEqual(gone, meant))
        fail(`${state.revision} ended ${JSON.stringify(gone)}, and said ${JSON.stringify(meant)}`)
      if (one?.command.type === 'restore') {
        const { rollbacks: named } = one.command
        const allowed = named ?? one.standing
        const wrong = endedBy(draft).filter(rollback => !allowed.includes(rollback))
        if (wrong.length > 0) fail(`${reason} ended ${wrong}, which it did not name`)
      }
      const come = pairsOf(state).filter(([rollback, route]) => !isOn(before, rollback, route))
      if (come.some(([rollback]) => rollback !== id)) fail(`${state.revision} brought ${JSON.stringify(come)}`)
      before = state
    }
  }

  return {
    time,
    standing: on => (nodes[on] as Node).control?.state().rollbacks ?? [],
    everIssued: () => [...holders.keys()],
    ask(on, command) {
      const node = nodes[on] as Node
      const { control, life } = node
      if (control === null) return
      const standing = control.state().rollbacks.map(({ id }) => id)
      const one: Asked = { on: node.name, command, after: ledger.length, standing, outcome: null }
      asked.push(one)
      const end = (outcome: Outcome | BanyanError) => {
        one.outcome = node.life === life ? outcome : 'lost'
        if (node.life === life) time.guard(() => answered(one, node))
      }
      control.apply(command).then(end, error => {
        if (error instanceof BanyanError) return end(error)
        time.guard(() => {
          throw error
        })
      })
    },
    crash(on, keepsFile, downMs) {
      const node = nodes[on] as Node
      if (node.life % 2 === 1) return
      node.life++
      for (const one of asked) if (one.on === node.name) one.outcome ??= 'lost'
      node.expected = pairsOf(node.state).filter(
        ([id]) => keepsFile && (node.promised.has(id) || ledger.some(({ draft }) => idOf(draft) === id)),
      )
      // Before it was up again: what it had is on its disk still.
      if (node.control === null) node.expected = []
      for (const [id, who] of holders) if (!node.expected.some(([other]) => other === id)) who.delete(node.name)
      node.promised = new Set(node.expected.map(([id]) => id))
      if (!keepsFile) {
        node.disk.spill = []
        node.disk.copy = null
      } else node.disk.spill = [...node.disk.spill]
      node.control = null
      node.opening = false
      node.state = null
      node.seen = 0
      node.waiting.clear()
      node.runs.clear()
      time.after(downMs, () => {
        node.life++
        start(node)
      })
    },
    cutStore(on, how) {
      for (const name of on === null ? NAMES : [NAMES[on] as Name]) {
        if (how === 'fail') database.fail(true, name)
        else if (how === 'lose') database.loseAnswers(true, name)
        else if (!held.has(name)) held.set(name, database.hold(name))
      }
    },
    healStore,
    cutLink(from, to) {
      cut.add(`${NAMES[from]} ${NAMES[to]}`)
    },
    healLinks: () => cut.clear(),
    async settle() {
      healStore(null)
      cut.clear()
      await time.pass(20_000)
      check()
      checkLedger()
      const last = (ledger.at(-1) as Committed).state
      for (const { name, control, disk } of nodes) {
        if (control === null) fail(`${name} is not up`)
        if (control.owed().length > 0) fail(`${name} still owes ${control.owed().map(one => one.rollback.id)}`)
        if (!isDeepStrictEqual(control.state(), last))
          fail(`${name} has ${JSON.stringify(control.state())} and not ${JSON.stringify(last)}`)
        if (!control.healthy()) fail(`${name} is not healthy`)
        if (disk.spill.length > 0) fail(`${name} still keeps ${disk.spill.map(one => one.rollback.id)}`)
      }
      for (const [id, who] of holders) {
        if (who.size > 0 && !ledger.some(({ draft }) => idOf(draft) === id))
          fail(`${id} has no entry, and ${[...who]} had it`)
      }
      for (const { command, outcome, on } of asked) {
        const count = ledger.filter(({ draft }) => draft.reason === command.reason).length
        if (outcome === null) fail(`${command.reason} at ${on} was never answered`)
        const isRefused = outcome instanceof BanyanError && !outcome.code.startsWith('store_')
        if (isRefused && count > 0) fail(`${command.reason} was refused with ${outcome.code}, and is stored`)
      }
      const watch = database.open('watch')
      const entries = await watch.audit({ limit: 1_000, before: null })
      if (!(await watch.verifyAudit()).ok || entries.length !== ledger.length) fail('the audit log is not whole')
    },
  }

  function healStore(on: number | null): void {
    for (const name of on === null ? NAMES : [NAMES[on] as Name]) {
      database.fail(false, name)
      database.loseAnswers(false, name)
      held.get(name)?.()
      held.delete(name)
    }
  }
}

function pairsOf(state: ControlState | null): readonly Pair[] {
  return (state?.rollbacks ?? []).flatMap(rollback =>
    ROUTES.filter(id => isInForce(rollback, PLAN.byId.get(id) as Route)).map(id => [rollback.id, id] as const),
  )
}

function isOn(state: ControlState | null, id: string, route: string): boolean {
  return pairsOf(state).some(([other, on]) => other === id && on === route)
}

function endedBy({ after }: AuditDraft): readonly string[] {
  return (after as { ended?: readonly string[] } | null)?.ended ?? []
}

function idOf({ action, after }: AuditDraft): string | null {
  return action === 'rollback' ? (after as { rollback: string }).rollback : null
}
