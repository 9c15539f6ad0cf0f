// The part of the admin API about shadowing: where the sides' answers differ, what of it is noise, which rules say what does
// not count. Mirrors shadow/view.ts; spread into the operations of api.ts.
import { z } from 'zod'
import { describeAs } from '../config/about.ts'
import {
  DIVERGENCE_KINDS,
  DROP_REASONS,
  PRIORS,
  SEVERITIES,
  SHADOW_RESULTS,
  SKIP_REASONS,
} from '../model/comparison.ts'
import { Applied, key, moment, type Operation, RouteParams, reason, side, span, whole } from './api-words.ts'

const kind = z.enum(DIVERGENCE_KINDS)
const severity = z.enum(SEVERITIES)
const state = z
  .enum(['divergent', 'noise', 'undecided', 'ignored'])
  .describe('noise: legacy differs from itself as well; ignored: a rule hides it by now')
const rate = z.number().nullable().describe('0 to 1')
const interval = z.tuple([z.number(), z.number()]).nullable().describe('anytime-valid, 95 %')
const quantiles = z.object({ p50Ms: z.number().nullable(), p95Ms: z.number().nullable() })

const Share = z.object({ of: z.number().int(), count: z.number().int(), rate, interval })
export type Share = z.infer<typeof Share>

/** Every result, flat: their sum is `eligible`. */
const resultCounts = Object.fromEntries(SHADOW_RESULTS.map(result => [result, z.number().int()])) as Record<
  (typeof SHADOW_RESULTS)[number],
  z.ZodInt
>

const Totals = z.object({
  eligible: z.number().int().describe('the sum of the results'),
  ...resultCounts,
  unasked: z
    .partialRecord(z.enum([...SKIP_REASONS, ...DROP_REASONS]), z.number().int())
    .describe('breaks skipped and dropped down'),
  since: moment,
})
export type Totals = z.infer<typeof Totals>

const jsonType = z.string().nullable().describe('JSON type; null: absent on that side')

export const ShownDifference = z.object({
  kind,
  path: z.string().describe('JSON Pointer into legacy’s answer (into new’s for extra); indexes and ids are stars'),
  newPath: z.string().optional(),
  severity,
  legacyType: jsonType,
  newType: jsonType,
  legacy: z.string().optional().describe('JSON, redacted and cut; scope bodies, and only where values are kept'),
  new: z.string().optional(),
  note: z.string().optional(),
})
export type ShownDifference = z.infer<typeof ShownDifference>

const ShownAnswer = z.object({
  status: z.number().int(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string().nullable().describe('redacted and cut; null: not text'),
})
export type ShownAnswer = z.infer<typeof ShownAnswer>

const Exemplar = z.object({
  at: moment,
  exchange: z.string(),
  traceId: z.string(),
  primary: side,
  method: z.string(),
  template: z.string(),
  target: z.string().nullable().describe('redacted; null: not kept, or the token lacks the scope bodies'),
  keyHash: z.string().nullable(),
  statuses: z.object({ legacy: z.number().int(), new: z.number().int() }),
  differences: z.array(ShownDifference),
  more: z.number().int().describe('differences beyond those'),
  answers: z
    .object({ legacy: ShownAnswer, new: ShownAnswer })
    .nullable()
    .describe('null: values are not kept, or the token lacks the scope bodies'),
})
export type ExemplarView = z.infer<typeof Exemplar>

const Place = z.object({
  template: z.string(),
  kind,
  path: z.string().describe('JSON Pointer in which each index and id is a star'),
  state,
  severity,
  count: z.number().int(),
  why: z.string(),
})

export const SignatureAnswer = z.object({
  signature: z.string(),
  route: z.string(),
  template: z.string(),
  state,
  severity,
  kind,
  field: z.string().describe('such as total_cents, header content-type, 404 → 400'),
  count: z.number().int(),
  rate: rate.describe('0 to 1, of the comparisons in the templates where it was seen'),
  interval,
  firstSeen: moment,
  lastSeen: moment,
  differences: z.array(Place),
  why: z.string().describe('why it is in that state'),
  askedAgain: z
    .object({ persistent: z.number().int(), transient: z.number().int() })
    .describe('mismatches that were asked again on both sides after a while'),
  exemplar: Exemplar.nullable().describe('the first that is kept'),
  latest: Exemplar.nullable(),
})
export type SignatureAnswer = z.infer<typeof SignatureAnswer>

const Suspension = z.object({
  template: z.string(),
  side: side.describe('the one that is not asked'),
  why: z.string(),
  since: moment,
})

export const DivergencesAnswer = z.object({
  route: z.string(),
  template: z.string(),
  totals: Totals,
  match: Share.describe('of the compared: without a difference that counts'),
  matchBySeverity: z
    .object({ low: Share, medium: Share, high: Share })
    .describe('without one of that severity or above'),
  latency: z.object({
    pairs: z.number().int(),
    legacy: quantiles,
    new: quantiles,
    delta: quantiles.describe('new − legacy of the same request'),
    newSlower: z.number().nullable().describe('share of pairs in which new was the slower one, 0 to 1'),
  }),
  suspended: z.array(Suspension).describe('templates that are no longer asked'),
  overflow: z.number().int().describe('differences that were counted and not kept, because there was too much'),
  items: z.array(SignatureAnswer).describe('most severe first, then most often'),
})
export type DivergencesAnswer = z.infer<typeof DivergencesAnswer>

export const RuleAnswer = z.object({
  id: z.string().describe('file:0 … for those of the file, rule-… for those that were added'),
  text: z.string().describe('what it does, in a sentence'),
  does: z.string(),
  paths: z.array(z.string()).describe('JSONPaths (RFC 9535), header:NAME, status'),
  owner: z.string().nullable(),
  reason: z.string().nullable(),
  until: moment.nullable().describe('it counts until then; null: for ever'),
  source: z.enum(['file', 'added']),
  by: z.string().nullable(),
  at: moment.nullable(),
  hits: z.number().int().describe('differences that it hid'),
  lastHit: moment.nullable(),
  comparisons: z.number().int().describe('that it took part in'),
  dead: z.boolean().describe('it never hid anything in many comparisons'),
  expired: z.boolean(),
})
export type RuleAnswer = z.infer<typeof RuleAnswer>

const NoiseAnswer = z.object({
  id: z.string(),
  template: z.string(),
  kind,
  path: z.string(),
  state,
  prior: z.enum(PRIORS).nullable().describe('what it looks like, before anything is learned'),
  repeats: z.number().int().describe('comparisons of this template in which legacy or new was asked twice'),
  onlyNew: z.number().int().describe('only new differed'),
  onlySelf: z.number().int().describe('only the repetition of the primary’s side did'),
  both: z.number().int(),
  evidenceNats: z.number(),
  thresholdNats: z.number(),
  why: z.string(),
  expiresAt: moment.nullable(),
})
export type NoiseAnswer = z.infer<typeof NoiseAnswer>

export const ReportAnswer = DivergencesAnswer.extend({
  at: moment,
  rules: z.array(RuleAnswer),
  noise: z.array(NoiseAnswer),
})
export type ReportAnswer = z.infer<typeof ReportAnswer>

export const TriedRule = z.object({
  text: z.string().describe('what the rule does, in a sentence'),
  hides: z
    .array(
      z.object({
        signature: z.string(),
        field: z.string(),
        state,
        severity,
        whole: z.boolean().describe('all of the signature; false: some of its places'),
        count: z.number().int().describe('stored differences that it would hide'),
        places: z.array(z.object({ template: z.string(), kind, path: z.string() })),
      }),
    )
    .describe('stored signatures that it would hide'),
  unknown: z
    .array(z.object({ signature: z.string(), field: z.string(), count: z.number().int(), why: z.string() }))
    .describe('where it depends on values, which are not kept'),
  hidden: z.number().int().describe('differences that it would hide'),
  of: z.number().int().describe('differences that are stored'),
})
export type TriedRule = z.infer<typeof TriedRule>

export const Replayed = z.object({
  signature: z.string(),
  at: moment,
  method: z.string(),
  target: z.string().nullable(),
  statuses: z
    .object({ legacy: z.number().int().nullable(), new: z.number().int().nullable() })
    .describe('null: that side did not answer'),
  verdict: z
    .enum(['persistent', 'transient', 'other', 'failed'])
    .describe('the same difference; none; another one; a side did not answer'),
  why: z.string(),
  differences: z.array(ShownDifference),
  more: z.number().int(),
})
export type Replayed = z.infer<typeof Replayed>

/** What the rules say it may hold is looked at there; here it is an object with something in it. */
const ruleInput = z
  .record(z.string().max(64), z.unknown())
  .refine(rule => Object.keys(rule).length > 0, { message: 'must be a rule, such as {"ignore": "$.request_id"}' })
  .describe(
    'one rule as in compare.rules of routes.yaml: {"ignore": "$.request_id", "reason": "…", "owner": "…", "until": "…"}; to be added it needs a reason',
  )

const SignatureParams = z.object({ signature: z.string().max(64) })
const forget = z.strictObject({ key, reason: reason.optional() })

export const compareOperations = {
  divergences: {
    method: 'GET',
    path: '/routes/:id/divergences',
    summary: 'Where the answers of the sides differ: totals, and one item for each field and kind of difference',
    scope: 'read',
    params: RouteParams,
    query: z.strictObject({
      since: describeAs(z.union([whole(400 * 86_400_000), span]), {
        allowed: 'milliseconds since 1970, or a time until now such as 1h',
      })
        .optional()
        .describe('only what was seen since then: milliseconds since 1970, or a time until now such as 1h'),
      severity: severity.optional().describe('of that severity or above'),
      kind: kind.optional(),
      path: z.string().max(1024).optional().describe('JSON Pointer: at that place or below it'),
      state: state.optional(),
      limit: whole(1, 1000).default(100),
    }),
    answer: DivergencesAnswer,
  },
  divergence: {
    method: 'GET',
    path: '/divergences/:signature',
    summary: 'One of them, with its places and exemplars',
    scope: 'read',
    params: SignatureParams,
    answer: SignatureAnswer,
  },
  acknowledge: {
    method: 'DELETE',
    path: '/divergences/:signature',
    summary: 'Acknowledge it: it is forgotten, and is new when it is seen again',
    scope: 'operate',
    params: SignatureParams,
    query: z.strictObject({ reason: reason.optional() }),
    answer: Applied.extend({ signature: z.string(), route: z.string() }),
  },
  replay: {
    method: 'POST',
    path: '/divergences/:signature/replay',
    summary:
      'Ask both sides again now, without credentials; X-Banyan-Forward-Authorization is passed on as Authorization. Only safe methods are asked again',
    scope: 'operate',
    andScope: 'bodies',
    params: SignatureParams,
    body: z.strictObject({}),
    answer: Replayed,
  },
  noise: {
    method: 'GET',
    path: '/routes/:id/noise',
    summary: 'Places where the primary’s side was seen to differ from itself, with the evidence',
    scope: 'read',
    params: RouteParams,
    answer: z.object({ noise: z.array(NoiseAnswer) }),
  },
  revokeNoise: {
    method: 'DELETE',
    path: '/routes/:id/noise/:place',
    summary: 'Forget what was learned of a place: it is learned anew',
    scope: 'operate',
    params: RouteParams.extend({ place: z.string().max(200) }),
    query: z.strictObject({ reason: reason.optional() }),
    answer: Applied.extend({ noise: NoiseAnswer.describe('as it was') }),
  },
  rules: {
    method: 'GET',
    path: '/routes/:id/rules',
    summary: 'What does not count as a difference, by the file and by operators, and how often each rule hid one',
    scope: 'read',
    params: RouteParams,
    answer: z.object({ rules: z.array(RuleAnswer) }),
  },
  addRule: {
    method: 'POST',
    path: '/routes/:id/rules',
    summary: 'Add a rule to a route, with the reason why; it counts from now on',
    scope: 'operate',
    params: RouteParams,
    body: ruleInput,
    answer: Applied.extend({ rule: RuleAnswer }),
    conditional: true,
  },
  removeRule: {
    method: 'DELETE',
    path: '/routes/:id/rules/:rule',
    summary: 'Remove a rule that was added; those of the file are removed there',
    scope: 'operate',
    params: RouteParams.extend({ rule: z.string().max(64) }),
    query: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  tryRule: {
    method: 'POST',
    path: '/routes/:id/rules/try',
    summary: 'Which stored differences a rule would hide; nothing is changed',
    scope: 'read',
    params: RouteParams,
    body: ruleInput,
    answer: TriedRule,
  },
  resume: {
    method: 'DELETE',
    path: '/routes/:id/suspensions',
    summary:
      'Ask a suspended template again; without a template: all of the route. One that is not suspended is refused',
    scope: 'operate',
    params: RouteParams,
    query: z.strictObject({ template: z.string().max(1024).optional(), reason: reason.optional() }),
    answer: Applied.extend({ resumed: z.array(Suspension) }),
  },
  report: {
    method: 'GET',
    path: '/routes/:id/report',
    summary: 'All that is known of a route: match rates, differences, rules, noise, what was never compared',
    scope: 'read',
    params: RouteParams,
    query: z.strictObject({ limit: whole(1, 1000).default(100) }),
    answer: ReportAnswer,
  },
  forget: {
    method: 'POST',
    path: '/forget',
    summary: 'Delete what is stored of one user, by a sticky key: the key is hashed and not kept',
    scope: 'admin',
    body: forget,
    answer: Applied.extend({ forgotten: z.number().int().describe('exemplars that were deleted') }),
  },
} as const satisfies Record<string, Operation>

export type CompareCall = keyof typeof compareOperations
