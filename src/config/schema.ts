// The one schema of routes.yaml: types, defaults, validation, the JSON Schema and the reference page come from here. Rules that
// need several keys at once are in check.ts.
import { z } from 'zod'
import { address, addressOrNone } from './addresses.ts'
import { admin } from './admin-schema.ts'
import { fleet } from './fleet-schema.ts'
import { later } from './later.ts'
import { defaultTarget, id, name } from './patterns.ts'
import { proxy } from './proxy-schema.ts'
import {
  type BackendConfig,
  backendSchema,
  type DeclaredRoute,
  policiesSchema,
  policyDefaults,
  routeSchema,
  type SideConfig,
} from './route-schema.ts'
import { store } from './store-form.ts'
import { telemetry } from './telemetry-schema.ts'
import { percent, secret, spreading, text } from './values.ts'

const root = z.strictObject({
  proxy: proxy.describe('the listener that clients see').prefault({}),
  admin: admin.describe('the listener of operators').prefault({}),
  health: z
    .strictObject({ listen: address().describe('/healthz, /readyz and /metrics, no token').prefault('127.0.0.1:9901') })
    .describe('the listener of probes and Prometheus')
    .prefault({}),
  sides: z
    .strictObject({
      listen: addressOrNone().describe('/{route}/{legacy|new}/*, token in X-Banyan-Token; none: off').prefault('none'),
    })
    .describe('side doors: reach one side directly, on an origin of its own')
    .prefault({}),
  store: store()
    .describe(
      'what survives a restart: `sqlite:PATH` for one instance, `postgres://…` for a fleet (several hosts and `?parameters` may stand in it; its password comes from outside, or `file:PATH` holds the whole URL), `memory:` for nothing',
    )
    .prefault('sqlite:.banyan/state.db'),
  fleet: fleet.describe('several instances on one store').prefault({}),
  split: z
    .strictObject({
      seed: secret()
        .describe('what buckets are drawn with; wins over the store’s own; empty: the store’s own')
        .prefault(''),
      firstStart: z
        .enum(['hold', 'declared'])
        .describe('a fresh store and a declared weight above 0: hold it at 0, or take it')
        .prefault('hold'),
    })
    .describe('how users are split')
    .prefault({}),
  control: z
    .enum(['api', 'file'])
    .describe('whose weights win: api: the operators’ over the file’s; file: the file’s (GitOps)')
    .prefault('api'),
  watch: z.boolean().describe('reload when a file of the configuration changes').prefault(false),
  include: z
    .union([text(), z.array(text())])
    .exactOptional()
    .describe('more files with routes, backends and groups, as `routes.d/*.yaml`'),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
        .describe('what is worth a line')
        .prefault('info'),
      access: z.enum(['on', 'off']).describe('one line for each request').prefault('on'),
      format: z.enum(['auto', 'json', 'pretty']).describe('auto: pretty on a terminal, else json').prefault('auto'),
    })
    .describe('the log, on stdout')
    .prefault({}),
  telemetry: telemetry.describe('what others collect of the traffic').prefault({}),
  metrics: z
    .strictObject({
      perRoute: z
        .enum(['auto', 'always'])
        .describe('histograms for each route: auto up to 500 routes, above that for all of them together')
        .prefault('auto'),
    })
    .describe('what /metrics holds')
    .prefault({}),
  rollback: z
    .strictObject({
      inFlight: later(
        z.enum(['finish', 'replay-safe']).describe('requests that a backend has when a rollback comes'),
        'finish',
      ),
      tunnels: spreading('over a minute')
        .describe(
          'WebSockets and event streams on new when a rollback comes: keep them, or cut them one after another, so that they come back to legacy',
        )
        .prefault('keep'),
    })
    .prefault({})
    .describe('what a rollback does to what is under way'),
  backends: z.record(name(), backendSchema).describe('services by name').prefault({}),
  default: defaultTarget()
    .describe('who serves what no route matches: a backend; `legacy` is 404 while no backend has that name')
    .prefault('legacy'),
  groups: z
    .record(id(), z.strictObject({ weight: percent().describe('percent of users whose primary is `new`').prefault(0) }))
    .describe('routes that move together')
    .prefault({}),
  defaults: policiesSchema
    .describe('policies for every route; a route’s own key replaces the inherited one as a whole')
    .prefault({}),
  routes: z.array(routeSchema).describe('what is matched, and by whom it is served').prefault([]),
})

/** What an included file may hold. */
export const SHARED_KEYS = ['routes', 'backends', 'groups'] as const

type Declared = z.output<typeof root>

/** A route with everything that it inherits. `weight` is what the file declares for it: its group's, 0 or 100 with one side. */
export type RouteConfig = DeclaredRoute &
  Omit<typeof policyDefaults, 'compare' | 'data' | 'fallback' | 'owner' | 'override' | 'pin' | 'shadow'>

export const configSchema = z.codec(
  root,
  z.custom<Omit<Declared, 'routes'> & { readonly routes: readonly RouteConfig[] }>(),
  {
    decode: declared => ({ ...declared, routes: declared.routes.map(route => inherit(route, declared)) }),
    encode: config => ({ ...config, routes: config.routes.map(withoutForeignWeight) }),
  },
)

export type Config = z.output<typeof configSchema>
export type { BackendConfig, SideConfig }
export type NamedBackend = Omit<BackendConfig, 'url' | 'urls'> & {
  readonly name: string
  readonly urls: readonly string[]
}

/** What stands behind a side, or a backend's name: the side's own words, then the backend's, then the defaults. */
export function backendOf(config: Pick<Config, 'backends'>, side: SideConfig): NamedBackend {
  const { backend: called, url: own, path: _, headers: __, cookies: ___, ...over } = side
  const { url, urls, ...base } = (called === undefined ? undefined : config.backends[called]) ?? backendDefaults
  const origin = own ?? url
  const origins = origin === undefined ? urls : [origin]
  if (origins?.[0] === undefined) throw new TypeError(`no such backend: ${called}`)
  return {
    ...base,
    ...over,
    name: called ?? origins[0],
    urls: origins,
    queue: { ...base.queue, ...over.queue },
    retry: { ...base.retry, ...over.retry },
    timeouts: { ...base.timeouts, ...over.timeouts },
    tls: { ...base.tls, ...over.tls },
    wire: { ...base.wire, ...over.wire },
  }
}

const backendDefaults = backendSchema.parse({})

function inherit(route: DeclaredRoute, { defaults, groups }: Declared): RouteConfig {
  const whole = { ...policyDefaults, ...defaults, ...route }
  const oneSided = route.new === undefined ? 0 : route.legacy === undefined ? 100 : null
  const weight = oneSided ?? (route.group === undefined ? whole.weight : (groups[route.group]?.weight ?? 0))
  if (oneSided === null) return { ...whole, weight }
  // There is no other side to ask, or to keep anybody on.
  const { fallback: _, pin: __, shadow: ___, ...rest } = whole
  return { ...rest, otherSideOn: [], cohorts: [], weight }
}

function withoutForeignWeight(route: RouteConfig): DeclaredRoute {
  const { weight, ...rest } = route
  const own = route.group === undefined && route.legacy !== undefined && route.new !== undefined
  return own ? route : rest
}
