// Lists in field values (RFC 9110, 5.6): separators inside quoted strings separate nothing.

/**
 * One pass; a quote that is never closed reaches to the end. Parts are as they stand, blanks included. `escapes`: a backslash
 * inside quotes takes the next character with it, which is so everywhere but in entity tags.
 */
export function splitOutsideQuotes(text: string, separator: ',' | ';', escapes = true): string[] {
  if (!text.includes('"')) return text.split(separator)
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (quoted && escapes && char === '\\') i++
    else if (char === '"') quoted = !quoted
    else if (char === separator && !quoted) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}
