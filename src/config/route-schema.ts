// The schema of one route: what is matched, who may serve it, and by which policies.
import { z } from 'zod'
import { hostPattern, network } from './addresses.ts'
import { compare } from './compare-schema.ts'
import { keyList } from './key-list.ts'
import { inherited, later } from './later.ts'
import { cookieSource, fieldName, headerName, id, method, pathPattern, stickySource, valuePattern } from './patterns.ts'
import { policiesLater, writesLater } from './planned.ts'
import { shadow } from './shadow-schema.ts'
import { side } from './side-schema.ts'
import { duration, percent, text } from './values.ts'

export { type BackendConfig, backendSchema } from './backend-schema.ts'
export type { SideConfig } from './side-schema.ts'

// ---- what is matched

const onePathOrMore = () => z.union([z.array(pathPattern()).min(1), pathPattern()])

const matchObject = z.strictObject({
  path: onePathOrMore()
    .exactOptional()
    .describe(
      'literal, `:param` segments, trailing `*`; `/orders/*` also matches `/orders`; `/shop/*.do` is all below `/shop` that ends so',
    ),
  paths: onePathOrMore().exactOptional().describe('the same for several paths'),
  host: hostPattern().exactOptional().describe('default: any host'),
  methods: z
    .array(method())
    .min(1)
    .exactOptional()
    .describe('default: any method. GET implies HEAD; a preflight counts as the method it asks for'),
  headers: z.record(headerName(), valuePattern()).describe('headers that must be there').prefault({}),
  query: z.record(fieldName(), valuePattern()).describe('query parameters that must be there').prefault({}),
  cookies: z.record(fieldName(), valuePattern()).describe('cookies that must be there').prefault({}),
  case: z.enum(['exact', 'ignore']).describe('whether `/Orders` is `/orders` (IIS)').prefault('exact'),
})

export type MatchConfig = Omit<z.output<typeof matchObject>, 'path' | 'paths'> & { readonly paths: readonly string[] }

const match = z
  .codec(matchObject, z.custom<MatchConfig>(), {
    decode: ({ path = [], paths = [], ...rest }) => ({ ...rest, paths: [path, paths].flat() }),
    encode: ({ paths, ...rest }) => ({ ...rest, paths: [...paths] }),
  })
  .describe('which requests belong to the route')

// ---- policies

/** Whatever a route can inherit from `defaults`, with what counts when neither says anything. */
const policies = {
  weight: percent().describe('percent of users whose primary is `new`: 0 nobody, 100 everybody').prefault(0),
  sticky: z
    .array(stickySource())
    .describe(
      'where the key of a user comes from; the first one present decides; empty: each request is drawn by itself',
    )
    .prefault([]),
  data: z
    .enum(['separate', 'shared'])
    .exactOptional()
    .describe(
      'needed with two sides and unsafe methods. separate: each side has its data, `writes.mode` names who takes writes; shared: one database, writes follow the user',
    ),
  override: z
    .strictObject({
      header: headerName()
        .describe('the header whose value `legacy` or `new` picks the side')
        .prefault('x-banyan-side'),
      from: z.array(network()).describe('clients that may pick; empty: nobody').prefault([]),
      links: z.boolean().describe('signed links made by `banyan link` may pick').prefault(false),
    })
    .exactOptional()
    .describe('lets testers pick a side; default nobody'),
  pin: z
    .strictObject({
      idle: duration(60_000)
        .describe('how long a pin counts without a request; as long as the session id stays, it counts anyway')
        .prefault('30m'),
      admit: z
        .enum(['new-sessions', 'anyone'])
        .describe('whom the weight may move: sessions that begin, or also those that began before anybody was pinned')
        .prefault('new-sessions'),
      session: z
        .union([z.array(cookieSource()).min(1), cookieSource()])
        .exactOptional()
        .describe('the cookie with the application’s session id, or several; default: the cookies of `sticky`'),
    })
    .exactOptional()
    .describe('who has a side keeps it through login and weight changes, by a signed cookie; default off'),
  cohorts: z
    .array(
      z.strictObject({
        when: z
          .strictObject({
            cidr: z
              .union([z.array(network()).min(1), network()])
              .exactOptional()
              .describe('client addresses'),
            header: z.record(headerName(), valuePattern()).exactOptional().describe('headers that must be there'),
            cookie: z.record(fieldName(), valuePattern()).exactOptional().describe('cookies that must be there'),
            claim: z
              .record(fieldName(), valuePattern())
              .exactOptional()
              .describe('claims of the bearer token, which is not verified'),
            keys: keyList().exactOptional().describe('a file of sticky keys, one a line; read again when it changes'),
          })
          .describe('who belongs to it; all that is said must hold'),
        side: z.enum(['legacy', 'new']).describe('the side that serves it'),
      }),
    )
    .describe('users whose side is said, before any draw; the first that fits counts')
    .prefault([]),
  preflight: z
    .enum(['legacy', 'new', 'follow'])
    .describe(
      'who answers a CORS preflight of a route with both sides: it carries nothing that tells its user. follow: drawn like the method that it asks for',
    )
    .prefault('legacy'),
  ambiguous: z
    .union([z.literal('legacy'), z.literal(400)])
    .describe('raw and normalised path take different routes: legacy serves it, counted; or 400')
    .prefault('legacy'),
  fallback: z
    .strictObject({
      on: z
        .array(z.union([z.int().min(400).max(599), z.enum(['connect', 'timeout'])]))
        .describe('failures of new that legacy answers instead: connect, timeout, statuses; empty: off')
        .prefault([]),
      methods: z
        .array(method())
        .describe('which requests; with data: shared and on: [connect] also unsafe ones')
        .prefault(['GET', 'HEAD', 'OPTIONS']),
    })
    .exactOptional()
    .describe('from new to legacy only, before a byte reached the client; default off'),
  otherSideOn: z
    .array(z.int().min(400).max(499))
    .describe(
      'statuses of a GET that ask the other side before the client hears of them, as [404] for assets; empty: off',
    )
    .prefault([]),
  cache: z
    .enum(['keep', 'private-while-split'])
    .describe(
      'private-while-split: answers that a shared cache may keep are marked private (Cache-Control, CDN-Cache-Control and its kin, Surrogate-Control, X-Accel-Expires) while both sides may give them: at weights between 0 and 100, and at others with override, otherSideOn or fallback',
    )
    .prefault('keep'),
  etag: z
    .enum(['keep', 'per-side'])
    .describe('per-side: ETags of both sides never match each other, at any weight')
    .prefault('keep'),
  leaks: z
    .enum(['count', 'rewrite'])
    .describe(
      'redirects and cookies that point at a backend’s own address (Location, Content-Location, Domain of Set-Cookie): counted, or rewritten to the address that the client used; Link fields and links in pages are counted only',
    )
    .prefault('count'),
  shadow: shadow.exactOptional(),
  compare: compare.exactOptional(),
  owner: text('a text up to 100 characters', '[\\s\\S]{1,100}')
    .exactOptional()
    .describe('who to ask; shown everywhere'),
  writes: z
    .strictObject({
      mode: later(
        z
          .enum(['legacy-only', 'legacy-first', 'new-first'])
          .describe('who takes unsafe methods when data is separate, and what the other side gets'),
        'legacy-only',
      ),
      ...writesLater,
    })
    .exactOptional()
    .describe('writes on a route with separate data'),
  ...policiesLater,
}

const policyWords = inherited(policies)

/** What counts where neither the route nor `defaults` says anything. */
export const policyDefaults = z.strictObject(policies).parse({})
export const policiesSchema = z.strictObject(policyWords)

export const routeSchema = z.strictObject({
  id: id().describe('unique; names the route in metrics, the API and the command line'),
  match,
  legacy: side().exactOptional().describe('the side that is there today; absent: retired'),
  new: side().exactOptional().describe('the side that shall take over; absent: legacy only'),
  group: id().exactOptional().describe('a name under `groups`: shares its bucket, weight, freeze and rollback'),
  ...policyWords,
})

export type PoliciesConfig = z.output<typeof policiesSchema>
/** As it stands in the file. */
export type DeclaredRoute = z.output<typeof routeSchema>
