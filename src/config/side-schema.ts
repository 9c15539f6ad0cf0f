// The schema of one side of a route: its backend by name or URL, and what is rewritten on the way to it and back.
import { z } from 'zod'
import { describeAs } from './about.ts'
import { backendReference, isUrl } from './addresses.ts'
import { sideSettings } from './backend-schema.ts'
import { fieldName, isToken, name, pathPattern, TOKEN } from './patterns.ts'
import { form, Wrong } from './values.ts'

// ---- headers

const ONE_CONNECTION = 'it concerns one connection only'
const FOLLOWS_BODY = 'it follows from the body'

/** What the proxy writes by itself, and why nobody else may. */
const OWN: Readonly<Record<string, string>> = {
  host: 'write `host: NAME` on the side',
  'content-length': FOLLOWS_BODY,
  'transfer-encoding': FOLLOWS_BODY,
  trailer: FOLLOWS_BODY,
  connection: ONE_CONNECTION,
  'keep-alive': ONE_CONNECTION,
  te: ONE_CONNECTION,
  upgrade: ONE_CONNECTION,
  expect: ONE_CONNECTION,
  'x-banyan-loop': 'it is our own',
}

/** Name of a header that may be set and removed; `lower`: in lower case. */
function changeable(lower: boolean) {
  return form<string>({
    allowed: 'the name of a header, but none that the proxy itself writes',
    pattern: TOKEN,
    read(text) {
      if (!isToken(text)) return new Wrong('not the name of a header')
      const known = text.toLowerCase()
      const why = Object.hasOwn(OWN, known) ? OWN[known] : known.startsWith('proxy-') ? ONE_CONNECTION : undefined
      if (why !== undefined) return new Wrong('the proxy itself writes this header', why)
      return lower ? known : text
    },
    write: text => text,
  })
}

const VALUE = '([!-~\\u0080-\\u00ff]([\\t -~\\u0080-\\u00ff]*[!-~\\u0080-\\u00ff])?)?'

function headerValue(how: { readonly secret: boolean }) {
  return form<string>({
    allowed: how.secret ? 'an environment variable or file:PATH' : 'a text without line ends',
    pattern: VALUE,
    ...(how.secret ? { secret: true, fromFile: true } : {}),
    read(text) {
      if (new RegExp(`^${VALUE}$`).test(text)) return text
      if (/^[ \t]|[ \t]$/.test(text)) return new Wrong('a space at an end of a value is lost on the way', 'remove it')
      return /[^\0-\u00ff]/.test(text)
        ? new Wrong('a header has no characters above ÿ', 'encode the value, for example as %E2%82%AC')
        : new Wrong('a header has no control characters')
    },
    write: text => text,
  })
}

/** Headers whose values are secrets, whoever names them. */
const SECRET = /^(authorization|cookie)$|api-?key|token$|secret|password/i
const secretValue = headerValue({ secret: true })

/** Changes of request headers. */
export const headers = z.strictObject({
  set: describeAs(z.record(changeable(false), headerValue({ secret: false })), {
    byName: header => (SECRET.test(header) ? secretValue : null),
  })
    .describe('headers to set, replacing what was there; values that sound secret come from outside only')
    .prefault({}),
  remove: z
    .array(changeable(true))
    .describe('headers to remove, also where a client writes `_` or `.` for `-` in their names')
    .prefault([]),
})

// ---- cookies

function cookiePrefix() {
  return form<string>({
    allowed: 'up to 32 characters of a cookie’s name, as n_',
    pattern: `(?=.{1,32}$)${TOKEN}`,
    read(text) {
      if (!isToken(text) || text.length > 32) return new Wrong('not the beginning of a cookie’s name')
      return /^__(host|secure)-/i.test(text)
        ? new Wrong('this prefix has a meaning for browsers', 'for example n_')
        : text
    },
    write: text => text,
  })
}

const cookies = z.strictObject({
  prefix: cookiePrefix()
    .exactOptional()
    .describe('put before the names of this side’s cookies towards the client; the other side’s are withheld from it'),
  shared: z.array(fieldName()).describe('names that both sides see as they are').prefault([]),
})

// ---- the side

const sideObject = z.strictObject({
  ...sideSettings,
  backend: name()
    .exactOptional()
    .describe('a name under `backends`; what stands beside it here wins over the backend’s own'),
  path: pathPattern()
    .exactOptional()
    .describe(
      'path on this side, if it differs: `/v2/orders/*` for the route’s `/orders/*`; paths in answers (Location, cookies’ Path) stay as this side wrote them',
    ),
  headers: headers.exactOptional().describe('changes of request headers towards this side, in the order remove, set'),
  cookies: cookies.exactOptional().describe('two applications on one host: keeps their cookies apart'),
})

/** Has `backend` or `url`, never both (see check.ts). */
export type SideConfig = z.output<typeof sideObject>

// The object comes first in the union: on the way back to the words of the file a text form would take anything.
export const side = () =>
  z.codec(z.union([sideObject, backendReference()]), z.custom<SideConfig>(), {
    decode: value => (typeof value !== 'string' ? value : isUrl(value) ? { url: value } : { backend: value }),
    encode: value =>
      value === undefined || Object.keys(value).length > 1 ? value : (value.backend ?? value.url ?? value),
  })
