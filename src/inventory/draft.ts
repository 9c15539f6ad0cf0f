// A first routes.yaml out of an inventory: one route with a legacy side only for each template, with what was seen of it in
// comments, and the questions that only people can answer. Everything goes on to legacy, as without the file.
//
// Texts in it come from traffic, that is from anybody: values are double-quoted JSON strings of ASCII, which YAML reads as they
// are; comments are one line, printable. test/inventory/draft.test.ts lets `check` read what hostile paths make of it.

import { STREAMS } from './signs.ts'
import type { Inventory, InventoryEntry } from './sketch.ts'

export interface DraftOptions {
  /** null: not known, a question in the file. */
  readonly legacy: readonly string[] | null
  /** null: the default. */
  readonly listen: string | null
  /** What it was made from, in a few words. */
  readonly from: string
  /** Further lines for the top. */
  readonly notes: readonly string[]
}

export interface Draft {
  readonly text: string
  readonly routes: number
  /** Templates that have no route of their own. */
  readonly left: number
}

export const MOST_ROUTES = 200
const MAX_ID = 56
const MAX_COMMENT = 200
const STANDS_FOR_LEGACY = 'http://127.0.0.1:3001'

/** One template with all of its methods. */
interface Place {
  readonly template: string
  readonly entries: readonly InventoryEntry[]
  readonly requests: number
}

interface Chapter {
  readonly title: string
  readonly holds: (place: Place) => boolean
}

/** A place stands in the first that holds it; in the file, the last one comes first. */
const CHAPTERS: readonly Chapter[] = [
  {
    title: 'Static files: the same for everybody; best moved together with the pages that name them',
    holds: place => place.entries.every(({ kind }) => kind === 'assets'),
  },
  {
    title: 'Writes: last to move, and only after the question of `data:` is answered',
    holds: place => place.entries.some(({ write }) => write === 'method'),
  },
  {
    title:
      'A safe method, and yet it looks like a write, starts a session, or streams: look twice before it is shadowed or moved',
    holds: place => place.entries.some(needsALook),
  },
  { title: 'Read-only, busiest first: candidates to move first', holds: () => true },
]

export function draftOf(inventory: Inventory, options: DraftOptions): Draft {
  const places = placesOf(inventory.entries)
  const chosen = places.slice(0, MOST_ROUTES)
  const ids = new Set<string>()
  const groups = groupsOf(chosen)
  const chapters = CHAPTERS.toReversed().flatMap(chapter => {
    const own = chosen.filter(place => CHAPTERS.find(({ holds }) => holds(place)) === chapter)
    const routes = own.flatMap(place => ['', ...routeOf(place, ids, groups)])
    return own.length === 0 ? [] : ['', `  # ---- ${chapter.title}`, ...routes]
  })
  const left = places.length - chosen.length
  const lines = [
    ...headOf(inventory, options, left),
    ...(chapters.length === 0 ? ['routes: []'] : ['routes:', ...chapters.slice(1)]),
  ]
  return { text: `${lines.join('\n')}\n`, routes: chosen.length, left }
}

function headOf(inventory: Inventory, options: DraftOptions, left: number): readonly string[] {
  const { requests, other, hosts } = inventory
  const more = [
    ...(left > 0 ? [`${left} rarer templates have no route of their own: \`default: legacy\` serves them.`] : []),
    ...(other.refused > 0
      ? [`${amount(other.refused)} requests for paths that were only ever refused are left out.`]
      : []),
    ...(hosts.length > 1
      ? [
          `Hosts: ${hosts
            .slice(0, 8)
            .map(({ host }) => host)
            .join(', ')}; every route here is for any host (\`match: { host: … }\`).`,
        ]
      : []),
    ...options.notes,
  ]
  const urls = options.legacy ?? []
  return [
    '# Made by `banyan init`. Everything goes to legacy, as without this file: nothing changes until a route gets a new side.',
    comment('#', `From ${options.from}: ${amount(requests)} requests.`),
    ...more.map(text => comment('#', text)),
    '#',
    '# To move a route: give it `new:`, answer `data:`, then `banyan check`, `banyan config reload`, `banyan weight <route> 1`.',
    '# data: separate = each side has its own data, writes stay with legacy; shared = one database, writes follow the user.',
    '',
    'proxy:',
    options.listen === null ? '  listen: 0.0.0.0:8080' : `  listen: ${quoted(options.listen)}`,
    '',
    'backends:',
    ...(options.legacy === null ? ['  # ? Where is the legacy? LEGACY_URL, or write it here.'] : []),
    urls.length > 1
      ? `  legacy: { urls: [${urls.map(quoted).join(', ')}] }`
      : `  legacy: { url: ${urls[0] === undefined ? `"\${LEGACY_URL:-${STANDS_FOR_LEGACY}}"` : quoted(urls[0])} }`,
    `  # new: { url: "http://10.0.0.9:3002" }`,
    '',
    'default: legacy # what no route matches',
    '',
  ]
}

function routeOf(place: Place, ids: Set<string>, groups: ReadonlyMap<string, string>): readonly string[] {
  const group = groups.get(place.template)
  return [
    ...place.entries.map(entry => comment('  #', seenText(entry))),
    ...place.entries.flatMap(entry => signsOf(entry).map(text => comment('  #', `${entry.method}: ${text}`))),
    `  - id: ${plain(idOf(place.template, ids))}`,
    `    match: { path: ${quoted(place.template)} }`,
    '    legacy: legacy',
    '    # new: new',
    '    # data: ? separate or shared',
    ...(group === undefined ? [] : [`    # group: ${plain(group)}`]),
  ]
}

function seenText(entry: InventoryEntry): string {
  const { method, perSecond, requests, p95Ms, callers, statuses, kind } = entry
  const failed = (statuses['5xx'] ?? 0) / Math.max(1, requests)
  return [
    `${method}${kind === 'page' ? ' (a page)' : ''}: ${perSecond === null ? `${amount(requests)} requests` : `${short(perSecond)} a second`}`,
    ...(p95Ms === null ? [] : [`P95 ${short(p95Ms)} ms`]),
    ...(callers === 0 ? [] : [`${callers > 64 ? 'about ' : ''}${callers} ${callers === 1 ? 'caller' : 'callers'}`]),
    ...(failed >= 0.01 ? [`${short(failed * 100)} % fail with 5xx`] : []),
  ].join(', ')
}

function signsOf(entry: InventoryEntry): readonly string[] {
  const { sessionCookies, sessionInPath, write, writeSign, stream, calledFrom } = entry
  return [
    ...(write === 'looks-like'
      ? [`LOOKS LIKE A WRITE (${writeSign ?? 'it says so'}): asking it twice may do it twice`]
      : []),
    ...(sessionCookies.length === 0
      ? []
      : [`sets a session (${sessionCookies.join(', ')}): its users must stay on one side`]),
    ...(sessionInPath ? ['session ids in paths (;jsessionid=…): those requests do not match this route'] : []),
    ...(stream === null ? [] : [`streams (${STREAMS[stream]})`]),
    ...(calledFrom === null ? [] : [`mostly called from ${calledFrom}`]),
  ]
}

function needsALook({ write, sessionCookies, sessionInPath, stream }: InventoryEntry): boolean {
  return write === 'looks-like' || sessionCookies.length > 0 || sessionInPath || stream !== null
}

function placesOf(entries: readonly InventoryEntry[]): readonly Place[] {
  const places = new Map<string, InventoryEntry[]>()
  for (const entry of entries) {
    const known = places.get(entry.template)
    if (known === undefined) places.set(entry.template, [entry])
    else known.push(entry)
  }
  return [...places]
    .map(([template, own]) => ({ template, entries: own, requests: own.reduce((sum, one) => sum + one.requests, 0) }))
    .sort((a, b) => b.requests - a.requests)
}

/** A page and what it calls: moved by one weight, a user never sees half of each. By template. */
function groupsOf(places: readonly Place[]): ReadonlyMap<string, string> {
  const groups = new Map<string, string>()
  const known = new Set(places.map(({ template }) => template))
  const names = new Set<string>()
  for (const { template, entries } of places) {
    const page = entries.find(({ calledFrom }) => calledFrom !== null)?.calledFrom ?? null
    if (page === null || !known.has(page)) continue
    const name = groups.get(page) ?? idOf(page, names)
    groups.set(page, name)
    // What is a page itself leads its own group.
    if (!groups.has(template)) groups.set(template, name)
  }
  return groups
}

/** `/orders/:id/items` → `orders-id-items`; a number where that is taken. */
function idOf(template: string, taken: Set<string>): string {
  const words = template
    .toLowerCase()
    .replace(/\*/g, 'all')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, MAX_ID)
    .replace(/-+$/, '')
  const base = words === '' ? 'home' : words
  let id = base
  for (let number = 2; taken.has(id); number++) id = `${base}-${number}`
  taken.add(id)
  return id
}

/** An id as people write it; in quotes where YAML would read a number or another value. */
function plain(id: string): string {
  return /^[a-z]/.test(id) && !/^(?:null|true|false|yes|no|on|off|y|n)$/.test(id) ? id : `"${id}"`
}

/** `${` would be read as a variable. */
function quoted(text: string): string {
  const ascii = JSON.stringify(text).replace(
    /[^ -~]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return ascii.replaceAll('${', () => '$${')
}

function comment(mark: string, text: string): string {
  const line = text.replace(/[^ -~…]+/g, '?')
  return `${mark} ${line.length > MAX_COMMENT ? `${line.slice(0, MAX_COMMENT)}…` : line}`
}

function amount(requests: number): string {
  return String(Math.round(requests))
}

function short(value: number): string {
  return value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2)))
}
