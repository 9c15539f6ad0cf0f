// Signing in and out over HTTP: the two calls that set a cookie. What a session is worth is session.ts's.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import type { Access, Caller } from './access.ts'
import type { SessionView } from './api.ts'
import { describeCaller } from './scopes.ts'

export const SIGN_IN_BYTES = 4 * 1024

export interface SessionCallParts {
  readonly strangerMs: Milliseconds
  readonly access: Pick<Access, 'signIn' | 'signOut'>
  readonly log: (level: 'info', message: string, details: Record<string, unknown>) => void
  readonly refuse: (reply: FastifyReply, error: unknown) => void
}

export interface SessionCalls {
  /** Gives a body that nobody has a right to send yet less time than others have. */
  hurry(request: FastifyRequest, reply: FastifyReply): void
  signIn(request: FastifyRequest, reply: FastifyReply, token: string): SessionView
  signOut(request: FastifyRequest, reply: FastifyReply, caller: Caller): { readonly signedOut: boolean }
}

export function createSessionCalls({ strangerMs, access, log, refuse }: SessionCallParts): SessionCalls {
  return {
    hurry(request, reply) {
      setTimeout(() => {
        if (request.raw.complete || reply.sent) return
        reply.header('Connection', 'close')
        refuse(reply, new BanyanError('request_timeout', 'the token did not come in time'))
      }, strangerMs).unref()
    },
    signIn(request, reply, token) {
      const { caller, page, setCookie } = access.signIn(request, token)
      reply.header('Set-Cookie', setCookie)
      log('info', 'signed in', { name: caller.name, tokenId: caller.tokenId, address: request.ip })
      return { ...describeCaller(caller), page }
    },
    signOut(request, reply, caller) {
      reply.header('Set-Cookie', access.signOut(request, caller))
      return { signedOut: caller.via === 'session' }
    },
  }
}
