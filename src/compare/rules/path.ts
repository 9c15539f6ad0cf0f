// JSONPath (RFC 9535) as rules use it: json-p3 reads the text, and refuses what is not well-formed or well-typed; what it read is
// kept in a shape of our own, because walking it (select.ts) must be bounded, must not recurse, and goes over lossless JSON.
import { JSONPathEnvironment, JSONPathError, type JSONPathQuery, jsonpath, TokenKind } from 'json-p3'
import { decimalOf, Exact, isExactAsDouble } from '../json/exact.ts'

const MAX_PATH = 1000
const MAX_NESTING = 50

export type BodyPath = readonly PathSegment[]

export interface PathSegment {
  /** `..`: also of everything below. */
  readonly descends: boolean
  readonly selectors: readonly PathSelector[]
}

export type PathSelector =
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'index'; readonly index: number }
  | { readonly by: 'all' }
  | { readonly by: 'slice'; readonly start: number | null; readonly end: number | null; readonly step: number }
  | { readonly by: 'filter'; readonly test: FilterTest }

/** What a filter asks; well-typed, as the library has seen to it. */
export type FilterTest =
  | { readonly is: 'literal'; readonly value: string | number | boolean | null | Exact }
  | { readonly is: 'query'; readonly from: '$' | '@'; readonly path: BodyPath }
  | { readonly is: 'not'; readonly of: FilterTest }
  | { readonly is: 'and' | 'or'; readonly left: FilterTest; readonly right: FilterTest }
  | { readonly is: 'compare'; readonly operator: string; readonly left: FilterTest; readonly right: FilterTest }
  | { readonly is: 'call'; readonly name: string; readonly args: readonly FilterTest[] }

export interface PathMistake {
  readonly message: string
  /** Characters from 1 on. */
  readonly position: number
}

const environment = new JSONPathEnvironment()

export function readPath(text: string): BodyPath | PathMistake {
  if (text.length > MAX_PATH) return { message: `longer than ${MAX_PATH} characters`, position: MAX_PATH + 1 }
  // The library's parser calls itself.
  if ((text.match(/[([!]/g)?.length ?? 0) > MAX_NESTING) return { message: 'too many brackets', position: 1 }
  try {
    return segmentsOf(environment.compile(text))
  } catch (error) {
    if (!(error instanceof JSONPathError)) throw error
    return { message: plain(error), position: Math.max(1, error.token.index + 1) }
  }
}

export function isPath(read: BodyPath | PathMistake): read is BodyPath {
  return Array.isArray(read)
}

function segmentsOf(query: JSONPathQuery): BodyPath {
  return query.segments.map(({ token, selectors }) => ({
    descends: token.kind === TokenKind.DDOT,
    selectors: selectors.map(selectorOf),
  }))
}

const { NameSelector, IndexSelector, SliceSelector, FilterSelector } = jsonpath.selectors

function selectorOf(selector: jsonpath.JSONPathSelector): PathSelector {
  if (selector instanceof NameSelector) return { by: 'name', name: selector.name }
  if (selector instanceof IndexSelector) return { by: 'index', index: selector.index }
  if (selector instanceof SliceSelector) {
    return { by: 'slice', start: selector.start ?? null, end: selector.stop ?? null, step: selector.step ?? 1 }
  }
  if (selector instanceof FilterSelector) return { by: 'filter', test: testOf(selector.expression.expression) }
  return { by: 'all' }
}

const { NullLiteral, BooleanLiteral, StringLiteral, NumberLiteral, PrefixExpression, InfixExpression } =
  jsonpath.expressions
const { FilterQuery, RootQuery, FunctionExtension } = jsonpath.expressions

function testOf(expression: jsonpath.expressions.FilterExpression): FilterTest {
  if (expression instanceof NullLiteral) return { is: 'literal', value: null }
  if (expression instanceof BooleanLiteral) return { is: 'literal', value: expression.value }
  if (expression instanceof StringLiteral) return { is: 'literal', value: expression.value }
  // The text: the library's number is a double.
  if (expression instanceof NumberLiteral) return { is: 'literal', value: numberOf(expression.token.value) }
  if (expression instanceof FilterQuery) {
    return { is: 'query', from: expression instanceof RootQuery ? '$' : '@', path: segmentsOf(expression.path) }
  }
  if (expression instanceof PrefixExpression) return { is: 'not', of: testOf(expression.right) }
  if (expression instanceof FunctionExtension) {
    return { is: 'call', name: expression.name, args: expression.args.map(testOf) }
  }
  if (!(expression instanceof InfixExpression)) throw new Error(`unknown part of a filter: ${expression}`)
  const { operator } = expression
  const [left, right] = [testOf(expression.left), testOf(expression.right)]
  if (operator === '&&') return { is: 'and', left, right }
  return operator === '||' ? { is: 'or', left, right } : { is: 'compare', operator, left, right }
}

function numberOf(lexeme: string): number | Exact {
  return isExactAsDouble(lexeme) ? Number(lexeme) : new Exact(decimalOf(lexeme))
}

const TOKENS: Readonly<Record<string, string>> = {
  TOKEN_COLON: "':'",
  TOKEN_COMMA: "','",
  TOKEN_LBRACKET: "'['",
  TOKEN_RBRACKET: "']'",
  TOKEN_LPAREN: "'('",
  TOKEN_RPAREN: "')'",
  TOKEN_ROOT: "'$'",
  TOKEN_FILTER_START: "'?'",
  TOKEN_WILD: "'*'",
  TOKEN_EOF: 'the end',
  TOKEN_ERROR: 'white space',
  TOKEN_NAME: 'a name',
  TOKEN_INDEX: 'an index',
  TOKEN_SINGLE_QUOTE_STRING: 'a text',
  TOKEN_DOUBLE_QUOTE_STRING: 'a text',
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  // The excerpt at the end.
  [/ \('.{0,9}':-?\d+\)$/s, ''],
  [/ (?:starting )?at index \d+/, ''],
  [/^bald descendant segment$/, 'nothing follows ..'],
  [/^non-singular query is not comparable$/, 'only a path to one place can be compared'],
  [/^filter expression literals \((.*)\) must be compared$/s, 'a literal ($1) must be compared with something'],
  [/^(result of \w+\(\)) +must be compared$/, 'the $1 must be compared with something'],
  [/^(result of \w+\(\)) is not comparable$/, 'the $1 is true or false already: it cannot be compared'],
  [/ argument 0 must be/, ': its first argument must be'],
  [/ argument 1 must be/, ': its second argument must be'],
  [/must be of NodesType/, 'must be a path'],
  [/must be of ValueType/, 'must be a literal or a path to one place'],
  [/filter selector token /, ''],
  [/shorthand selector (.*)/s, '$1 after .'],
  [/descendent selection token (.*)/s, '$1 after ..'],
  [/bracketed selection|bracketed segment/, '[ ]'],
  [/ in index selector/, ' in an index'],
  [/(high|low) surrogate codepoint|codepoint/, 'half of a surrogate pair'],
]

function plain(error: JSONPathError): string {
  const named = error.message.replace(
    /(?:token )?'?\b(TOKEN_[A-Z_]+)\b'?/g,
    (_, token: string) => TOKENS[token] ?? token.slice('TOKEN_'.length).toLowerCase(),
  )
  return WORDS.reduce((text, [from, to]) => text.replace(from, to), named)
}
