// The inventory for people: a row for each method at each template, below it what is a trap for a migration.
import type { Inventory, InventoryEntry } from '../../inventory/sketch.ts'
import { type Column, count, type Look, millis, moment, orNothing, safe, table } from '../print.ts'

const SORTS = {
  rps: (a, b) => b.requests - a.requests,
  p95: (a, b) => (b.p95Ms ?? -1) - (a.p95Ms ?? -1),
  bytes: (a, b) => volume(b) - volume(a),
  template: (a, b) => (a.template < b.template ? -1 : a.template > b.template ? 1 : 0),
} as const satisfies Record<string, (a: InventoryEntry, b: InventoryEntry) => number>
export type InventorySort = keyof typeof SORTS
export const INVENTORY_SORTS = Object.keys(SORTS) as InventorySort[]

const STREAMS = { events: 'events', upgrade: 'upgrade', multipart: 'multipart', long: 'over 30s' } as const
const WRITES = { no: '–', method: 'yes', 'looks-like': 'BY SAFE METHOD' } as const
const MOST_TRAPS = 10

/** Stable: what is equal stays with most requests first. */
export function sorted(entries: readonly InventoryEntry[], sort: InventorySort): readonly InventoryEntry[] {
  return [...entries].sort(SORTS[sort])
}

export function inventoryView(
  inventory: Inventory,
  options: { readonly limit: number; readonly sort: InventorySort },
  look: Look,
): readonly string[] {
  const { entries, source } = inventory
  if (inventory.requests === 0)
    return [`no requests since ${momentOf(inventory.since)}: let some pass through the proxy`]
  const rows = sorted(entries, options.sort).slice(0, options.limit)
  const more = entries.length - rows.length
  return [
    headOf(inventory),
    '',
    ...table(columnsOf(source, isManyHosts(inventory)), rows, look),
    ...(more === 0
      ? []
      : [look.paint('dim', `and ${more} more: --limit ${Math.min(1000, entries.length)}, or --json`)]),
    ...section('Look twice', look, trapsOf(entries)),
    ...otherOf(inventory),
  ]
}

/** `0.02`, `3.4`, `120`. */
export function perSecond(value: number | null): string {
  if (value === null) return '–'
  return value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2)))
}

export function bytes(value: number | null): string {
  if (value === null) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10))
  const scaled = value / 1024 ** power
  return `${scaled >= 10 || power === 0 ? scaled.toFixed(0) : scaled.toFixed(1)}${units[power]}`
}

function columnsOf(source: Inventory['source'], manyHosts: boolean): readonly Column<InventoryEntry>[] {
  return [
    { title: 'METHOD', of: row => row.method },
    { title: 'TEMPLATE', cut: true, of: row => row.template, style: () => 'bold' },
    { title: 'PER SECOND', right: true, of: row => perSecond(row.perSecond) },
    { title: 'REQUESTS', right: true, of: row => String(Math.round(row.requests)) },
    { title: 'P95', right: true, of: row => millis(row.p95Ms) },
    { title: 'BYTES', right: true, of: row => bytes(row.answerBytes) },
    { title: 'CALLERS', right: true, of: row => String(row.callers) },
    {
      title: 'WRITES',
      of: row => WRITES[row.write],
      style: row => (row.write === 'looks-like' ? 'red' : row.write === 'method' ? 'yellow' : null),
    },
    // A log does not hold headers: its silence says nothing.
    {
      title: 'SESSION',
      cut: true,
      of: row => (source === 'log' && !row.sessionInPath ? '?' : orNothing(sessionOf(row))),
    },
    { title: 'STREAMS', of: row => (row.stream === null ? '–' : STREAMS[row.stream]) },
    { title: 'KIND', of: row => (row.kind === 'other' ? '–' : row.kind) },
    ...(manyHosts ? [{ title: 'HOSTS', cut: true as const, of: (row: InventoryEntry) => row.hosts.join(', ') }] : []),
  ]
}

function sessionOf(row: InventoryEntry): string {
  return [...row.sessionCookies, ...(row.sessionInPath ? ['in the path'] : [])].join(', ')
}

function volume(row: InventoryEntry): number {
  return row.answerBytes ?? -1
}

function headOf({ source, since, until, requests, sampled, hosts, entries }: Inventory): string {
  const total = Math.round(requests)
  const looked =
    sampled < total ? `about ${count(total, 'request')}, of which ${sampled} were looked at` : count(total, 'request')
  const where = hosts.length > 1 ? ` · ${count(hosts.length, 'host')}` : ''
  const methods = new Set(entries.map(({ template }) => template)).size
  const when = since === null ? 'without times' : `${momentOf(since)} to ${momentOf(until)}`
  return `${source === 'live' ? 'live' : 'from a log'} · ${when} · ${looked} · ${count(methods, 'template')}${safe(where)}`
}

function trapsOf(entries: readonly InventoryEntry[]): readonly string[] {
  const traps = entries.flatMap(row => [
    ...(row.write === 'looks-like'
      ? [`${row.method} ${row.template} looks like a write: ${row.writeSign ?? 'it says so'}; never shadow it unseen`]
      : []),
    ...(row.sessionInPath
      ? [`${row.method} ${row.template}: session ids in paths (;jsessionid=…), which match no literal route`]
      : []),
  ])
  const more = traps.length - MOST_TRAPS
  return [...traps.slice(0, MOST_TRAPS).map(safe), ...(more > 0 ? [`and ${more} more: --json`] : [])]
}

function otherOf({ other }: Inventory): readonly string[] {
  const lines = [
    ...(other.refused > 0
      ? [`${Math.round(other.refused)} requests for paths that were only ever refused (404 and its like)`]
      : []),
    ...(other.forgotten > 0
      ? [`${Math.round(other.forgotten)} requests of rare templates that gave way to busier ones`]
      : []),
  ]
  return lines.length === 0 ? [] : ['', ...lines.map(line => `besides: ${line}`)]
}

function isManyHosts({ hosts }: Inventory): boolean {
  return hosts.length > 1
}

function momentOf(at: number | null): string {
  return at === null ? '–' : moment(at)
}

function section(title: string, look: Look, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', look.paint('bold', title), ...lines]
}
