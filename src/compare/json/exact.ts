// Numbers as they were written: what a double would change keeps its decimal text.

/** A number that no double holds, or one that must not be taken for another spelling of its value. Compared by `text`. */
export class Exact {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** A JSON number again. */
  toString(): string {
    return this.text
  }
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d+))?$/

/** Exponents with more digits stay as they are: nobody writes the same number with another one. */
const MOST_EXPONENT_DIGITS = 15

/** Beyond them a number is written with an exponent. */
const MOST_ZEROS = 40

const ZERO = 48

/** Equal texts, equal values: no zero too many at either end, an exponent only where there were many zeros. `-0` is `0`. */
export function decimalOf(lexeme: string): string {
  const parts = NUMBER.exec(lexeme)
  if (parts === null) throw new Error(`not a JSON number: ${lexeme.slice(0, 40)}`)
  const [, sign = '', whole = '', fraction = '', exponentSign = '', exponent = '0'] = parts
  const all = whole + fraction
  let start = 0
  let end = all.length
  while (start < end && all.charCodeAt(start) === ZERO) start++
  if (start === end) return '0'
  while (all.charCodeAt(end - 1) === ZERO) end--
  if (exponent.length > MOST_EXPONENT_DIGITS) return `${sign}${all}e${exponentSign === '-' ? '-' : ''}${exponent}`
  const power = Number(exponentSign + exponent) - fraction.length + (all.length - end)
  return sign + written(all.slice(start, end), power)
}

function written(digits: string, power: number): string {
  if (power > MOST_ZEROS || power + digits.length < -MOST_ZEROS) return `${digits}e${power}`
  if (power >= 0) return digits + '0'.repeat(power)
  const padded = digits.padStart(1 - power, '0')
  return `${padded.slice(0, power)}.${padded.slice(power)}`
}

/** Whether a double gives the number back to the last digit that was written; what is no number is not changed by one. */
export function isExactAsDouble(lexeme: string): boolean {
  const value = Number(lexeme)
  const text = String(value)
  if (text === lexeme || !NUMBER.test(lexeme)) return true
  return Number.isFinite(value) && decimalOf(text) === decimalOf(lexeme)
}
