// What a target looks like: the template that it shares with others, and whether it looks like a write although it is a GET. Pure.

/** Words that change something, or end a session, wherever they are asked for by GET. */
const WORDS = new Set(
  (
    'logout logoff signout signoff delete remove destroy drop purge clear reset cancel confirm approve reject accept decline ' +
    'activate deactivate enable disable unsubscribe subscribe create add insert update edit save set submit send post publish ' +
    'unpublish import upload move rename checkout purchase pay buy order_now refund charge vote like unlike follow unfollow ' +
    'invite transfer execute run start stop restart trigger flush impersonate'
  ).split(' '),
)
/** Parameters that name what to do. */
const ACTIONS = new Set(['action', 'do', 'cmd', 'command', 'op', 'operation', 'method', '_method', 'task', 'act'])
/** Actions of which nobody thinks that they change anything. */
const READING = /^(?:view|show|list|get|read|search|find|display|index|detail)/i

const ID = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}|(?=[^.]*\d)[\w-]{20,}|[\w-]*\d{3,}[\w-]*)$/i
const MOST_SEGMENTS = 12

/** Path with ids as `:id`; the query counts by the names of its parameters only. */
export function templateOf(target: string): string {
  const [path = '', query] = split(target)
  const segments = path.split('/').map(segment => (ID.test(segment) ? ':id' : segment))
  const short = segments.length > MOST_SEGMENTS ? [...segments.slice(0, MOST_SEGMENTS), '*'] : segments
  const names = [...new Set((query ?? '').split('&').map(pair => pair.split('=')[0] ?? ''))].filter(name => name !== '')
  return `${short.join('/')}${names.length === 0 ? '' : `?${names.toSorted().slice(0, MOST_SEGMENTS).join('&')}`}`
}

/** The word that makes it look like a write; null: none. */
export function suspicionOf(target: string): string | null {
  const [path = '', query] = split(target)
  for (const segment of path.split('/')) {
    const word = wordIn(segment)
    if (word !== null) return word
  }
  for (const pair of (query ?? '').split('&')) {
    const [name = '', value = ''] = pair.split('=')
    if (ACTIONS.has(name.toLowerCase()) && !READING.test(value.split('.').at(-1) ?? '')) return `${name.toLowerCase()}=`
    const word = value === '' || /^(?:1|true|yes|on)$/i.test(value) ? wordIn(name) : null
    if (word !== null) return word
  }
  return null
}

/** `deleteUser`, `delete-user`, `user_delete.php`: the first or the last word of a segment. */
function wordIn(segment: string): string | null {
  if (WORDS.has(segment.toLowerCase())) return segment.toLowerCase()
  const name = segment.replace(/\.\w{1,5}$/, '').replace(/;.*$/, '')
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter(word => word !== '')
  if (/sign-?(?:out|off)|log-?(?:out|off)/.test(words.join('-'))) return 'logout'
  return [words[0], words.at(-1)].find(word => word !== undefined && WORDS.has(word)) ?? null
}

function split(target: string): readonly [string, string | undefined] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, undefined] : [target.slice(0, mark), target.slice(mark + 1)]
}
