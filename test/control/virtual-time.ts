// Time that passes when it is told to: everything that waits with setTimeout waits in it.

export interface Time {
  now(): number
  after(ms: number, work: () => void): void
  /** Until everything that is due by then has been done, with what follows from it. */
  pass(ms: number): Promise<void>
  /** What it throws ends the run. */
  guard(work: () => void): void
  /** Gives the real timers back. */
  end(): void
}

interface Timer {
  readonly at: number
  readonly work: () => void
}

/** @param check after every step */
export function createTime(check: () => void): Time {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  let now = 0
  let failure: { readonly error: unknown } | null = null
  /** In the order they were set. */
  const timers = new Set<Timer>()

  function after(ms: number, work: () => void): Timer {
    const timer = { at: now + Math.max(0, ms), work, unref: () => timer, ref: () => timer }
    timers.add(timer)
    return timer
  }

  function guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      failure ??= { error }
    }
  }

  async function step(): Promise<void> {
    // Promises first, all of them.
    await new Promise(resolve => setImmediate(resolve))
    guard(check)
    if (failure !== null) throw failure.error
  }

  globalThis.setTimeout = ((work: (...all: unknown[]) => void, ms = 0, ...all: unknown[]) =>
    after(ms, () => work(...all))) as never
  globalThis.clearTimeout = ((timer: never) => (timers.delete(timer) ? undefined : real.clearTimeout(timer))) as never

  return {
    now: () => now,
    after,
    guard,
    async pass(ms) {
      const end = now + ms
      await step()
      for (;;) {
        let next: Timer | null = null
        for (const timer of timers) if (timer.at <= end && (next === null || timer.at < next.at)) next = timer
        if (next === null) break
        timers.delete(next)
        now = Math.max(now, next.at)
        guard(next.work)
        await step()
      }
      now = end
    },
    end() {
      Object.assign(globalThis, real)
    },
  }
}
