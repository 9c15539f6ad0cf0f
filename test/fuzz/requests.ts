// Sends what may or may not be requests, and compares what the backend got with what a slow, plain reader finds in it.
import { passableTrailers } from '../../src/proxy/headers.ts'
import { knownAs } from '../../src/wire/names.ts'
import { Malformed, valuesOf } from '../e2e/wire/message.ts'
import { plainRequests, type Sent } from '../wire/reference.ts'
import type { Arrived } from './backend.ts'
import { answersIn, type Got, talk } from './client.ts'
import type { Input } from './corpus.ts'
import { faultOf, type Lane } from './lane.ts'

/** null: everything is as it must be. */
export async function runRequest(lane: Lane, input: Input): Promise<string | null> {
  const { backend, banyan } = lane
  backend.forget()
  const sent = plainRequests(input.bytes)
  const methods = sent.map(({ method }) => method)
  const answered = (text: string) => {
    const got = strictly(() => answersIn(text, methods, false).got)
    return got === null || got.filter(one => one.done).length >= sent.length
  }
  const { text, hung } = await talk(banyan.port, input, answered)
  if (hung) return `the connection was not over in time; ${JSON.stringify(text.slice(0, 200))}`
  if (backend.malformed.length > 0) return `the backend got what does not parse: ${backend.malformed[0]}`
  const answers = strictly(() => answersIn(text, methods, true))
  if (answers === null) return `the client got what does not parse: ${JSON.stringify(text.slice(0, 200))}`
  const cut = answers.got.find(one => !one.done)
  if (cut !== undefined || answers.rest !== '') return `half an answer: ${JSON.stringify(text.slice(-200))}`
  return faultOf(lane) ?? compared(sent, backend.seen, answers.got) ?? trailersDiffer(lane, sent, backend.seen)
}

function compared(sent: readonly Sent[], seen: readonly Arrived[], got: readonly Got[]): string | null {
  if (got.length > sent.length + 1) return `${got.length} answers to ${sent.length} requests`
  let arrived = 0
  for (const [i, answer] of got.entries()) {
    const request = sent[i]
    if (answer.isOurs) {
      if (answer.status >= 500 && answer.status !== 505) return `a sound backend, and ${answer.status}: ${answer.body}`
      continue
    }
    const reached = seen[arrived++]
    if (request === undefined) return 'an answer to something that is no request'
    if (reached === undefined) return 'an answer to a request that no backend saw'
    if (valuesOf(answer.fields, 'x-seen')[0] !== String(arrived)) return `answer ${i} is that of another request`
    const difference = differs(request, reached)
    if (difference !== null) return difference
  }
  if (seen.length > arrived) return `the backend saw ${seen.length} requests, of which ${arrived} were answered`
  const last = got.at(-1)
  const closed = last !== undefined && valuesOf(last.fields, 'connection').some(value => /close/i.test(value))
  return got.length < sent.length && !closed ? `${sent.length} requests, ${got.length} answers, and no close` : null
}

function differs(sent: Sent, seen: Arrived): string | null {
  const target = sent.target.replace(/^https?:\/\/[^/?]*/i, '')
  const wanted = /^[/*]/.test(target) ? target : `/${target}`
  if (seen.method !== sent.method) return `method ${sent.method} became ${seen.method}`
  if (seen.target !== wanted) return `target ${sent.target} became ${seen.target}`
  if (seen.body !== sent.body) return `the body became ${JSON.stringify(seen.body)}`
  const named = sent.fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map(one => one.trim().toLowerCase()))
  const kept = (fields: Sent['fields']) =>
    JSON.stringify(
      fields
        .filter(([name]) => knownAs(name).kind === 'plain' && !named.includes(name.toLowerCase()))
        .map(pair => [...pair]),
    )
  return kept(sent.fields) === kept(seen.fields) ? null : `fields ${kept(sent.fields)} became ${kept(seen.fields)}`
}

function strictly<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** Towards HTTP/1.0 there are none. */
function trailersDiffer({ name }: Lane, sent: readonly Sent[], seen: readonly Arrived[]): string | null {
  const wanted = JSON.stringify(sent.map(({ trailers }) => passableTrailers(trailers)).filter(one => one.length > 0))
  const found = JSON.stringify(seen.map(({ trailers }) => trailers.flat()).filter(one => one.length > 0))
  return name === 'old' || seen.length < sent.length || wanted === found ? null : `trailers ${wanted} became ${found}`
}
