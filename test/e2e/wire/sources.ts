// What the cases are drawn from: the rows of the design's forwarding table, the 32 numbered rules and the contract F1–F12 of
// the research behind it, and published advisories. A case names its sources by these keys; `coverage.test.ts` holds that
// no key is left without a case or a place where else it is tested.

export const ROWS = {
  'trailer-without-body': 'GET with a Trailer header and no body',
  'any-method-body': 'DELETE/OPTIONS/GET with a body keep their framing',
  'connection-named': 'headers named in Connection, both ways',
  'hop-by-hop': 'Keep-Alive, TE, Proxy-*, Upgrade dropped, both ways',
  'odd-targets': 'odd targets byte-exact',
  'absolute-form': 'absolute-form target',
  'host-version-connect': 'two or empty Host, HTTP/2.0 line, CONNECT',
  'field-count': 'more header fields than the limit',
  repetition: 'repeated fields, order, case, latin1, reason phrase',
  expect: 'Expect: 100-continue decided by the backend',
  interim: '103 and other 1xx relayed',
  trailers: 'trailers, both ways',
  bodiless: '304 with Content-Length, HEAD, 204',
  'backend-cuts': 'backend closes or resets inside a body',
  'client-leaves': 'client leaves',
  'reused-closed': 'reused connection closed by the backend',
  'one-503': '503 to one GET is one backend request',
  'http-1.0-client': 'HTTP/1.0 client, chunked backend',
  'early-answer': 'early answer while the upload runs',
  'first-byte-late': 'first byte late: heads and pieces at once',
  upgrade: 'refused and accepted upgrades',
  'slow-reader': 'slow reader, either way',
  malformed: 'malformed framing or heads, from either side',
  'extra-bytes': 'a bodiless answer followed by extra bytes',
  'legacy-quirks': 'a legacy is what it is: quirks, HTTP/1.0',
  'bound-connection': 'NTLM and Negotiate pin the upstream socket',
  forwarded: 'X-Forwarded-*, X-Real-IP, Forwarded, Via',
  problem: 'errors are problem documents with a code',
  traceparent: 'traceparent is passed on, created if absent',
} as const

/** Rule numbers and what they say in a few words. */
export const RULES = [
  'TE+CL',
  'duplicate, list, signed, huge CL',
  'TE other than one final chunked',
  'obs-fold, space before colon, bare CR/LF, NUL',
  'exactly one Host; absolute-form authority',
  'OPTIONS *, GET *, CONNECT, unknown version',
  'limits of head, target, field count',
  'body framing is recreated',
  'no body for HEAD, 204, 304, 1xx; leftovers poison',
  'hop-by-hop fields, and what Connection cannot strip',
  'order, case, repetition, bytes preserved',
  'X-Forwarded-* policy; twins dropped',
  'Host policy per backend',
  'internal headers',
  'byte-exact target',
  'flush at once; back-pressure',
  'client abort',
  'backend ends early in a body',
  'answer while the upload runs',
  'Expect: 100-continue',
  '1xx relayed; 101 only when asked',
  'trailers',
  'upgrade',
  'retry on a reused connection',
  'connect failure may retry',
  'failover new to legacy',
  'retry budget; no retry on 503',
  'distinct codes',
  'timeouts',
  'pool hygiene',
  'drain',
  'atomic configuration swap',
] as const

export const CONTRACT = [
  'one framing decision',
  'TE+CL, TE on 1.0, repeated lengths, codings',
  'pairs counted from the wire',
  'one valid Host',
  'origin-form only',
  'one canonical path',
  'Expect: only 100-continue',
  'client abort destroys the upstream request',
  'truncated body is a visible abort',
  'malformed answer is a plain 502',
  'early final answer',
  'no process death',
] as const

export const ADVISORIES = {
  'head-ended-early': 'CVE-2025-23167',
  'space-before-length': 'CVE-2024-27982, CVE-2023-30589',
  'chunk-extension': 'CVE-2024-22019',
  'hidden-framing': 'CVE-2026-58044',
  'queue-poisoning': 'CVE-2026-48931, CVE-2026-6733',
  'tls-identity': 'CVE-2026-48934, -58040, -56850, -48928, -48930, -48618',
  'tls-default': 'CVE-2026-107318',
  'length-case-variants': 'CVE-2026-1525',
  'crlf-into-upgrade': 'CVE-2026-1527',
  'layered-encoding': 'CVE-2026-22036',
  'websocket-bombs': 'CVE-2026-1526, -1528, -2229, -12151',
  proto: 'CVE-2026-21710',
  http2: 'CVE-2025-59465, CVE-2026-21714, -48937, -56846, -56848, CVE-2023-44487',
  'deep-recursion': 'CVE-2025-59466',
  'hash-keys': 'CVE-2026-21717',
  'token-timing': 'CVE-2026-21713',
  'path-escape': 'CVE-2021-21321, -21322, CVE-2026-15631, -16117, -120213',
  'cache-key': 'GHSA-v574-6498-x57v',
  'connection-strips': 'CVE-2024-45410, CVE-2022-31813',
  'answer-nominations': 'CVE-2026-71849',
  'alias-headers': 'CVE-2026-54763, -88011, -33433',
  'upgrade-before-101': 'CVE-2026-2833, GHSA-c4j6-fc7j-m34r',
  'request-without-framing': 'CVE-2026-2835',
  'short-keys': 'CVE-2026-2836',
  'unread-body': 'CVE-2025-4366',
  'connect-pool': 'CVE-2026-71324',
  'empty-name': 'CVE-2023-25725, CVE-2023-40225',
  'short-chunk': 'CVE-2026-90678',
  'fast-path': 'CVE-2026-27588, -27587',
  'admin-origin': 'CVE-2026-27589',
  'rebuilt-body': 'CVE-2025-32996, -32997, CVE-2026-55603',
  'te-te': 'CVE-2026-23527',
} as const

export type Source =
  | `row:${keyof typeof ROWS}`
  | `rule:${number}`
  | `F:${number}`
  | `advisory:${keyof typeof ADVISORIES}`

export function allSources(): Source[] {
  return [
    ...(Object.keys(ROWS) as (keyof typeof ROWS)[]).map(key => `row:${key}` as const),
    ...RULES.map((_, at) => `rule:${at + 1}` as const),
    ...CONTRACT.map((_, at) => `F:${at + 1}` as const),
    ...(Object.keys(ADVISORIES) as (keyof typeof ADVISORIES)[]).map(key => `advisory:${key}` as const),
  ]
}

/** A source in words, for a page. */
export function shownSource(source: Source): string {
  const [kind, key = ''] = source.split(':')
  if (kind === 'row') return ROWS[key as keyof typeof ROWS]
  if (kind === 'rule') return `rule ${key}`
  return kind === 'F' ? `F${key}` : ADVISORIES[key as keyof typeof ADVISORIES]
}
