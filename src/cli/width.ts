// How many columns of a terminal a text takes: wide characters take two, marks that combine with the one before take none.

const PLAIN = /^[\x20-\x7e]*$/
const NONE = /^[\p{Mn}\p{Me}]$/u
/** Shown as a picture by default; two halves of a flag are one of two columns. */
const PICTURE = /^(?!\p{Regional_Indicator})\p{Emoji_Presentation}$/u
/** East Asian wide and full-width (UAX 11), by blocks. */
const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
]

export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += columnsOfOne(character)
  return columns
}

/** As much of the beginning as fits. */
export function beginningOf(text: string, columns: number): string {
  if (PLAIN.test(text)) return text.slice(0, Math.max(0, columns))
  let left = columns
  let end = 0
  for (const character of text) {
    left -= columnsOfOne(character)
    if (left < 0) break
    end += character.length
  }
  return text.slice(0, end)
}

function columnsOfOne(character: string): number {
  const code = character.codePointAt(0) as number
  if (code < 0x300) return 1
  if (NONE.test(character)) return 0
  return PICTURE.test(character) || WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1
}
