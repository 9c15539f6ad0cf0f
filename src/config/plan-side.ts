// What a route says about its sides → the rewrites and the fallback that the data path reads; null where nothing is done.
import type { FallbackPolicy, HeaderChanges, PathRewrite, SideRewrite } from '../model/route.ts'
import type { RouteConfig, SideConfig } from './schema.ts'

/** `paths` are the route's own; a side says `path` only where there is exactly one, see check-rewrites.ts. */
export function rewriteOf(side: SideConfig | undefined, paths: readonly string[]): SideRewrite | null {
  const { path, headers, cookies } = side ?? {}
  const rewrite: SideRewrite = {
    path: path === undefined ? null : pathRewrite(paths[0] as string, path),
    headers: headerChanges(headers),
    cookies: cookies?.prefix === undefined ? null : { prefix: cookies.prefix, shared: new Set(cookies.shared) },
  }
  return rewrite.path === null && rewrite.headers === null && rewrite.cookies === null ? null : rewrite
}

export function headerChanges(headers: SideConfig['headers']): HeaderChanges | null {
  if (headers === undefined || (headers.remove.length === 0 && Object.keys(headers.set).length === 0)) return null
  return {
    remove: new Set([...headers.remove, ...Object.keys(headers.set).map(name => name.toLowerCase())]),
    set: Object.entries(headers.set),
  }
}

function pathRewrite(own: string, theirs: string): PathRewrite | null {
  const [from, to] = [own, theirs].map(path => path.replace(/\/\*[^/]*$/, '')) as [string, string]
  return from === to ? null : { from, to }
}

export function fallbackPolicy({ fallback }: RouteConfig): FallbackPolicy | null {
  if (fallback === undefined || fallback.on.length === 0 || fallback.methods.length === 0) return null
  return {
    connect: fallback.on.includes('connect'),
    timeout: fallback.on.includes('timeout'),
    statuses: new Set(fallback.on.filter(one => typeof one === 'number')),
    methods: new Set(fallback.methods),
  }
}
