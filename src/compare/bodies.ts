// Compares two bodies by what they are: bytes first, then without their content coding, then as what their content type says.
import type { AnswerCopy, BodyCopy, ComparePolicy, Divergence } from '../model/comparison.ts'
import { headerOf } from '../model/exchange.ts'
import type { Milliseconds } from '../model/units.ts'
import { equalBytes, firstDifference, sameBytes } from './body-copy.ts'
import { declaredCharset, textOf } from './charset.ts'
import { codingsOf, type Decoded, decoded } from './decode.ts'
import type { Findings } from './findings.ts'
import { canonicalHtml, firstHtmlDifference } from './html.ts'
import type { Mark } from './json/marks.ts'
import { Meter, OverBudget } from './json/meter.ts'
import { type Read, readJson } from './json/read.ts'
import { commonKind, isReadAlike, type Kind, looksLikeJson, type Media, mediaOf } from './media.ts'
import { readEvents, readForms, readLines } from './records.ts'
import type { RuleSession } from './rules/compile.ts'
import { firstTextDifference, type TextDifference } from './text.ts'
import { compareTrees } from './trees.ts'
import { inXml, readXml } from './xml.ts'

/** One comparison under way. */
export interface Comparing {
  readonly policy: ComparePolicy
  /** null: there are no rules. */
  readonly session: RuleSession | null
  /** Monotonic. */
  readonly now: () => Milliseconds
  readonly found: Findings
}

type Reading = Read | { readonly wrong: string }

export function compareBodies(legacy: AnswerCopy, fresh: AnswerCopy, comparing: Comparing): void {
  const { policy, found } = comparing
  const isAlike = isReadAlike(legacy.headers, fresh.headers)
  const isSame = sameBytes(legacy.body, fresh.body)
  if (isSame === true && isAlike) return
  const [ourCodings, theirCodings] = [codingsOf(legacy.headers), codingsOf(fresh.headers)]
  const isCoded = ourCodings.length > 0 || theirCodings.length > 0
  if (!isReadable(legacy.body, policy) || !isReadable(fresh.body, policy)) {
    // The same thing compresses in many ways.
    if (isCoded) found.why = 'too large to be decoded'
    else if (isSame === null) found.why = 'too large to be read to the end'
    else if (!isSame) addBytes(legacy.body, fresh.body, comparing)
    return
  }
  const ours = decoded(legacy.body, ourCodings, policy.maxBodyBytes)
  const theirs = decoded(fresh.body, theirCodings, policy.maxBodyBytes)
  if ('problem' in ours || 'problem' in theirs) addUndecodable(ours, theirs, comparing)
  else compareContents(ours.bytes, mediaFor(legacy, ours.bytes), theirs.bytes, mediaFor(fresh, theirs.bytes), comparing)
}

function isReadable(body: BodyCopy, policy: ComparePolicy): boolean {
  return body.complete && body.blocks === null && body.length <= policy.maxBodyBytes
}

function mediaFor(answer: AnswerCopy, bytes: Uint8Array): Media {
  const media = mediaOf(headerOf(answer.headers, 'content-type'))
  if (media.charset !== null || (media.kind !== 'xml' && media.kind !== 'html')) return media
  return { ...media, charset: declaredCharset(bytes, media.kind) }
}

/** At least one could not be decoded. */
function addUndecodable(ours: Decoded, theirs: Decoded, comparing: Comparing): void {
  const problems = [ours, theirs].filter(side => 'problem' in side)
  const [only] = problems
  if (only === undefined || problems.length > 1 || only.problem === 'unknown') {
    comparing.found.why = problems.map(({ what }) => what).join('; ')
  } else addWhole(`${'problem' in ours ? 'legacy' : 'new'}: ${only.what}`, comparing)
}

function compareContents(ours: Uint8Array, media: Media, theirs: Uint8Array, other: Media, comparing: Comparing): void {
  const isEqual = Buffer.compare(ours, theirs) === 0
  if (isEqual && media.charset === other.charset) return
  const kind = commonKind(media.kind, other.kind)
  const legacy = kind === 'binary' ? null : textOf(ours, media.charset)
  const fresh = kind === 'binary' ? null : textOf(theirs, other.charset)
  if (legacy !== null && fresh !== null) {
    if (legacy !== fresh) compareTexts(kind, legacy, fresh, comparing)
  } else if (!isEqual || (legacy === null) !== (fresh === null)) addBytes(whole(ours), whole(theirs), comparing)
}

function whole(start: Uint8Array): BodyCopy {
  return { length: start.length, complete: true, start, blocks: null }
}

function compareTexts(kind: Kind, legacy: string, fresh: string, comparing: Comparing): void {
  const meter = new Meter(comparing.policy.budget, comparing.now)
  try {
    if (kind === 'html') {
      const [ours, theirs] = [canonicalHtml(legacy, meter), canonicalHtml(fresh, meter)]
      compareAsText(ours, theirs, comparing, () => firstHtmlDifference(legacy, fresh))
      return
    }
    const readings = readBoth(kind, legacy, fresh, meter)
    if (readings === null) compareAsText(legacy, fresh, comparing, () => firstTextDifference(legacy, fresh))
    else compareReadings(kind, readings, comparing)
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error
    comparing.found.why = error.message
  }
}

/** null: they are compared as texts, because they are no more than that, or because neither is what it should be. */
function readBoth(kind: Kind, legacy: string, fresh: string, meter: Meter): readonly [Reading, Reading] | null {
  const readings = readAs(kind, legacy, fresh, meter)
  if (readings === null) return null
  const wrong = readings.filter(reading => 'wrong' in reading).length
  // Without a content type it was a guess.
  return wrong === 2 || (wrong === 1 && kind === 'unsaid') ? null : readings
}

function readAs(kind: Kind, legacy: string, fresh: string, meter: Meter): readonly [Reading, Reading] | null {
  switch (kind) {
    case 'unsaid':
      return looksLikeJson(legacy) && looksLikeJson(fresh) ? [readJson(legacy), readJson(fresh)] : null
    case 'json':
      return [readJson(legacy), readJson(fresh)]
    case 'lines':
      return [readLines(legacy, meter), readLines(fresh, meter)]
    case 'events':
      return [readEvents(legacy, meter), readEvents(fresh, meter)]
    case 'form':
      return readForms(legacy, fresh)
    case 'xml':
      return readXml(legacy, fresh, meter)
    default:
      return null
  }
}

const NAMES: Readonly<Partial<Record<Kind, string>>> = { json: 'JSON', lines: 'lines of JSON', xml: 'XML' }

function compareReadings(kind: Kind, [ours, theirs]: readonly [Reading, Reading], comparing: Comparing): void {
  if ('wrong' in ours) addWhole(`legacy is not ${NAMES[kind]}: ${ours.wrong}`, comparing)
  else if ('wrong' in theirs) addWhole(`new is not ${NAMES[kind]}: ${theirs.wrong}`, comparing)
  else compareTrees(ours, theirs, comparing, kind === 'xml' ? inXml : undefined)
}

/** As trees of one string, so that rules about the whole body apply; what is shown is the place where they differ. */
function compareAsText(legacy: string, fresh: string, comparing: Comparing, difference: () => TextDifference): void {
  if (legacy === fresh) return
  compareTrees({ tree: legacy, duplicates: [] }, { tree: fresh, duplicates: [] }, comparing, found => ({
    ...found,
    ...difference(),
  }))
}

function addBytes(ours: BodyCopy, theirs: BodyCopy, comparing: Comparing): void {
  const first = firstDifference(ours, theirs)
  const where =
    first !== null
      ? `first differing byte ${first.exact ? '' : 'after '}${first.at}`
      : `equal up to byte ${equalBytes(ours, theirs)}`
  addWhole(`bytes: ${ours.length}, new ${theirs.length}; ${where}`, comparing)
}

function addWhole(note: string, comparing: Comparing): void {
  const difference: Divergence = { kind: 'body', path: '', severity: 'high', note }
  const root: Mark | null = comparing.session?.marksFor(null)?.root ?? null
  comparing.found.addWhole(difference, root)
}
