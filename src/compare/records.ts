// Bodies that are a sequence of records, as trees: lines of JSON, event streams, forms.
import type { Meter } from './json/meter.ts'
import { type Json, type Read, readJson } from './json/read.ts'

/** Before each record of a sequence. */
const RECORD_SEPARATOR = '\u001e'

/** NDJSON, JSON lines and JSON text sequences (RFC 7464): an array of records. */
export function readLines(text: string, meter: Meter): Read | { readonly wrong: string } {
  const tree: Json[] = []
  const duplicates: string[] = []
  for (const line of text.replaceAll(RECORD_SEPARATOR, '\n').split('\n')) {
    meter.steps(line.length)
    if (line.trim() === '') continue
    const read = readJson(line)
    if ('wrong' in read) return { wrong: `record ${tree.length}` }
    for (const pointer of read.duplicates) duplicates.push(`/${tree.length}${pointer}`)
    tree.push(read.tree)
  }
  return { tree, duplicates }
}

/** An event stream: an array of what its events say; their data as JSON where it is. Comments keep a connection open and say nothing. */
export function readEvents(text: string, meter: Meter): Read {
  const tree: Json[] = []
  const duplicates: string[] = []
  let fields = new Map<string, string>()
  const end = () => {
    if (fields.size === 0) return
    const event: { [name: string]: Json } = {}
    for (const [name, value] of fields) {
      const read = name === 'data' ? readJson(value) : { wrong: 'not tried' }
      event[name] = 'wrong' in read ? value : read.tree
      if (!('wrong' in read)) duplicates.push(...read.duplicates.map(pointer => `/${tree.length}/data${pointer}`))
    }
    tree.push(event)
    fields = new Map()
  }
  for (const line of text.split(/\r\n|\n|\r/)) {
    meter.steps(line.length)
    if (line === '') end()
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    if (!['event', 'data', 'id', 'retry'].includes(name)) continue
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    const before = name === 'data' ? fields.get(name) : undefined
    fields.set(name, before === undefined ? value : `${before}\n${value}`)
  }
  end()
  return { tree, duplicates }
}

/** Both sides' forms: a name that comes several times in either is an array in both. */
export function readForms(legacy: string, fresh: string): readonly [Read, Read] {
  const [ours, theirs] = [valuesOf(legacy), valuesOf(fresh)]
  const isList = (name: string) => (ours.get(name)?.length ?? 0) > 1 || (theirs.get(name)?.length ?? 0) > 1
  const treeOf = (form: ReadonlyMap<string, readonly string[]>): Read => {
    const entries = [...form].map(([name, values]) => [name, isList(name) ? values : (values[0] as string)] as const)
    return { tree: Object.fromEntries(entries), duplicates: [] }
  }
  return [treeOf(ours), treeOf(theirs)]
}

function valuesOf(form: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(form.trim())) {
    const before = values.get(name)
    if (before === undefined) values.set(name, [value])
    else before.push(value)
  }
  return values
}
