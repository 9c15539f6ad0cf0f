// Turns what was refused into a problem document (RFC 9457): one table from code to status.
import { BanyanError } from '../model/errors.ts'
import type { Problem } from './api.ts'

const STATUS: Readonly<Record<string, readonly [status: number, title: string]>> = {
  invalid: [400, 'Invalid Request'],
  bad_request: [400, 'Bad Request'],
  not_json: [400, 'Not JSON'],
  unauthorized: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  forbidden_origin: [403, 'Forbidden Origin'],
  csrf: [403, 'Not from Its Own Page'],
  unknown_path: [404, 'Not Found'],
  unknown_route: [404, 'Unknown Route'],
  unknown_rollback: [404, 'Unknown Rollback'],
  unknown_token: [404, 'Unknown Token'],
  unknown_signature: [404, 'Unknown Divergence'],
  unknown_rule: [404, 'Unknown Rule'],
  unknown_noise: [404, 'Unknown Noise'],
  unknown_suspension: [404, 'Unknown Suspension'],
  unknown_side: [404, 'Unknown Side'],
  method_refused: [405, 'Method Not Allowed'],
  request_timeout: [408, 'Request Timeout'],
  frozen: [409, 'Frozen'],
  one_sided: [409, 'One-Sided Route'],
  new_only: [409, 'No Legacy Side'],
  controlled_by_file: [409, 'Controlled by File'],
  seed_from_file: [409, 'Seed from File'],
  token_exists: [409, 'Token Exists'],
  no_file: [409, 'No File'],
  links_off: [409, 'Links Are Off'],
  no_key: [409, 'No Keys'],
  too_many_pins: [409, 'Too Many Pins'],
  rule_exists: [409, 'Rule Exists'],
  too_many_rules: [409, 'Too Many Rules'],
  not_replayable: [409, 'Cannot Be Replayed'],
  stale_revision: [412, 'Stale Revision'],
  too_large: [413, 'Too Large'],
  not_json_type: [415, 'Unsupported Media Type'],
  wrong_host: [421, 'Misdirected Request'],
  invalid_config: [422, 'Invalid Configuration'],
  target_too_long: [414, 'URI Too Long'],
  head_too_large: [431, 'Request Header Fields Too Large'],
  too_many_fields: [431, 'Request Header Fields Too Large'],
  throttled: [429, 'Too Many Failed Logins'],
  listener_share: [429, 'Too Many Listeners of One Token'],
  internal: [500, 'Internal Error'],
  backend_failed: [502, 'Bad Gateway'],
  store_unavailable: [503, 'Store Unavailable'],
  too_many_listeners: [503, 'Too Many Listeners'],
}

/** Codes of the store come through as what they mean to a caller. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof BanyanError ? error : fromFastify(error)
  const code = Object.hasOwn(STATUS, known.code)
    ? known.code
    : known.code.startsWith('store_')
      ? 'store_unavailable'
      : 'internal'
  const [status, title] = STATUS[code] as readonly [number, string]
  const { errors, currentRevision } = known.details as Pick<Problem, 'errors' | 'currentRevision'>
  return {
    type: `urn:banyan:${known.code}`,
    title,
    status,
    detail: code === 'internal' ? 'something went wrong in here; the log has it' : known.message,
    code: known.code,
    ...(errors === undefined ? {} : { errors }),
    ...(known.hint === null ? {} : { hint: known.hint }),
    ...(currentRevision === undefined ? {} : { currentRevision }),
  }
}

/** Seconds for Retry-After, which every 429 has; null: none. */
export function retryAfterOf(error: unknown, status: number): number | null {
  const seconds = error instanceof BanyanError ? error.details.retryAfter : undefined
  if (typeof seconds === 'number') return seconds
  return status === 429 ? 60 : null
}

/** fastify's own refusals, by its codes. */
function fromFastify(error: unknown): BanyanError {
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new BanyanError('too_large', 'the body is too large for this call', {
      hint: '64 KiB are enough for any of them',
    })
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new BanyanError('not_json_type', 'bodies are JSON here', { hint: 'Content-Type: application/json' })
  }
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY')
    return new BanyanError('not_json', 'the body is empty, not JSON', { hint: 'send {} or no body at all' })
  if (statusCode === 400) return new BanyanError('not_json', 'the body is not JSON', { hint: 'as in {"percent": 5}' })
  return new BanyanError('internal', String(error), { cause: error })
}
