// Tells what a generator of tokens made from what people write: letters, capitals and digits take turns too often.

const SHORTEST = 20
/** Of all neighbours: random base64 changes its kind of character at 0.6 of them, hexadecimal at 0.5, camelCase at 0.35. */
const CHANGES = 0.42
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Of letters, digits and the signs of base64. An id in the form of a UUID is not meant. */
export function looksRandom(text: string): boolean {
  if (text.length < SHORTEST || UUID.test(text)) return false
  if (/^[\da-f]{32,}$/i.test(text)) return true
  let pairs = 0
  let changes = 0
  let before = -1
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i))
    if (kind >= 0 && before >= 0) {
      pairs++
      if (kind !== before) changes++
    }
    before = kind
  }
  return pairs >= SHORTEST / 2 && changes / pairs >= CHANGES
}

function kindOf(code: number): number {
  if (code >= 48 && code <= 57) return 0
  if (code >= 65 && code <= 90) return 1
  return code >= 97 && code <= 122 ? 2 : -1
}
