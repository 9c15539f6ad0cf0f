// Dice that fall the same way for the same seed, and what they do to a message.

export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** mulberry32: 0 to below 1. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end)
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }

  /** True one time in so many. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  /** A few places in a text, in order. */
  places(text: string): number[] {
    const most = this.one([0, 1, 1, 2, 4, 12])
    const places = Array.from({ length: most }, () => this.below(text.length + 1))
    return [...new Set(places)].sort((a, b) => a - b)
  }
}

const BYTES = [
  '\r',
  '\n',
  '\0',
  '\t',
  '\x0b',
  '\x0c',
  '\x1f',
  '\x7f',
  '\x80',
  '\x85',
  '\xa0',
  '\xff',
  ' ',
  ':',
  ';',
  ',',
  '#',
  '"',
  '0',
]
const LINES = [
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 3\r\n',
  'Content-Length : 3\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding:\tchunked \r\n',
  'Transfer-Encoding\r\n: chunked\r\n',
  'Host: b.example\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Connection: Host, Cookie, Upgrade, Expect, TE\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'Upgrade: h2c\r\n',
  'Expect: 100-continue\r\n',
  'TE: trailers\r\n',
  'Trailer: X-T\r\n',
  'Keep-Alive: timeout=1\r\n',
  'X-Forwarded-For: \xff\r\n',
  'Forwarded: for=\r\n',
  'Set-Cookie: a=1; Domain=127.0.0.1\r\n',
  'Location: //127.0.0.1\r\n',
  'ETag: W/"\r\n',
  'Cache-Control: public, max-age=9\r\n',
  'Content-Type: text/html\r\n',
  ' folded\r\n',
  ': x\r\n',
  'HTTP/1.0',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
  'GET /?m=hidden HTTP/1.1\r\nHost: a.example\r\n\r\n',
  '0\r\n\r\n',
  '3\r\nabc\r\n',
  'ffffffffffff\r\n',
]

/** One to four changes; `others` are messages to take a part of. */
export function mutated(text: string, dice: Dice, others: readonly string[]): string {
  let out = text
  for (let left = dice.one([1, 1, 1, 2, 3, 4]); left > 0; left--) out = changed(out, dice, others)
  return out
}

function changed(text: string, dice: Dice, others: readonly string[]): string {
  const at = place(text, dice)
  const put = (what: string, cut = 0) => text.slice(0, at) + what + text.slice(at + cut)
  switch (dice.below(9)) {
    case 0:
      return put(dice.one(BYTES))
    case 1:
      return put(dice.one(BYTES), 1)
    case 2:
      return put(String.fromCharCode(dice.below(256)), dice.below(2))
    case 3:
      return put('', dice.one([1, 1, 2, 4, 20, 1000]))
    case 4:
    case 5:
      return put(dice.one(LINES))
    case 6: {
      const from = place(text, dice)
      return put(text.slice(from, from + dice.one([1, 2, 10, 60])))
    }
    case 7: {
      const other = dice.one(others)
      return text.slice(0, at) + other.slice(place(other, dice))
    }
    default:
      return text.replace(/\d+|[a-zA-Z]+/g, word => (dice.oneIn(12) ? other(word, dice) : word))
  }
}

function other(word: string, dice: Dice): string {
  if (/^\d/.test(word))
    return dice.one([
      '0',
      '1',
      '-1',
      `0${word}`,
      String(Number(word) + 1),
      String(Number(word) - 1),
      '204',
      '304',
      '101',
      '4294967296',
    ])
  return dice.one([
    word.toUpperCase(),
    word.toLowerCase(),
    `${word} `,
    `${word}\t`,
    `${word},${word}`,
    'HEAD',
    'chunked',
    'close',
  ])
}

/** Mostly where something begins or ends. */
function place(text: string, dice: Dice): number {
  if (dice.oneIn(3)) return dice.below(text.length + 1)
  const ends = [...text.matchAll(/\r\n|[ :]/g)].map(found => found.index + (dice.oneIn(3) ? 0 : found[0].length))
  return ends.length === 0 ? dice.below(text.length + 1) : dice.one(ends)
}
