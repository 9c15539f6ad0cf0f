// What of the sources no black box on one port can see, or another room of the tests holds: where to look for it.
import type { Source } from './sources.ts'

export const ELSEWHERE: Partial<Readonly<Record<Source, string>>> = {
  'rule:13': 'the Host policy of a backend, beside the cases here: test/e2e/forward.test.ts',
  'rule:14': 'overrides and sticky ids: test/e2e/hostile.test.ts, test/routing/',
  'rule:15': 'routing on a normalised copy, beside the cases here: test/routing/',
  'rule:26': 'failover new to legacy: comes with its feature',
  'rule:31': 'test/e2e/drain.test.ts',
  'rule:32': 'test/e2e/reload-process.test.ts, test/config/',
  'advisory:tls-identity': 'backends by TLS: test/upstream/',
  'advisory:tls-default': 'backends by TLS: test/upstream/',
  'advisory:deep-recursion': 'comparing bodies: comes with its feature',
  'advisory:hash-keys': 'comparing bodies: comes with its feature',
  'advisory:token-timing': 'test/e2e/admin-tokens.test.ts',
  'advisory:path-escape': 'test/routing/',
  'advisory:cache-key': 'nothing is cached by concatenated keys: test/upstream/',
  'advisory:short-keys': 'comparison and breaker keys: come with their features',
  'advisory:fast-path': 'test/routing/',
  'advisory:admin-origin': 'test/e2e/admin-access.test.ts',
}
