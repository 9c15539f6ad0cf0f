// What the paths of shadowed requests say, remembered: applications are asked for the same ones over and over, and each request
// needs to know.
import { LRUCache } from 'lru-cache'
import { actionInPath } from '../inventory/signs.ts'
import { templateOf } from '../inventory/template.ts'
import { normalisePath } from '../routing/target.ts'

const MOST = 5_000
const MOST_CHARACTERS = 1024 * 1024

export interface KnownPath {
  /** Normalised. */
  readonly path: string
  readonly template: string
  /** Asking for it looks as if it changed something, whatever the method. */
  readonly acts: boolean
}

export class Paths {
  readonly #known = new LRUCache<string, KnownPath>({
    max: MOST,
    maxSize: MOST_CHARACTERS,
    sizeCalculation: ({ path, template }, asked) => 1 + asked.length + path.length + template.length,
  })

  /** That are remembered. */
  get characters(): number {
    return this.#known.calculatedSize
  }

  of(target: string): KnownPath {
    const mark = target.indexOf('?')
    const asked = mark === -1 ? target : target.slice(0, mark)
    let known = this.#known.get(asked)
    if (known === undefined) {
      const path = normalisePath(asked)
      known = { path, template: templateOf(path), acts: actionInPath(path.split('/').slice(1)) !== null }
      this.#known.set(asked, known)
    }
    return known
  }
}

/** null: there is none. */
export function queryOf(target: string): string | null {
  const mark = target.indexOf('?')
  return mark === -1 ? null : target.slice(mark + 1)
}
