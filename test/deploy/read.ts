// The files of deploy/ and the Dockerfile as tests look at them.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAllDocuments } from 'yaml'

export const ROOT = join(import.meta.dirname, '../..')

// biome-ignore lint/suspicious/noExplicitAny: they are foreign formats, and a test that looks for what is not there fails anyway
export type Tree = any

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Paths from the root, of files whose name ends so. */
export function filesOf(folder: string, ending: string): readonly string[] {
  const found = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
  return found
    .filter(entry => entry.isFile() && entry.name.endsWith(ending))
    .map(entry => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
}

/** Throws when one does not parse, or warns. */
export function documentsOf(path: string): readonly Tree[] {
  return parseAllDocuments(textOf(path), { merge: true }).map(document => {
    const [trouble] = [...document.errors, ...document.warnings]
    if (trouble !== undefined) throw new Error(`${path}: ${trouble.message}`)
    return document.toJS()
  })
}

export function yamlOf(path: string): Tree {
  return documentsOf(path)[0]
}

/** The port of `host:port`, or of `dns:name:port`. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

/** `90s`, `1m`. Seconds. */
export function secondsOf(duration: string): number {
  const [, number = '', unit = ''] = /^([0-9]+)(s|m)$/.exec(duration) ?? []
  return Number(number) * (unit === 'm' ? 60 : 1)
}

/** `192`, `1g`, `1Gi`, `256Mi`. MiB. */
export function mebibytesOf(size: string): number {
  const [, number = '', unit = ''] = /^([0-9]+)(m|g|Mi|Gi)$/.exec(size) ?? []
  return Number(number) * (/^g/i.test(unit) ? 1024 : 1)
}

/** MiB that the heaps of one replica may have together: of every worker and of the process that keeps house. */
export function heapsOf(nodeOptions: string, workers: number): number {
  const heap = Number(/^--max-old-space-size=([0-9]+)$/.exec(nodeOptions)?.[1])
  return heap * (workers === 1 ? 1 : workers + 1)
}

/** Instructions of its last stage, by name; lines that go on are one. */
export function imageOf(dockerfile: string): (instruction: string) => readonly string[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line !== '')
  const last = lines.slice(lines.findLastIndex(line => line.startsWith('FROM ')))
  return instruction =>
    last.filter(line => line.startsWith(`${instruction} `)).map(line => line.slice(instruction.length + 1))
}
