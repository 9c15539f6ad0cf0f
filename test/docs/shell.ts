// The simple commands of a shell script, as lists of words: enough of the shell's grammar for what the documents show. Knows quotes,
// comments, lines that go on, pipes and lists, `$(…)` (its commands are found too), redirections, loops and assignments. Not: here-documents, functions, `case`.

const KEYWORDS = new Set(['do', 'done', 'then', 'else', 'elif', 'fi', 'if', 'until', 'while', '!', '{', '}', 'time'])
const ASSIGNMENT = /^[A-Za-z_]\w*=/

/** `values` stand for variables, by name; any other is `x`. */
export function commandsOf(
  script: string,
  values: Readonly<Record<string, string>> = {},
): readonly (readonly string[])[] {
  const commands: (readonly string[])[] = []
  new Reader(script.replace(/\\\n/g, ' '), values, commands).list(null)
  return commands
}

class Reader {
  readonly #text: string
  readonly #values: Readonly<Record<string, string>>
  readonly #found: (readonly string[])[]
  #at = 0

  constructor(text: string, values: Readonly<Record<string, string>>, found: (readonly string[])[]) {
    this.#text = text
    this.#values = values
    this.#found = found
  }

  /** Until `end`, or to the end of the text. */
  list(end: ')' | null): void {
    let words: string[] = []
    const finish = () => {
      this.#keep(words)
      words = []
    }
    while (this.#at < this.#text.length) {
      const c = this.#text[this.#at] as string
      if (c === end) break
      if (c === '\n' || ';&|()'.includes(c)) finish()
      if (' \t\n;&|()'.includes(c)) this.#at++
      else if (c === '#') this.#skipTo('\n')
      else if (c === '>' || c === '<') this.#redirection()
      else if (/^\d+[<>]/.test(this.#text.slice(this.#at, this.#at + 3))) this.#at++
      else words.push(this.#word())
    }
    finish()
    this.#at++
  }

  #keep(words: readonly string[]): void {
    let from = 0
    if (words[0] === 'for') return
    while (from < words.length && (KEYWORDS.has(words[from] as string) || ASSIGNMENT.test(words[from] as string)))
      from++
    if (from < words.length) this.#found.push(words.slice(from))
  }

  #redirection(): void {
    while ('<>&'.includes(this.#text[this.#at] ?? '\n')) this.#at++
    while (this.#text[this.#at] === ' ') this.#at++
    this.#word()
  }

  #word(): string {
    let word = ''
    while (this.#at < this.#text.length && !' \t\n;&|()<>'.includes(this.#text[this.#at] as string)) {
      const c = this.#text[this.#at] as string
      if (c === "'") {
        const close = this.#text.indexOf("'", this.#at + 1)
        word += this.#text.slice(this.#at + 1, close)
        this.#at = close + 1
      } else if (c === '"') word += this.#quoted()
      else if (c === '$') word += this.#dollar()
      else if (c === '\\') {
        word += this.#text[this.#at + 1] ?? ''
        this.#at += 2
      } else {
        word += c
        this.#at++
      }
    }
    return word
  }

  #quoted(): string {
    let text = ''
    this.#at++
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      if (this.#text[this.#at] === '$') text += this.#dollar()
      else {
        if (this.#text[this.#at] === '\\') this.#at++
        text += this.#text[this.#at++]
      }
    }
    this.#at++
    return text
  }

  #dollar(): string {
    this.#at++
    if (this.#text[this.#at] === '(') {
      this.#at++
      this.list(')')
      return 'x'
    }
    const [whole, name = ''] = /^(?:\{(\w+)[^}]*\}|\w+|\?)/.exec(this.#text.slice(this.#at)) ?? ['', '']
    this.#at += whole.length
    return this.#values[name === '' ? whole : name] ?? 'x'
  }

  #skipTo(c: string): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== c) this.#at++
  }
}
