// Ways to frame a request body, right and wrong, as data. The matrix plays each with every method and in several pieces.
import type { Field } from '../message.ts'
import type { Source } from '../sources.ts'

export interface FramingCase {
  readonly title: string
  readonly source: readonly Source[]
  /** Field lines of the head, with their line ends. */
  readonly fields: string
  readonly body: string
  readonly version?: '1.0' | '1.1'
  /**
   * forwarded: with exactly this data. refused: 400 and closed, nothing upstream. either: one of the two. broken: the head
   * was fine, so the backend may have it already, but never a complete body.
   */
  readonly expect: 'forwarded' | 'refused' | 'either' | 'broken'
  readonly data?: string
  readonly framing?: 'none' | 'length' | 'chunked'
  readonly trailers?: readonly Field[]
  readonly statuses?: readonly number[]
}

/** 18 bytes, so that the size of the chunk has two digits to split between. */
const DATA = 'seventeen and one.'
const CHUNKED = `12\r\n${DATA}\r\n0\r\n\r\n`

const plain: readonly Source[] = ['row:any-method-body', 'rule:8', 'F:1']
const lengths: readonly Source[] = ['row:malformed', 'rule:2', 'F:2']
const codings: readonly Source[] = ['row:malformed', 'rule:3', 'F:2', 'advisory:te-te']
const chunks: readonly Source[] = ['row:malformed', 'rule:4']

function sized(value: string, title: string, more: Partial<FramingCase> = {}): FramingCase {
  return { title, source: lengths, fields: `Content-Length: ${value}\r\n`, body: DATA, expect: 'refused', ...more }
}

function coded(lines: string, title: string, more: Partial<FramingCase> = {}): FramingCase {
  // RFC 9112 has 501 for a coding that is not understood, others say 422; what counts is that nothing is read by a guess.
  const statuses = [400, 422, 501]
  return { title, source: codings, fields: lines, body: CHUNKED, expect: 'refused', statuses, ...more }
}

function chunk(body: string, title: string, more: Partial<FramingCase> = {}): FramingCase {
  return { title, source: chunks, fields: 'Transfer-Encoding: chunked\r\n', body, expect: 'broken', ...more }
}

const sent = { expect: 'forwarded', data: DATA, source: plain } as const

export const FRAMINGS: Readonly<Record<string, FramingCase>> = {
  none: { title: 'no framing is no body', source: plain, fields: '', body: '', expect: 'forwarded', data: '' },
  'length-0': sized('0', 'a length of 0 is no body', { ...sent, data: '', body: '' }),
  length: sized('18', 'a length stays that length', { ...sent, framing: 'length' }),
  'length-padded': sized('  18 \t', 'blanks around a length are no part of it', {
    ...sent,
    framing: 'length',
    expect: 'either',
  }),
  'length-zeros': sized('0018', 'zeros before a length are a length or a mistake, never two lengths', {
    ...sent,
    expect: 'either',
    source: lengths,
  }),
  chunked: coded('Transfer-Encoding: chunked\r\n', 'chunked stays chunked', { ...sent, framing: 'chunked' }),
  'chunked-case': coded('transfer-encoding: Chunked\r\n', 'the coding’s name has no case', {
    ...sent,
    framing: 'chunked',
  }),
  'chunked-padded': coded('Transfer-Encoding: \t chunked \t\r\n', 'blanks around the coding are no part of it', {
    ...sent,
    framing: 'chunked',
    expect: 'either',
  }),
  'chunked-pieces': coded(
    'Transfer-Encoding: chunked\r\n',
    'many chunks, hex digits of both cases, zeros before them',
    {
      ...sent,
      framing: 'chunked',
      body: `1\r\ns\r\n0A\r\n${DATA.slice(1, 11)}\r\n007\r\n${DATA.slice(11)}\r\n000\r\n\r\n`,
    },
  ),
  'chunked-extension': coded('Transfer-Encoding: chunked\r\n', 'a chunk extension does no harm', {
    ...sent,
    framing: 'chunked',
    body: `12;a=b;c="d"\r\n${DATA}\r\n0;e\r\n\r\n`,
  }),
  'chunked-empty': coded('Transfer-Encoding: chunked\r\n', 'an empty chunked body is a body of no bytes', {
    ...sent,
    data: '',
    body: '0\r\n\r\n',
  }),
  'chunked-trailers': coded('Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n', 'trailers arrive behind their body', {
    ...sent,
    source: ['row:trailers', 'rule:22'],
    framing: 'chunked',
    body: `12\r\n${DATA}\r\n0\r\nX-Sum: 1\r\n\r\n`,
    trailers: [['X-Sum', '1']],
  }),

  'te-and-length': coded('Transfer-Encoding: chunked\r\nContent-Length: 6\r\n', 'coding and length together', {
    source: ['row:malformed', 'rule:1', 'F:2'],
  }),
  'length-and-te': coded('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', 'length and coding together', {
    source: ['row:malformed', 'rule:1', 'F:2', 'advisory:request-without-framing'],
  }),
  'length-0-and-te': coded('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', 'a length of 0 and a coding', {
    source: ['row:malformed', 'rule:1', 'F:2'],
  }),
  'length-twice': sized('18\r\nContent-Length: 18', 'the same length twice'),
  'length-two': sized('18\r\nContent-Length: 4', 'two lengths'),
  'length-case-variants': sized('18\r\ncontent-length: 4', 'two lengths whose names differ in case', {
    source: [...lengths, 'advisory:length-case-variants'],
  }),
  'length-list': sized('18, 18', 'a list of lengths'),
  'length-plus': sized('+18', 'a length with a plus'),
  'length-minus': sized('-18', 'a length with a minus'),
  'length-huge': sized('99999999999999999999', 'a length over 64 bits', { statuses: [400, 413] }),
  'length-wraps': sized('18446744073709551634', 'a length that is 18 in 64 bits', { statuses: [400, 413] }),
  'length-hex': sized('0x12', 'a length in hex'),
  'length-fraction': sized('18.0', 'a length with a fraction'),
  'length-exponent': sized('18e0', 'a length with an exponent'),
  'length-inner-blank': sized('1 8', 'a length with a blank inside'),
  'length-empty': sized('', 'an empty length', { source: [...lengths, 'advisory:empty-name'] }),
  'length-word': sized('chunked', 'a length that is a word'),
  'length-nbsp': sized('18\xa0', 'a length with a no-break space'),
  'length-vertical-tab': sized('\x0b18', 'a length with a vertical tab'),

  'te-x': coded('Transfer-Encoding: xchunked\r\n', 'an unknown coding'),
  'te-twice': coded('Transfer-Encoding: chunked, chunked\r\n', 'chunked twice in a list'),
  'te-two-lines': coded('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', 'chunked on two lines'),
  'te-gzip': coded('Transfer-Encoding: gzip, chunked\r\n', 'a coding before chunked'),
  'te-not-last': coded('Transfer-Encoding: chunked, gzip\r\n', 'chunked that is not last'),
  'te-identity': coded('Transfer-Encoding: identity\r\n', 'identity as a coding'),
  'te-identity-chunked': coded('Transfer-Encoding: identity, chunked\r\n', 'identity before chunked'),
  'te-two-lines-identity': coded(
    'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n',
    'two lines, two codings',
  ),
  'te-empty': coded('Transfer-Encoding: \r\n', 'an empty coding'),
  'te-comma-first': coded('Transfer-Encoding: ,chunked\r\n', 'a comma before chunked'),
  'te-comma-last': coded('Transfer-Encoding: chunked,\r\n', 'a comma behind chunked'),
  'te-quoted': coded('Transfer-Encoding: "chunked"\r\n', 'chunked in quotes'),
  'te-parameter': coded('Transfer-Encoding: chunked;q=1\r\n', 'chunked with a parameter'),
  'te-vertical-tab': coded('Transfer-Encoding: \x0bchunked\r\n', 'a vertical tab before chunked'),
  'te-form-feed': coded('Transfer-Encoding: chunked\x0c\r\n', 'a form feed behind chunked'),
  'te-nul': coded('Transfer-Encoding: chunked\0\r\n', 'a NUL behind chunked'),
  'te-space-before-colon': coded('Transfer-Encoding : chunked\r\n', 'a space before the colon', {
    source: ['rule:4', 'advisory:space-before-length'],
  }),
  'te-tab-before-colon': coded('Transfer-Encoding\t: chunked\r\n', 'a tab before the colon', {
    source: ['rule:4', 'advisory:space-before-length'],
  }),
  'te-space-first': coded(' Transfer-Encoding: chunked\r\n', 'a space before the name', { source: ['rule:4'] }),
  'te-folded': coded('Transfer-Encoding:\r\n chunked\r\n', 'a folded coding', { source: ['rule:4'] }),
  'te-folded-before': coded('X-A: b\r\n\tTransfer-Encoding: chunked\r\n', 'a coding in a fold', { source: ['rule:4'] }),
  'te-bare-cr': coded('X-A: b\rTransfer-Encoding: chunked\r\n', 'a coding behind a bare CR', { source: ['rule:4'] }),
  'te-bare-lf': coded('X-A: b\nTransfer-Encoding: chunked\r\n', 'a coding behind a bare LF', { source: ['rule:4'] }),
  'te-http-1.0': coded('Transfer-Encoding: chunked\r\n', 'a coding in HTTP/1.0', {
    version: '1.0',
    source: ['rule:3', 'F:2', 'advisory:request-without-framing'],
  }),
  'length-space-before-colon': {
    ...sized('18', 'a space before the colon of a length', { source: ['rule:4', 'advisory:space-before-length'] }),
    fields: 'Content-Length : 18\r\n',
  },
  'length-folded': sized('1\r\n 8', 'a folded length', { source: ['rule:4'] }),
  'underscore-te': coded('Transfer_Encoding: chunked\r\n', 'a twin of the coding’s name frames nothing', {
    source: ['rule:12', 'advisory:alias-headers'],
    expect: 'either',
    body: '',
    data: '',
  }),
  'underscore-length': {
    ...sized('18', 'a twin of the length’s name frames nothing', { source: ['rule:12', 'advisory:alias-headers'] }),
    fields: 'Content_Length: 18\r\n',
    expect: 'either',
    body: '',
    data: '',
  },

  'chunk-space': chunk(`12 \r\n${DATA}\r\n0\r\n\r\n`, 'a space behind a chunk size'),
  'chunk-space-before': chunk(` 12\r\n${DATA}\r\n0\r\n\r\n`, 'a space before a chunk size'),
  'chunk-plus': chunk(`+12\r\n${DATA}\r\n0\r\n\r\n`, 'a plus before a chunk size'),
  'chunk-minus': chunk(`-12\r\n${DATA}\r\n0\r\n\r\n`, 'a minus before a chunk size'),
  'chunk-0x': chunk(`0x12\r\n${DATA}\r\n0\r\n\r\n`, '0x before a chunk size'),
  'chunk-underscore': chunk(`1_2\r\n${DATA}\r\n0\r\n\r\n`, 'an underscore in a chunk size'),
  'chunk-empty-size': chunk(`\r\n${DATA}\r\n0\r\n\r\n`, 'a chunk without a size'),
  'chunk-huge': chunk(`10000000000000012\r\n${DATA}\r\n0\r\n\r\n`, 'a chunk size over 64 bits'),
  'chunk-over-53': chunk(`ffffffffffffff\r\n${DATA}\r\n0\r\n\r\n`, 'a chunk size over 53 bits'),
  'chunk-lf': chunk(`12\n${DATA}\r\n0\r\n\r\n`, 'a chunk size that ends with LF'),
  'chunk-cr': chunk(`12\r${DATA}\r\n0\r\n\r\n`, 'a chunk size that ends with CR'),
  'chunk-data-lf': chunk(`12\r\n${DATA}\n0\r\n\r\n`, 'chunk data that ends with LF'),
  'chunk-too-long': chunk(`12\r\n${DATA}xx\r\n0\r\n\r\n`, 'more data than the chunk size says'),
  'chunk-extension-lf': chunk(`12;a\n=b\r\n${DATA}\r\n0\r\n\r\n`, 'a LF in a chunk extension'),
  'chunk-extension-cr': chunk(`12;a\r=b\r\n${DATA}\r\n0\r\n\r\n`, 'a CR in a chunk extension'),
  'chunk-extension-nul': chunk(`12;a\0\r\n${DATA}\r\n0\r\n\r\n`, 'a NUL in a chunk extension'),
  'trailer-folded': chunk(`12\r\n${DATA}\r\n0\r\nX-A: b\r\n c\r\n\r\n`, 'a folded trailer'),
  'trailer-lf': chunk(`12\r\n${DATA}\r\n0\r\nX-A: b\nX-C: d\r\n\r\n`, 'a trailer line that ends with LF'),
  'trailer-no-colon': chunk(`12\r\n${DATA}\r\n0\r\nX-A\r\n\r\n`, 'a trailer line without a colon'),
  'trailer-space-before-colon': chunk(`12\r\n${DATA}\r\n0\r\nX-A : b\r\n\r\n`, 'a space before a trailer’s colon'),
}
