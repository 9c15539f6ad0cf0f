// What a case is: one sentence about what a proxy does, where it comes from, and a run that throws if it does not.
import type { Scene } from './scene.ts'
import type { Source } from './sources.ts'

/** How the proxy has to be set up. `plain` forwards everything to the one backend, with all its defaults. */
export const SETUPS = ['plain', 'standard', 'impatient', 'lenient', 'old'] as const

export type Setup = (typeof SETUPS)[number]

export interface Case {
  /** Stable: pages, deviations and `--only` name it. */
  readonly id: string
  readonly group: string
  readonly title: string
  readonly source: readonly Source[]
  readonly setup: Setup
  /** It needs the pool of upstream connections, or the listener of the backend, for itself. */
  readonly alone: boolean
  run(scene: Scene): Promise<void>
}

export interface Draft {
  readonly title: string
  readonly source: readonly Source[]
  readonly setup?: Setup
  readonly alone?: boolean
  run(scene: Scene): Promise<void>
}

/** Drafts by the last part of their id. */
export function group(name: string, drafts: Readonly<Record<string, Draft>>): Case[] {
  return Object.entries(drafts).map(([key, draft]) => ({
    id: `${name}/${key}`,
    group: name,
    title: draft.title,
    source: draft.source,
    setup: draft.setup ?? 'plain',
    alone: draft.alone ?? false,
    run: scene => draft.run(scene),
  }))
}
