// What of the sources no black box on one port can see, or another room of the tests holds: where to look for it.
import type { Source } from './sources.ts'

export const ELSEWHERE: Partial<Readonly<Record<Source, string>>> = {
  'row:client-leaves':
    'its count as `aborted`: test/e2e/forward.test.ts; a recorded write that runs to its outcome: comes with dual writes',
  'row:bound-connection': 'not retried, not shadowed: test/upstream/',
  'rule:13': 'the Host policy of a backend, beside the cases here: test/e2e/forward.test.ts',
  'rule:14': 'overrides and sticky ids: test/e2e/hostile.test.ts, test/routing/',
  'rule:15': 'routing on a normalised copy, beside the cases here: test/routing/',
  'rule:26': 'failover new to legacy: test/e2e/, beside rollbacks',
  'rule:27': 'the retry budget, beside the cases here: test/upstream/retry-budget.test.ts',
  'rule:28': '503 and 404, beside the cases here: test/e2e/forward.test.ts',
  'rule:30': 'Keep-Alive: timeout= of a backend, beside the cases here: test/upstream/pool.test.ts',
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
