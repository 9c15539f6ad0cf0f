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

const ZERO = 48

/** `[-]digits[e[-]exponent]` without zeros at either end of the digits: equal texts, equal values. `-0` is `0`. */
export function canonicalDecimal(lexeme: string): string {
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
  return `${sign}${all.slice(start, end)}${power === 0 ? '' : `e${power}`}`
}

/** Whether a double gives the number back to the last digit that was written. */
export function fitsDouble(lexeme: string): boolean {
  const value = Number(lexeme)
  const text = String(value)
  return text === lexeme || (Number.isFinite(value) && canonicalDecimal(text) === canonicalDecimal(lexeme))
}
