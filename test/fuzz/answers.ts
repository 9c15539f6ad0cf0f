// Lets a backend say what may or may not be an answer, and looks at what a strict client gets; then whether the next request
// gets its own.
import { passableTrailers } from '../../src/proxy/headers.ts'
import { knownAs } from '../../src/wire/names.ts'
import { Body } from '../e2e/wire/body.ts'
import { type AnswerHead, Malformed, readAnswerHead, valuesOf } from '../e2e/wire/message.ts'
import { answersIn, type Got, type Talk, talk } from './client.ts'
import type { Input } from './corpus.ts'
import { faultOf, type Lane } from './lane.ts'

type Whole = Pick<AnswerHead, 'status' | 'reason' | 'fields'> & Pick<Body, 'trailers'> & { readonly body: string }

/** null: everything is as it must be. */
export async function runAnswer(lane: Lane, input: Input): Promise<string | null> {
  const { backend, banyan } = lane
  const { method, ending } = input
  backend.forget()
  lane.script = input
  const performed = new Promise<void>(resolve => {
    lane.performed = resolve
  })
  const whole = wholeAnswer(lane, input)
  const body = method === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n'
  // A client as old as the backend.
  const version = lane.name === 'old' ? '1.0' : '1.1'
  const ask = { bytes: `${method} /fuzz HTTP/${version}\r\nHost: a.example\r\n${body}`, cuts: [] }
  const enough = (text: string) => {
    const got = clientReads(text, method, false)
    return got === null || got.got.some(one => one.done)
  }
  // What never ends by itself is left.
  const { text, hung, reset } = await talk(
    banyan.port,
    ask,
    enough,
    whole === null && ending === 'wait' ? performed : null,
  )
  lane.script = null
  if (hung) return `the connection was not over in time; ${JSON.stringify(text.slice(0, 200))}`
  if (backend.malformed.length > 0) return `the backend got what does not parse: ${backend.malformed[0]}`
  return wrongOf(lane, input, whole, { text, reset }) ?? faultOf(lane) ?? (await next(lane))
}

function wrongOf(
  { name }: Lane,
  { method, ending }: Input,
  whole: Whole | null,
  { text, reset }: Pick<Talk, 'text' | 'reset'>,
): string | null {
  const read = clientReads(text, method, !reset)
  // What is let in by name may reach the client: odd names and control bytes.
  if (read === null)
    return name === 'lenient' ? null : `the client got what does not parse: ${JSON.stringify(text.slice(0, 300))}`
  const [got, ...more] = read.got
  if (more.length > 0 || (got?.done && read.rest !== ''))
    return `more than one answer: ${JSON.stringify(text.slice(-300))}`
  if (got === undefined) return null
  if (name === 'old' && valuesOf(got.fields, 'transfer-encoding').length > 0) return 'a transfer coding to HTTP/1.0'
  if (got.isOurs) return whole !== null && got.status !== 502 ? `a whole answer became ${got.status}` : null
  // After a reset nobody knows what had arrived.
  if (!got.done) return whole === null || ending === 'reset' ? null : 'a whole answer was cut'
  if (whole === null)
    return name === 'lenient' ? null : `a clean end, of what has none: ${JSON.stringify(text.slice(0, 300))}`
  return differs(name === 'old' ? { ...whole, trailers: [] } : whole, got, name === 'split')
}

function differs(whole: Whole, got: Got, isRewritten: boolean): string | null {
  if (got.status !== whole.status) return `status ${whole.status} became ${got.status}`
  if (got.reason.trim() !== whole.reason.trim()) return `reason ${whole.reason} became ${got.reason}`
  if (got.body !== whole.body) return `the body became ${JSON.stringify(got.body.slice(0, 200))}`
  const trailers = passableTrailers(whole.trailers.flat())
  if (JSON.stringify(got.trailers.flat()) !== JSON.stringify(trailers)) return `trailers became ${got.trailers}`
  const named = whole.fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map(one => one.trim().toLowerCase()))
  const kept = (fields: Whole['fields']) =>
    JSON.stringify(
      fields.filter(([name]) => !named.includes(name.toLowerCase()) && crosses(name)).map(pair => [...pair]),
    )
  return isRewritten || kept(whole.fields) === kept(got.fields)
    ? null
    : `fields ${kept(whole.fields)} became ${kept(got.fields)}`
}

function crosses(name: string): boolean {
  const { kind } = knownAs(name)
  return !['hop', 'keep-alive', 'te', 'coding', 'connection', 'upgrade', 'length', 'trailer'].includes(kind)
}

/** But HT. */
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/

/** What a strict client takes for its answer; null: not in one piece, or not at all. */
function wholeAnswer({ name }: Lane, { bytes, method, ending }: Input): Whole | null {
  if (name === 'lenient' && ending === 'close' && !bytes.startsWith('HTTP/'.slice(0, bytes.length))) {
    return { status: 200, reason: 'OK', fields: [], trailers: [], body: method === 'HEAD' ? '' : bytes }
  }
  try {
    for (let rest = bytes; ; ) {
      const end = (name === 'lenient' ? /\r?\n\r?\n/ : /\r\n\r\n/).exec(rest)
      if (end === null) return null
      const text = rest.slice(0, end.index + end[0].length)
      const head = readAnswerHead(name === 'lenient' ? text.replaceAll(/\r?\n/g, '\r\n') : text, method)
      rest = rest.slice(text.length)
      if (head.status < 200) continue
      const body = new Body(head.framing)
      body.push(rest)
      if (ending === 'close') body.end()
      // Inside a body we are stricter than most, and where the head has gone nobody can say so any more.
      if (CONTROL.test([...body.trailers.flat(), ...body.extensions].join())) return null
      return body.done ? { ...head, body: body.data, trailers: body.trailers } : null
    }
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

function clientReads(text: string, method: string, ended: boolean): ReturnType<typeof answersIn> | null {
  try {
    return answersIn(text, [method], ended)
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

let asked = 0

/** A client that comes after gets its own answer. */
export async function next({ banyan }: Lane): Promise<string | null> {
  const target = `/next?n=${++asked}`
  const ask = { bytes: `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`, cuts: [] }
  const { text } = await talk(banyan.port, ask, text => text.endsWith(target))
  return text.startsWith('HTTP/1.1 200 ') && text.endsWith(`\r\n\r\n${target}`)
    ? null
    : `the next client got ${JSON.stringify(text.slice(0, 300))}`
}
