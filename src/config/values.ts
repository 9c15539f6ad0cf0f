// How a value is written in routes.yaml and what it means: durations, sizes, percents, texts. Each is a codec, so that the
// configuration can be shown again in the words of the file. Addresses and patterns have their own files.
import { z } from 'zod'
import type { Spreading } from '../model/route.ts'
import { describeAs } from './about.ts'

/** A text that is refused: why, and what to write instead. */
export class Wrong {
  readonly message: string
  readonly hint: string | null
  constructor(message: string, hint: string | null = null) {
    this.message = message
    this.hint = hint
  }
}

export interface Form<Out> {
  readonly allowed: string
  /** What editors check; texts with `${…}` always pass there. */
  readonly pattern?: string
  /** A number is read by the digits that people see. Editors refuse one, or allow it in these bounds. */
  readonly numbers?: 'as-text' | { readonly minimum: number; readonly maximum: number }
  readonly secret?: boolean
  readonly fromFile?: boolean
  /** The text without what is secret in it; the text itself where nothing is. */
  readonly mask?: (text: string) => string
  read(text: string): Out | Wrong
  write(value: Out): unknown
}

export type FormSchema<Out> = z.ZodCodec<z.ZodUnknown, z.ZodCustom<Out, Out>>

export function form<Out>(words: Form<Out>): FormSchema<Out> {
  const codec = z.codec(z.unknown(), z.custom<Out>(), {
    decode(input, context) {
      const readable = typeof input === 'string' || (typeof input === 'number' && words.numbers !== undefined)
      if (!readable) {
        context.issues.push({ code: 'invalid_type', expected: 'string', input })
        return z.NEVER
      }
      const value = words.read(String(input))
      if (!(value instanceof Wrong)) return value
      context.issues.push({ code: 'custom', input, message: value.message, params: { hint: value.hint } })
      return z.NEVER
    },
    // Also asked for keys that are absent.
    encode: value => (value === undefined ? undefined : words.write(value)),
  })
  const pattern = words.pattern === undefined ? {} : { pattern: `^(${words.pattern})$|\\$\\{` }
  const type = typeof words.numbers === 'object' ? { type: ['number', 'string'], ...words.numbers } : { type: 'string' }
  return describeAs(codec, {
    allowed: words.allowed,
    json: { ...type, ...pattern },
    ...(words.secret === true ? { secret: true } : {}),
    ...(words.fromFile === true ? { fromFile: true } : {}),
    ...(words.mask === undefined ? {} : { mask: words.mask }),
  })
}

/** Timers of Node end here. */
const MAX_MS = 2 ** 31 - 1
const UNIT_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const DURATION = '[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)'

/** Milliseconds, at least `minMs`. */
export function duration(minMs = 0, maxMs = MAX_MS) {
  return form<number>({
    allowed: 'a duration such as 250ms, 10s, 5m, 2h or 7d',
    pattern: DURATION,
    numbers: 'as-text',
    read: text => readDuration(text, { minMs, maxMs }),
    write: writeDuration,
  })
}

/** Milliseconds; null is no limit. */
export function durationOrNone() {
  return form<number | null>({
    allowed: 'a duration such as 250ms, 10s or 5m, or none',
    pattern: `${DURATION}|none`,
    numbers: 'as-text',
    read: text => (text === 'none' ? null : readDuration(text, { minMs: 1, zeroHint: NO_LIMIT })),
    write: ms => (ms === null ? 'none' : writeDuration(ms)),
  })
}

interface Extent {
  readonly minMs?: number
  readonly maxMs?: number
  readonly zeroHint?: string
}

function readDuration(text: string, { minMs = 0, maxMs = MAX_MS, zeroHint }: Extent = {}): number | Wrong {
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]*)$/i.exec(text) ?? []
  if (digits === undefined) return new Wrong('not a duration')
  if (unit === '') return new Wrong('a duration needs its unit', `write ${digits}s or ${digits}ms`)
  if (unit === undefined || !Object.hasOwn(UNIT_MS, unit)) {
    return new Wrong('unknown unit of time', 'units are ms, s, m, h and d')
  }
  if (text !== `${digits}${unit}`) return new Wrong('not a duration', `write ${digits}${unit} without the space`)
  const ms = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
  if (ms < minMs) return new Wrong(`too short: at least ${writeDuration(minMs)}`, zeroHint ?? null)
  if (ms > maxMs) return new Wrong(`too long: at most ${Math.floor(maxMs / UNIT_MS.d)}d`)
  return Number.isInteger(ms) ? ms : new Wrong('finer than a millisecond')
}

function writeDuration(ms: number): string {
  const [unit, size] = Object.entries(UNIT_MS).find(([, size]) => ms > 0 && ms % size === 0) ?? ['s', 1000]
  return `${ms / size}${unit}`
}

const UNIT_BYTES = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const
const SIZE = '[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)'

/** Bytes. */
export function size(min: number, max: number) {
  return form<number>({
    allowed: `a size from ${writeSize(min)} to ${writeSize(max)}, such as 64KiB or 1MiB`,
    pattern: SIZE,
    numbers: 'as-text',
    read: text => readSize(text, min, max),
    write: writeSize,
  })
}

/** Bytes; null is no limit. */
export function sizeOrNone() {
  return form<number | null>({
    allowed: 'a size such as 64KiB or 1MiB, or none',
    pattern: `${SIZE}|none`,
    numbers: 'as-text',
    read: text => (text === 'none' ? null : readSize(text, 1, Number.MAX_SAFE_INTEGER, NO_LIMIT)),
    write: bytes => (bytes === null ? 'none' : writeSize(bytes)),
  })
}

/** Bytes a second; 0 is no limit. */
export function rate() {
  return form<number>({
    allowed: 'bytes a second as a size, such as 100B or 1KiB, or none',
    pattern: `${SIZE}|none`,
    numbers: 'as-text',
    read(text) {
      if (text === 'none') return 0
      const [, size] = /^(.+)\/s$/.exec(text) ?? []
      if (size !== undefined) return new Wrong('a size is enough: it counts for each second', `write ${size}`)
      return readSize(text, 1, 2 ** 40, NO_LIMIT)
    },
    write: bytes => (bytes === 0 ? 'none' : writeSize(bytes)),
  })
}

const NO_LIMIT = 'for no limit write none'

function readSize(text: string, min: number, max: number, zeroHint: string | null = null): number | Wrong {
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)$/i.exec(text) ?? []
  if (digits === undefined || unit === undefined) return new Wrong('not a size')
  if (Number(digits) === 0 && zeroHint !== null) return new Wrong('must be above 0', zeroHint)
  if (unit === '') return new Wrong('a size needs its unit', `write ${digits}B or ${digits}KiB`)
  if (!Object.hasOwn(UNIT_BYTES, unit)) {
    const meant = Object.keys(UNIT_BYTES).find(known => known[0] === unit[0]?.toUpperCase())
    return new Wrong('unknown unit of size', `write ${digits}${meant ?? 'KiB'}; units are B, KiB, MiB and GiB`)
  }
  if (text !== `${digits}${unit}`) return new Wrong('not a size', `write ${digits}${unit} without the space`)
  const bytes = Number(digits) * UNIT_BYTES[unit as keyof typeof UNIT_BYTES]
  if (!Number.isInteger(bytes)) return new Wrong('finer than a byte')
  return bytes < min || bytes > max ? new Wrong(`out of range: ${writeSize(min)} to ${writeSize(max)}`) : bytes
}

function writeSize(bytes: number): string {
  const [unit, size] = Object.entries(UNIT_BYTES).find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['B', 1]
  return `${bytes / size}${unit}`
}

/** 0 to 100, up to two decimals. */
export function percent() {
  return form<number>({
    allowed: '0 to 100 with up to two decimals, as 5 or 5%',
    pattern: '(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?)%?',
    numbers: { minimum: 0, maximum: 100 },
    read: readPercent,
    write: value => value,
  })
}

/** A percent above 0. */
export function share() {
  return form<number>({
    allowed: 'a percent above 0, as 5 or 5%',
    pattern: '(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?)%?',
    numbers: { minimum: 0.01, maximum: 100 },
    read(text) {
      const value = readPercent(text)
      return value === 0 ? new Wrong('must be above 0') : value
    },
    write: value => value,
  })
}

/** A whole number from 1; null is no limit. */
export function countOrNone(most: number) {
  return form<number | null>({
    allowed: `a whole number 1 to ${most}, or none`,
    pattern: '[0-9]+|none',
    numbers: { minimum: 1, maximum: most },
    read(text) {
      if (text === 'none') return null
      if (!/^-?[0-9]+$/.test(text)) return new Wrong('not a whole number')
      const value = Number(text)
      if (value < 1) return new Wrong('less than 1', NO_LIMIT)
      return value > most ? new Wrong(`more than ${most}`) : value
    },
    write: value => value ?? 'none',
  })
}

function readPercent(text: string): number | Wrong {
  const [, sign, digits, decimals = '', tail] = /^([+-]?)([0-9]+)(\.[0-9]*)?(\s*%?)$/.exec(text) ?? []
  if (digits === undefined) return new Wrong('not a percent')
  const value = Number(digits + decimals)
  if (tail !== '' && tail !== '%') return new Wrong('not a percent', `write ${value}% without the space`)
  if (sign !== '' || value > 100) return new Wrong('a percent is 0 to 100')
  return decimals.length > 3 ? new Wrong('a percent has at most two decimals') : value
}

/** How open tunnels end; `bare` says in words what `spread` alone means. */
export function spreading(bare: string) {
  return form<Spreading>({
    allowed: `keep, spread (${bare}) or spread 60s`,
    pattern: `keep|spread( ${DURATION})?`,
    read(text) {
      if (text === 'keep') return null
      if (text === 'spread') return 'all'
      const [, time] = /^spread (.+)$/.exec(text) ?? []
      if (time === undefined) return new Wrong('not a way to end tunnels')
      return readDuration(time)
    },
    write: how => (how === null ? 'keep' : how === 'all' ? 'spread' : `spread ${writeDuration(how)}`),
  })
}

/** A text that is not empty. */
export function text(allowed = 'a text', pattern = '[\\s\\S]+') {
  return form<string>({
    allowed,
    pattern,
    read: text => (new RegExp(`^(?:${pattern})$`, 'u').test(text) ? text : new Wrong(`not ${allowed}`)),
    write: text => text,
  })
}

/** A secret of at least so many characters; null when it is empty. */
export function secret(least = 1) {
  return form<string | null>({
    allowed: 'an environment variable or file:PATH',
    pattern: 'file:.+|',
    secret: true,
    fromFile: true,
    read(text) {
      if (text === '' || text.length >= least) return text === '' ? null : text
      return new Wrong(`shorter than ${least} characters`, 'for example openssl rand -hex 32')
    },
    write: text => text ?? '',
  })
}
