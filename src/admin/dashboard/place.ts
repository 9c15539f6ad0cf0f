// Which page is shown, with its filters, is in the URL behind `#`: it can be sent to a colleague, and back works.
import { useEffect, useState } from 'preact/hooks'

export const TABS = ['evidence', 'differences', 'users', 'timeline', 'setup'] as const
export type Tab = (typeof TABS)[number]

export interface Place {
  /** null: the fleet. */
  readonly route: string | null
  readonly tab: Tab
  /** On `differences`: which one is open. */
  readonly signature: string | null
  readonly filters: URLSearchParams
}

export function readPlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [first, route, tab, signature] = path.split('/').map(decoded)
  const filters = new URLSearchParams(query)
  if (first !== 'routes' || route === undefined || route === '') {
    return { route: null, tab: 'evidence', signature: null, filters }
  }
  return { route, tab: TABS.find(one => one === tab) ?? 'evidence', signature: signature || null, filters }
}

export function placeText({ route = null, tab = 'evidence', signature = null, filters }: Partial<Place>): string {
  const query = filters === undefined || filters.size === 0 ? '' : `?${filters}`
  if (route === null) return `#/${query}`
  const rest = signature !== null ? `/${tab}/${encodeURIComponent(signature)}` : tab === 'evidence' ? '' : `/${tab}`
  return `#/routes/${encodeURIComponent(route)}${rest}${query}`
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => readPlace(location.hash))
  useEffect(() => {
    const changed = () => setPlace(readPlace(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return place
}

/** Without a new entry in the history: a filter that is being typed. */
export function setFilter(place: Place, name: string, value: string): void {
  const filters = new URLSearchParams(place.filters)
  if (value === '') filters.delete(name)
  else filters.set(name, value)
  history.replaceState(null, '', placeText({ ...place, filters }))
  dispatchEvent(new HashChangeEvent('hashchange'))
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
