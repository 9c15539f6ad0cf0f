// One exchange of a difference, as it may be kept: without values, unless the route's policy says for how long they may be, or
// at which places; never with secrets.
import type { AnswerCopy, Divergence, Exemplar, ShownAnswer, ShownDifference } from '../model/comparison.ts'
import { collapsePointer } from './collapse.ts'
import type { Compared } from './compare.ts'
import type { Job } from './examine.ts'
import { collapsedPath } from './found-places.ts'
import { Exact } from './json/exact.ts'
import { type PlacePaths, placePaths } from './place-paths.ts'
import { HIDDEN, redactHeader, redactHeaders, redactTarget, redactText } from './redact.ts'
import { cut, redactJson } from './redact-json.ts'
import { isMapOfSecrets, isSecretName } from './secret-names.ts'
import { shownBody } from './shown-body.ts'

const MOST_DIFFERENCES = 50
const MOST_OF_A_VALUE = 200
const MOST_OF_A_PATH = 1000
const MOST_HEADERS = 100
const MOST_OF_A_HEADER = 1000

interface Showing {
  /** All values, and the answers themselves. */
  readonly all: boolean
  readonly keep: PlacePaths
  readonly redact: PlacePaths
}

export function exemplarOf(job: Job, { differences, more }: Compared): Exemplar {
  const { policy, at, legacy, new: fresh } = job
  const showing: Showing = {
    all: policy.valuesUntil !== null && policy.valuesUntil > at,
    keep: placePaths(policy.keep, false),
    redact: placePaths(policy.redact, true),
  }
  const answer = (side: AnswerCopy) => shownAnswer(side, showing.redact, policy.maxBodyBytes)
  return {
    at,
    exchange: job.exchange,
    traceId: job.traceId,
    primary: job.primary,
    method: job.method,
    template: job.template,
    target: showing.all ? redactTarget(job.target) : null,
    keyHash: job.keyHash,
    statuses: { legacy: legacy.status, new: fresh.status },
    differences: differences.slice(0, MOST_DIFFERENCES).map(difference => shownDifference(difference, showing)),
    more: more + Math.max(0, differences.length - MOST_DIFFERENCES),
    answers: showing.all ? { legacy: answer(legacy), new: answer(fresh) } : null,
  }
}

function shownAnswer(answer: AnswerCopy, redact: PlacePaths, maxBytes: number): ShownAnswer {
  const headers = redactHeaders(answer.headers.slice(0, 2 * MOST_HEADERS), redact.headers)
  return {
    status: answer.status,
    headers: headers.map(text => cut(text, MOST_OF_A_HEADER)),
    body: shownBody(answer, redact, maxBytes),
  }
}

function shownDifference(difference: Divergence, showing: Showing): ShownDifference {
  const { kind, path, newPath, severity, legacy, new: fresh, note } = difference
  const isKept = kind === 'status' || showing.all || isCovered(difference, showing.keep)
  // Of a text that is compared as one, a piece was cut out: what is a secret in it cannot be told any more.
  const hasValues = isKept && !(path === '' && note !== undefined)
  const value = (value: unknown, at: string) => shownValue(difference, value, at, showing.redact)
  return {
    kind,
    path: isKept && kind !== 'status' ? shownPath(path) : collapsedPath(difference),
    ...(isKept && newPath !== undefined && { newPath: shownPath(newPath) }),
    severity,
    legacyType: typeOf(legacy),
    newType: typeOf(fresh),
    ...(hasValues && legacy !== undefined && { legacy: value(legacy, path) }),
    ...(hasValues && fresh !== undefined && { new: value(fresh, newPath ?? path) }),
    ...(note !== undefined && { note: shownNote(note, isKept) }),
  }
}

function isCovered({ kind, path }: Divergence, keep: PlacePaths): boolean {
  return kind === 'header' ? keep.headers.has(path.split('/')[1] ?? '') : keep.covers(path)
}

function shownValue({ kind, path }: Divergence, value: unknown, pointer: string, redact: PlacePaths): string {
  if (kind === 'status') return JSON.stringify(value)
  if (kind === 'header') {
    const name = path.split('/')[1] ?? ''
    if (redact.headers.has(name)) return JSON.stringify(HIDDEN)
    // What is said of cookies is not their value.
    const text = name === 'set-cookie' ? redactText(String(value)) : redactHeader(name, String(value), redact.headers)
    return JSON.stringify(cut(text, MOST_OF_A_VALUE))
  }
  if (pointer.split('/').some(name => isSecretName(name) || isMapOfSecrets(name))) return JSON.stringify(HIDDEN)
  const text = jsonText(value, 4 * MOST_OF_A_VALUE)
  return redactJson(text, { hidden: redact.covers, most: MOST_OF_A_VALUE, pointer })
}

/** Its beginning: a tree may be as large as a body. */
function jsonText(value: unknown, most: number): string {
  let text = ''
  const write = (value: unknown, depth: number): void => {
    if (text.length > most || depth > most) return
    if (value instanceof Exact) text += value.toString()
    else if (typeof value === 'string') text += JSON.stringify(value.slice(0, 2 * most))
    else if (typeof value !== 'object' || value === null) text += JSON.stringify(value)
    else if (Array.isArray(value)) {
      text += '['
      for (let i = 0; i < value.length && text.length <= most; i++) {
        if (i > 0) text += ','
        write(value[i], depth + 1)
      }
      text += ']'
    } else {
      text += '{'
      let first = true
      for (const key in value) {
        if (text.length > most) break
        text += `${first ? '' : ','}${JSON.stringify(key)}:`
        first = false
        write((value as Record<string, unknown>)[key], depth + 1)
      }
      text += '}'
    }
  }
  write(value, 0)
  return text
}

function shownPath(pointer: string): string {
  const shown = pointer
    .split('/')
    .map((key, i, keys) => (i > 1 && isMapOfSecrets(keys[i - 1] as string) ? '*' : redactText(key)))
    .join('/')
  return shown.length <= MOST_OF_A_PATH ? shown : collapsePointer(pointer)
}

/** A note may quote what cannot be read. */
function shownNote(note: string, isKept: boolean): string {
  const [what = ''] = note.split(':')
  return cut(redactText(isKept || !/["'`‘“]/.test(note) ? note : what), MOST_OF_A_VALUE)
}

/** As JSON names it; null: absent. */
function typeOf(value: unknown): string | null {
  if (value === undefined) return null
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return value instanceof Exact ? 'number' : typeof value
}
