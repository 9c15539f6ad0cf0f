// Runs the files of a room in one process, one after another: a process of its own costs each of them more than what most of them
// test. Those that need one (they count what a process has, or take minutes by themselves) are named in .taprc and left out here.
import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '..')

/** Files and patterns that tap starts. */
export function included(): readonly string[] {
  return parse(readFileSync(join(ROOT, '.taprc'), 'utf8')).include
}

const filesOf = (patterns: readonly string[]): readonly string[] =>
  globSync([...patterns], { cwd: ROOT }).map(file => file.split(sep).join('/'))

/** Patterns are below `test/`. */
export function roomFiles(patterns: readonly string[]): readonly string[] {
  const alone = new Set(filesOf(included()))
  return filesOf(patterns.map(pattern => `test/${pattern}`))
    .filter(file => !alone.has(file))
    .sort()
}

export async function room(...patterns: readonly string[]): Promise<void> {
  // Every test has its own limit, and so has every file when it runs alone.
  t.setTimeout(600_000)
  for (const file of roomFiles(patterns)) {
    t.comment(file)
    await import(pathToFileURL(join(ROOT, file)).href)
    // Waits for all of its tests: what the next file sets up when it is loaded must not meet them.
    await t.test(`that was ${file}`, { buffered: false }, async t => t.pass(file))
    t.jobs = 1
  }
}
