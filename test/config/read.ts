// Shared by the tests of this room: a text in, mistakes out as one line each.
import { type Loaded, loadText } from '../../src/config/load.ts'
import type { Mistake } from '../../src/model/errors.ts'

export const ENV = { TEN: '10', NAME: 'mono', EMPTY: '', SECRET: 'geheim' }

export function read(text: string, more: { interpolate?: boolean } = {}): Promise<Loaded> {
  return loadText({ text, file: 'routes.yaml', interpolate: true, env: ENV, ...more })
}

/** `line:column /path message`, `!` in front of warnings. */
export function lineOf({ line, column, path, message, level }: Mistake): string {
  return `${level === 'warning' ? '! ' : ''}${line}:${column} ${path} ${message}`
}

export async function linesOf(text: string): Promise<readonly string[]> {
  return (await read(text)).mistakes.map(lineOf)
}
