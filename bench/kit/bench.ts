// What a question is, and what it is handed.
import type { Children } from './children.ts'
import type { Verdict } from './figures.ts'
import type { Turns } from './turns.ts'

export interface Bench {
  readonly children: Children
  /** Temporary, removed at the end. */
  readonly directory: string
  readonly turns: Turns
  readonly quick: boolean
  /** Directory for CPU profiles of Banyan; null: none. */
  readonly profile: string | null
  /** A line of the result. */
  print(text: string): void
  /** What goes on, for whoever waits. */
  told(text: string): void
}

export interface Question {
  readonly name: string
  /** One line for --help. */
  readonly asks: string
  run(bench: Bench): Promise<readonly Verdict[]>
}
