// Questions to one worker and their answers: each is answered, refused, or fails when its time is over or the worker ends.
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import { errorFrom, type FromWorker, type Question, type Questions, type ToWorker } from './messages.ts'

export interface Asking {
  /** Rejects with `worker_silent`, `worker_ended`, or what the worker refused it with. `late`: an answer that came after all. */
  ask<Q extends Question>(
    type: Q,
    ask: Questions[Q]['ask'],
    withinMs: Milliseconds,
    late?: (answer: Questions[Q]['answer']) => void,
  ): Promise<Questions[Q]['answer']>
  tell(message: ToWorker): void
  answered(message: Extract<FromWorker, { readonly id: number }>): void
  /** Whatever waits for an answer. */
  fail(error: BanyanError): void
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: BanyanError): void
}

export function createAsking(send: (message: ToWorker) => void): Asking {
  const waiting = new Map<number, Waiting>()
  let next = 1

  function ask<Q extends Question>(
    type: Q,
    question: Questions[Q]['ask'],
    withinMs: Milliseconds,
    late?: (answer: Questions[Q]['answer']) => void,
  ): Promise<Questions[Q]['answer']> {
    return new Promise((resolve, reject) => {
      const id = next++
      let isOver = false
      const timer = setTimeout(() => {
        isOver = true
        if (late === undefined) waiting.delete(id)
        reject(new BanyanError('worker_silent', `a worker has not answered within ${withinMs} ms (${type})`))
      }, withinMs)
      waiting.set(id, {
        resolve(answer) {
          clearTimeout(timer)
          if (isOver) late?.(answer as Questions[Q]['answer'])
          else resolve(answer as Questions[Q]['answer'])
        },
        reject(error) {
          clearTimeout(timer)
          reject(error)
        },
      })
      send({ type, id, ask: question } as ToWorker)
    })
  }

  return {
    ask,
    tell: send,
    answered(message) {
      const one = waiting.get(message.id)
      if (one === undefined) return
      waiting.delete(message.id)
      if (message.type === 'reply') one.resolve(message.answer)
      else one.reject(errorFrom(message.error))
    },
    fail(error) {
      for (const one of waiting.values()) one.reject(error)
      waiting.clear()
    },
  }
}
