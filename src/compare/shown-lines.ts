// The lines of an answer as it is kept for a divergence, each with whether it is where the divergence is.
import { type Line, linesOf } from './beside.ts'
import { collapsePointer } from './collapse.ts'

interface Shown {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | null
}

/** Of the divergence. */
type Places = readonly { readonly kind: string; readonly path: string }[]

export function headLines({ status, headers }: Shown, places: Places): readonly Line[] {
  const isStatus = places.some(({ kind }) => kind === 'status')
  const lines = headers.map(([name, value]) => {
    const about = name.toLowerCase()
    return { text: `${name}: ${value}`, about, counts: isInHeader(about, value, places) }
  })
  return [
    { text: String(status), about: '', counts: isStatus },
    ...lines.toSorted((one, next) => (one.text < next.text ? -1 : 1)),
  ]
}

export function bodyLines({ body }: Shown, places: Places): readonly Line[] {
  return linesOf(body ?? '(not text)', pointer => isInBody(pointer, places))
}

/** Places of cookies are `/set-cookie/NAME`, or `*` for a name that looks like data. */
function isInHeader(name: string, value: string, places: Places): boolean {
  return places.some(({ kind, path }) => {
    const [, header, cookie] = path.split('/')
    if (kind !== 'header' || header !== name) return false
    return cookie === undefined || cookie === '*' || value.startsWith(`${cookie}=`)
  })
}

/** `pointer` null: in what is no JSON nobody knows where a line is. */
function isInBody(pointer: string | null, places: Places): boolean {
  const inBody = places.filter(({ kind }) => kind !== 'header' && kind !== 'status')
  if (pointer === null || inBody.length === 0) return inBody.length > 0
  const collapsed = collapsePointer(pointer)
  return inBody.some(({ path }) => collapsed === path || collapsed.startsWith(`${path}/`))
}
