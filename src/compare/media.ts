// What a body is, by its content type: which of the comparisons it gets.
import { type HeaderList, headerOf } from '../model/exchange.ts'
import { codingsOf } from './decode.ts'
import { canonicalValue } from './header-values.ts'

export type Kind = 'json' | 'lines' | 'events' | 'form' | 'xml' | 'html' | 'text' | 'binary' | 'unsaid'

export interface Media {
  readonly kind: Kind
  /** Lower case. */
  readonly charset: string | null
}

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['application/json', 'json'],
  ['text/json', 'json'],
  ['application/x-ndjson', 'lines'],
  ['application/ndjson', 'lines'],
  ['application/jsonl', 'lines'],
  ['application/x-jsonlines', 'lines'],
  ['application/jsonlines', 'lines'],
  ['application/json-seq', 'lines'],
  ['text/event-stream', 'events'],
  ['application/x-www-form-urlencoded', 'form'],
  ['application/xml', 'xml'],
  ['text/xml', 'xml'],
  // Also where it is XML: what browsers show is compared as they show it.
  ['text/html', 'html'],
  ['application/xhtml+xml', 'html'],
  ['application/javascript', 'text'],
  ['application/graphql', 'text'],
  ['application/yaml', 'text'],
  ['application/sql', 'text'],
])

/** Content types that were read lately: an application has few, and says them in every answer. */
const known = new Map<string, Media>()
const MOST_KNOWN = 200
const LONGEST_KNOWN = 200

const UNSAID: Media = { kind: 'unsaid', charset: null }

/** null: there is no content type. */
export function mediaOf(contentType: string | null): Media {
  if (contentType === null) return UNSAID
  const before = known.get(contentType)
  if (before !== undefined) return before
  const media = readMedia(contentType)
  if (contentType.length > LONGEST_KNOWN) return media
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(contentType, media)
  return media
}

function readMedia(contentType: string): Media {
  if (contentType.trim() === '') return UNSAID
  const [type = '', ...parameters] = canonicalValue('parameters', contentType).split('; ')
  const charset = parameters.find(parameter => parameter.startsWith('charset='))
  return { kind: kindOf(type), charset: charset?.slice('charset='.length).trim() || null }
}

function kindOf(type: string): Kind {
  const kind = KINDS.get(type)
  if (kind !== undefined) return kind
  if (type.endsWith('+json')) return 'json'
  if (type.endsWith('+json-seq')) return 'lines'
  if (type.endsWith('+xml')) return 'xml'
  return type.startsWith('text/') ? 'text' : 'binary'
}

/** Whether equal bytes say equal things under both heads. */
export function isReadAlike(legacy: HeaderList, fresh: HeaderList): boolean {
  return (
    sameTexts(codingsOf(legacy), codingsOf(fresh)) &&
    mediaOf(headerOf(legacy, 'content-type')).charset === mediaOf(headerOf(fresh, 'content-type')).charset
  )
}

function sameTexts(ones: readonly string[], others: readonly string[]): boolean {
  return ones.length === others.length && ones.every((one, i) => one === others[i])
}

/** As what two bodies are compared. */
export function commonKind(legacy: Kind, fresh: Kind): Kind {
  if (legacy === fresh) return legacy
  if (legacy === 'binary' || fresh === 'binary') return 'binary'
  // The other one is probably no JSON, and that is the difference.
  if (legacy === 'json' || fresh === 'json') return 'json'
  if (legacy === 'unsaid' || legacy === 'text') return fresh === 'unsaid' ? 'text' : fresh
  return fresh === 'unsaid' || fresh === 'text' ? legacy : 'text'
}

/** Of a body without a content type. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text)
}
