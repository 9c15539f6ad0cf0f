// The client of the fuzz: sends bytes, and reads answers as strictly as the strictest client would.
import { connect } from 'node:net'
import { Body } from '../e2e/wire/body.ts'
import { type AnswerHead, type Field, readAnswerHead, valuesOf } from '../e2e/wire/message.ts'
import { drip } from './backend.ts'

export interface Got extends Pick<AnswerHead, 'status' | 'reason' | 'fields' | 'version'> {
  readonly body: string
  readonly trailers: readonly Field[]
  readonly done: boolean
  /** Made by Banyan itself. */
  readonly isOurs: boolean
}

/** Every final answer in what came; the last may be cut. Throws `Malformed`. `methods` are what was asked, in order. */
export function answersIn(text: string, methods: readonly string[], ended: boolean): { got: Got[]; rest: string } {
  const got: Got[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return { got, rest }
    const head = readAnswerHead(rest.slice(0, end + 4), methods[got.length] ?? 'GET')
    const after = rest.slice(end + 4)
    if (head.status < 200) {
      rest = after
      continue
    }
    const body = new Body(head.framing)
    rest = body.push(after)
    if (ended) body.end()
    const isOurs = valuesOf(head.fields, 'x-content-type-options').includes('nosniff')
    got.push({ ...head, body: body.data, trailers: body.trailers, done: body.done, isOurs })
    if (!body.done) break
  }
  return { got, rest }
}

export interface Talk {
  readonly text: string
  /** It was not closed in time after our own end. */
  readonly hung: boolean
  /** It ended with a reset, which is no end of anything. */
  readonly reset: boolean
}

const PATIENCE_MS = 5_000
const MOMENT_MS = 3

/** Sends, and leaves a moment after it has heard `enough`, or after `givenUp`. */
export function talk(
  port: number,
  { bytes, cuts }: { readonly bytes: string; readonly cuts: readonly number[] },
  enough: (text: string) => boolean,
  givenUp: Promise<unknown> | null = null,
): Promise<Talk> {
  return new Promise(resolve => {
    let text = ''
    let reset = false
    let leaving: NodeJS.Timeout | null = null
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const leave = () => {
      leaving ??= setTimeout(() => socket.end(), MOMENT_MS)
    }
    const patience = setTimeout(() => {
      resolve({ text, hung: true, reset: false })
      socket.destroy()
    }, PATIENCE_MS)
    const check = () => {
      if (enough(text)) leave()
    }
    socket.setEncoding('latin1')
    socket.on('data', chunk => {
      text += chunk
      check()
    })
    socket.on('error', () => {
      reset = true
    })
    socket.on('close', () => {
      clearTimeout(patience)
      if (leaving !== null) clearTimeout(leaving)
      resolve({ text, hung: false, reset })
    })
    drip(socket, bytes, cuts).then(check)
    givenUp?.then(leave)
  })
}
