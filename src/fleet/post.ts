// One signed request to one peer: sent, answered within a second in full and with the right signature, or failed.
import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BanyanError, codeOf } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import { MAX_BODY_BYTES, type PushAnswer, readAnswer } from './message.ts'
import { isSigned, PUSH_METHOD, PUSH_PATH, SIGNATURE_HEADER, signAnswer, signPush } from './signed.ts'

export interface PostParts {
  /** An origin. */
  readonly url: string
  readonly agent: Agent
  readonly secret: string
  readonly body: Buffer
  readonly timeoutMs: Milliseconds
}

interface Answered {
  readonly status: number
  readonly signature: string | null
  readonly body: Buffer
}

/** Rejects with a BanyanError whose code says why in a word: `ECONNREFUSED` and its like, `timeout`, `bad_answer`, or the peer's own. */
export async function post(parts: PostParts): Promise<PushAnswer> {
  const signature = signPush(parts.secret, parts.body)
  const { status, body, signature: given } = await sentOnce(parts, signature)
  if (status !== 200) throw failed(refusalIn(body) ?? `status_${status}`)
  if (!isSigned(given, signAnswer(parts.secret, signature, body))) throw failed('bad_answer')
  const answer = readAnswer(body)
  if (answer === null) throw failed('bad_answer')
  return answer
}

/**
 * Once more, on a connection of its own, where a kept one was closed by the peer just when it was used (other kept ones may be,
 * too): a push that comes twice is harmless.
 */
async function sentOnce(parts: PostParts, signature: string): Promise<Answered> {
  let reused = false
  const deadline = AbortSignal.timeout(parts.timeoutMs)
  const attempt = (agent: Agent | false) =>
    send({ ...parts, agent }, signature, deadline, request => {
      reused = request.reusedSocket
    })
  try {
    return await attempt(parts.agent)
  } catch (error) {
    const stale = reused && (codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE')
    if (!stale || deadline.aborted)
      throw deadline.aborted ? failed('timeout') : failed(codeOf(error) ?? 'failed', error)
    return attempt(false).catch(error => {
      throw deadline.aborted ? failed('timeout') : failed(codeOf(error) ?? 'failed', error)
    })
  }
}

function send(
  { url, agent, body }: Omit<PostParts, 'agent'> & { readonly agent: Agent | false },
  signature: string,
  signal: AbortSignal,
  begun: (request: ClientRequest) => void,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const to = new URL(PUSH_PATH, url)
    const open = to.protocol === 'https:' ? httpsRequest : httpRequest
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      [SIGNATURE_HEADER]: signature,
    }
    const request = open(to, { method: PUSH_METHOD, agent, headers, signal }, response => {
      whole(response).then(bytes => {
        const given = response.headers[SIGNATURE_HEADER]
        const one = typeof given === 'string' ? given : null
        resolve({ status: response.statusCode ?? 0, signature: one, body: bytes })
      }, reject)
    })
    // An answer that Node takes for no answer is an event of its own, and ends the request without an error.
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      reject(failed('bad_answer'))
    })
    // Whatever else a peer thinks of: nobody waits for it any longer than that.
    signal.addEventListener('abort', () => reject(failed('timeout')), { once: true })
    request.on('socket', () => begun(request))
    request.on('error', reject)
    request.end(body)
  })
}

function whole(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    response.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > MAX_BODY_BYTES) response.destroy(failed('bad_answer'))
      else pieces.push(piece)
    })
    response.on('end', () => resolve(Buffer.concat(pieces)))
    response.on('error', reject)
    response.on('close', () => reject(failed('ECONNRESET')))
  })
}

/** A peer that refuses says why, as a problem document. It is not signed: it is a word for the log, no more. */
function refusalIn(body: Buffer): string | null {
  try {
    const { code } = JSON.parse(body.toString('utf8')) as { readonly code?: unknown }
    return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : null
  } catch {
    return null
  }
}

function failed(code: string, cause?: unknown): BanyanError {
  return new BanyanError(code, 'the peer did not answer as it should', cause === undefined ? {} : { cause })
}
