// What was found, as text for routes.yaml. Lists hold what is configured already, because a list that is pasted replaces the
// old one. Texts of clients and backends come in as addresses, tokens and words of fixed lists only, and are quoted all the
// same: nothing that somebody sends can become a key.
import type { Backend } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Remedy } from './finding.ts'

type Value = string | number | readonly string[] | Block
/** Keys in their order. */
type Block = Map<string, Value>

/** Names of backends; others are the URLs of sides. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
const PLAIN = /^[A-Za-z][A-Za-z0-9_-]*(?:[.:][A-Za-z0-9_-]+)*$/
/** Words that YAML of one age or another takes for something else. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i
const PREFIX = 'n_'

type PastePlan = Pick<Plan, 'file' | 'backends' | 'routes' | 'fallback' | 'clientIp'>

/** null: nothing to paste. */
export function pasteOf(remedies: readonly Remedy[], plan: PastePlan): string | null {
  const proxy = proxyBlock(remedies, plan)
  const backends: Block = new Map()
  const routes = new Map<string, { readonly block: Block; readonly notes: string[] }>()
  const routeOf = (id: string) => {
    let one = routes.get(id)
    if (one === undefined) {
      one = { block: new Map([['id', id]]), notes: [] }
      routes.set(id, one)
    }
    return one
  }
  for (const remedy of remedies) {
    if (remedy.kind === 'wire') letIn(remedy.backend, remedies, plan, backends, routeOf)
    const route = 'route' in remedy ? plan.routes.find(one => one.id === remedy.route) : undefined
    if (route === undefined) continue
    const { block, notes } = routeOf(route.id)
    if (remedy.kind === 'route') block.set(remedy.key, remedy.value)
    if (remedy.kind === 'sticky') block.set('sticky', remedy.sources)
    if (remedy.kind === 'cookies') {
      notes.push(
        `both sides set the cookie ${remedy.name}: prefix keeps them apart; cookies: { shared: [${remedy.name}] } instead where both sides understand it`,
      )
      if (route.sides.new !== null) sideOf(block, 'new', route.sides.new).set('cookies', new Map([['prefix', PREFIX]]))
    }
  }
  // Without a file there is one backend only, and the block is to be a file by itself.
  if (plan.file === null && (proxy.block.size > 0 || backends.size > 0)) {
    for (const backend of plan.backends)
      if (NAME.test(backend.name))
        backends.set(
          backend.name,
          new Map([...whereIs(backend), ...((backends.get(backend.name) as Block | undefined) ?? [])]),
        )
  }
  const lines = [
    ...(proxy.block.size > 0 ? ['proxy:', ...render(proxy.block, 1)] : []),
    ...(backends.size > 0 ? ['backends:', ...render(backends, 1)] : []),
    ...(routes.size > 0 ? ['routes:', ...[...routes.values()].flatMap(routeLines)] : []),
  ]
  if (lines.length === 0) return null
  return `${[...proxy.notes.map(note => `# ${note}`), ...lines].join('\n')}\n`
}

function proxyBlock(remedies: readonly Remedy[], { clientIp }: PastePlan): { block: Block; notes: string[] } {
  const block: Block = new Map()
  const peers = remedies.filter(remedy => remedy.kind === 'clientIp')
  const sure = peers.filter(peer => peer.sure).map(peer => peer.address)
  if (sure.length > 0) {
    block.set(
      'clientIp',
      new Map<string, Value>([
        ['from', [...clientIp.from.texts, ...sure]],
        ['hops', clientIp.from.texts.length > 0 ? clientIp.hops : 1],
      ]),
    )
  }
  const limits = remedies.filter(remedy => remedy.kind === 'limit')
  if (limits.length > 0) {
    block.set('limits', new Map(limits.map(({ limit, most }) => [limit, limit === 'fields' ? most : sizeText(most)])))
  }
  const notes = peers
    .filter(peer => !peer.sure)
    .map(
      ({ address }) =>
        `${address} sends X-Forwarded-For too: name it in proxy.clientIp.from only if it is a proxy of yours`,
    )
  return { block, notes }
}

/** At the backend where it has a name, else at the sides that say its URL. */
function letIn(
  name: string,
  remedies: readonly Remedy[],
  plan: PastePlan,
  backends: Block,
  routeOf: (id: string) => { readonly block: Block },
): void {
  const backend = plan.backends.find(one => one.name === name)
  if (backend === undefined) return
  const met = remedies.filter(remedy => remedy.kind === 'wire').filter(remedy => remedy.backend === name)
  const accept = [...new Set([...backend.wire.accept, ...met.map(({ quirk }) => quirk)])]
  if (NAME.test(name)) {
    backends.set(name, new Map([['wire', new Map([['accept', accept]])]]))
    return
  }
  for (const route of plan.routes) {
    for (const side of ['legacy', 'new'] as const) {
      if (route.sides[side]?.name !== name) continue
      sideOf(routeOf(route.id).block, side, backend).set('wire', new Map([['accept', accept]]))
    }
  }
}

/** What stands under a side of a route so far; it begins with whom it asks. */
function sideOf(route: Block, side: 'legacy' | 'new', backend: Backend): Block {
  const before = route.get(side)
  if (before instanceof Map) return before
  const begun: Block = NAME.test(backend.name) ? new Map([['backend', backend.name]]) : whereIs(backend)
  route.set(side, begun)
  return begun
}

function whereIs({ origins }: Backend): Block {
  const [only] = origins
  return origins.length === 1 && only !== undefined ? new Map([['url', only]]) : new Map([['urls', origins]])
}

function routeLines({ block, notes }: { readonly block: Block; readonly notes: readonly string[] }): string[] {
  const [first = '', ...rest] = render(block, 2)
  return [...notes.map(note => `  # ${note}`), `  - ${first.trimStart()}`, ...rest]
}

function render(block: Block, depth: number): string[] {
  const indent = '  '.repeat(depth)
  return [...block].flatMap(([key, value]) => {
    const name = `${indent}${scalar(key)}:`
    if (value instanceof Map) return [name, ...render(value, depth + 1)]
    if (typeof value === 'object') return [`${name} [${value.map(scalar).join(', ')}]`]
    return [`${name} ${scalar(value)}`]
  })
}

/** JSON's texts are texts of YAML. */
function scalar(value: string | number): string {
  if (typeof value === 'number') return String(value)
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value)
}

function sizeText(bytes: number): string {
  return bytes >= 2 ** 20 ? `${Math.ceil(bytes / 2 ** 20)}MiB` : `${Math.max(1, Math.ceil(bytes / 1024))}KiB`
}
