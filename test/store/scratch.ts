// A directory of its own for one test, gone when the test is over.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Takes the top `t` as well, whose type is not quite a Test. */
export function scratch(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-store-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
