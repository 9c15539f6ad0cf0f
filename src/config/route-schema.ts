// The schema of one route: what is matched, who may serve it, and by which policies.
import { z } from 'zod'
import { backendReference, backendUrl, hostName, hostPattern, hostPolicy, isUrl, network } from './addresses.ts'
import { inherited, later } from './later.ts'
import { fieldName, headerName, id, method, name, pathPattern, stickySource, valuePattern } from './patterns.ts'
import { backendLater, backendTlsLater, policiesLater, sideLater, writesLater } from './planned.ts'
import { durationOrNone, pem, percent, text } from './values.ts'

// ---- backends

const timeouts = {
  connect: durationOrNone().describe('from dispatch to an open connection, TLS included').prefault('5s'),
  head: durationOrNone().describe('from the request’s last byte to the answer’s head').prefault('none'),
  idle: durationOrNone().describe('between two pieces of the answer’s body; any progress restarts it').prefault('none'),
  total: durationOrNone().describe('the whole exchange').prefault('none'),
}

const tls = {
  verify: z.boolean().describe('checks the backend’s certificate; false is loud in status').prefault(true),
  ca: pem().exactOptional().describe('authorities to trust instead of the system’s, as file:PATH'),
  servername: hostName().exactOptional().describe('name to send and check instead of the URL’s host'),
}

const backendSettings = {
  host: hostPolicy()
    .describe('the Host header that the backend gets: `preserve` keeps the client’s, a name replaces it')
    .prefault('preserve'),
  connections: z.int().min(1).max(65_535).describe('connections to the backend, at most').prefault(128),
}

const url = backendUrl().exactOptional().describe('where it is')

export const backendSchema = z
  .strictObject({
    url,
    urls: z
      .array(backendUrl())
      .min(1)
      .exactOptional()
      .describe('the same as a list; more than one entry: not in this version'),
    ...backendSettings,
    timeouts: z.strictObject(timeouts).describe('time limits of one exchange; none is no limit').prefault({}),
    tls: z
      .strictObject({ ...tls, ...backendTlsLater })
      .describe('for https')
      .prefault({}),
    ...backendLater,
  })
  .describe('one service, named once and used by many routes; `url` or `urls` says where')

export type BackendConfig = z.output<typeof backendSchema>

// ---- sides

const sideObject = z.strictObject({
  url,
  backend: name()
    .exactOptional()
    .describe('a name under `backends`; what stands beside it here wins over the backend’s own'),
  ...inherited(backendSettings),
  timeouts: z
    .strictObject(inherited(timeouts))
    .exactOptional()
    .describe('time limits of one exchange; none is no limit'),
  tls: z
    .strictObject({ ...inherited(tls), ...backendTlsLater })
    .exactOptional()
    .describe('for https'),
  ...sideLater,
})

/** Has `backend` or `url`, never both (see check.ts). */
export type SideConfig = z.output<typeof sideObject>

// The object comes first in the union: on the way back to the words of the file a text form would take anything.
const side = () =>
  z.codec(z.union([sideObject, backendReference()]), z.custom<SideConfig>(), {
    decode: value => (typeof value !== 'string' ? value : isUrl(value) ? { url: value } : { backend: value }),
    encode: value =>
      value === undefined || Object.keys(value).length > 1 ? value : (value.backend ?? value.url ?? value),
  })

// ---- what is matched

const onePathOrMore = () => z.union([z.array(pathPattern()).min(1), pathPattern()])

const matchObject = z.strictObject({
  path: onePathOrMore()
    .exactOptional()
    .describe('literal, `:param` segments, trailing `*`; `/orders/*` also matches `/orders`'),
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
      links: later(z.boolean().describe('signed links made by `banyan link` may pick'), false),
    })
    .exactOptional()
    .describe('lets testers pick a side; default nobody'),
  ambiguous: z
    .union([z.literal('legacy'), z.literal(400)])
    .describe('raw and normalised path take different routes: legacy serves it, counted; or 400')
    .prefault('legacy'),
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
