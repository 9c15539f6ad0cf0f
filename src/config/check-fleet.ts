// The rules of `fleet` that need several keys at once.
import { type Checked, mapping } from './check-data.ts'
import { SHORTEST_SECRET } from './fleet-schema.ts'
import type { Finding } from './mistakes.ts'

export function* checkFleet({ data }: Checked): Generator<Finding> {
  const fleet = mapping(data.fleet)
  const secret = typeof fleet.secret === 'string' ? fleet.secret : ''
  const named = fleet.peers !== undefined
  if (named && !/^postgres(ql)?:/.test(String(data.store ?? ''))) {
    yield {
      path: ['fleet', 'peers'],
      message: 'peers without a store that they share',
      allowed: 'only with store: postgres://…',
      hint: 'every instance of a fleet is on one PostgreSQL',
    }
  }
  if (named && secret === '') {
    yield {
      path: ['fleet', 'peers'],
      message: 'peers without a secret: anybody could roll back',
      allowed: 'only with fleet.secret',
      hint: 'take it from a variable, the same for all; make one: openssl rand -base64 32',
    }
  }
  if (secret !== '' && secret.length < SHORTEST_SECRET) {
    yield {
      path: ['fleet', 'secret'],
      message: `shorter than ${SHORTEST_SECRET} characters`,
      allowed: `${SHORTEST_SECRET} characters or more`,
      hint: 'make one: openssl rand -base64 32',
    }
  }
  if (fleet.listen !== undefined && fleet.listen !== 'none' && secret === '') {
    yield {
      path: ['fleet', 'listen'],
      message: 'a listener for peers, and no secret that they sign with',
      allowed: 'only with fleet.secret',
      hint: null,
    }
  }
}
