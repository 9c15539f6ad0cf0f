// A body as people look at it: decoded, without secrets, cut.
import type { AnswerCopy } from '../model/comparison.ts'
import { headerOf } from '../model/exchange.ts'
import type { Bytes } from '../model/units.ts'
import { textOf } from './charset.ts'
import { codingsOf, decoded } from './decode.ts'
import { type Kind, looksLikeJson, mediaOf } from './media.ts'
import type { PlacePaths } from './place-paths.ts'
import { redactForm, redactText } from './redact.ts'
import { redactJson } from './redact-json.ts'

const MOST_BYTES: Bytes = 16 * 1024
/** Of a text, so much is looked through. */
const MOST_READ = 64 * 1024
const LONGEST_WORD = 1000
/** A character is at most so long. */
const MOST_OF_A_CHARACTER = 4

/** null: not text, or it cannot be told what of it must be hidden. */
export function shownBody(answer: AnswerCopy, redact: PlacePaths, maxBytes: Bytes): string | null {
  const bytes = bytesOf(answer, maxBytes)
  if (bytes === null) return null
  const media = mediaOf(headerOf(answer.headers, 'content-type'))
  const isCut = !answer.body.complete || answer.body.blocks !== null
  const text = media.kind === 'binary' ? null : isCut ? leniently(bytes, media.charset) : textOf(bytes, media.charset)
  if (text === null) return null
  const kind = media.kind === 'unsaid' ? (looksLikeJson(text) ? 'json' : 'text') : media.kind
  const shown = redacted(kind, text, redact, isCut)
  return shown === null ? null : cutBytes(shown)
}

/** Of what is not there as a whole, no coding can be taken off. */
function bytesOf({ headers, body }: AnswerCopy, maxBytes: Bytes): Uint8Array | null {
  const codings = codingsOf(headers)
  if (codings.length === 0) return body.start
  if (!body.complete || body.blocks !== null) return null
  const result = decoded(body, codings, maxBytes)
  return 'bytes' in result ? result.bytes : null
}

/** The last character may have been cut. */
function leniently(bytes: Uint8Array, charset: string | null): string | null {
  for (let less = 0; less < MOST_OF_A_CHARACTER; less++) {
    const text = textOf(bytes.subarray(0, bytes.length - less), charset)
    if (text !== null) return text
  }
  return null
}

function redacted(kind: Kind, text: string, redact: PlacePaths, isCut: boolean): string | null {
  if (kind === 'json' || kind === 'lines') {
    return redactJson(text, { hidden: redact.covers, most: MOST_BYTES, isLines: kind === 'lines' })
  }
  // In what is shown as it is written, nobody knows where a path leads.
  if (redact.hasBodyPaths) return null
  const readable = text.length > MOST_READ || isCut ? withoutEnd(text.slice(0, MOST_READ)) : text
  return kind === 'form' ? redactForm(readable) : redactText(readable)
}

/** A word that is cut is no secret any more that could be recognised. */
function withoutEnd(text: string): string {
  const word = /\S*$/.exec(text.slice(-LONGEST_WORD))?.[0].length ?? 0
  return `${text.slice(0, text.length - word)}…`
}

function cutBytes(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= MOST_BYTES) return text
  return `${bytes
    .subarray(0, MOST_BYTES - MOST_OF_A_CHARACTER)
    .toString()
    .replace(/\ufffd$/, '')}…`
}
