// Bodies of calls: JSON only, by name and by nature, in which no key comes twice and none poisons an object.
import type { FastifyInstance } from 'fastify'
import { readJson } from '../compare/json/read.ts'
import { BanyanError } from '../model/errors.ts'

/** Of places with a key that comes twice, so many are named. */
const MOST_PLACES = 5
const LONGEST_PLACE = 128

/** An empty body is none, whatever it calls itself. */
export function takeJsonOnly(app: FastifyInstance): void {
  const json = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else json(request, body as string, (error, value) => done(error ?? twiceIn(body as string), value))
  })
}

/** JSON.parse takes the last one without a word: which one was meant is not for us to say. Expects a text that it took. */
export function twiceIn(text: string): BanyanError | null {
  const read = readJson(text)
  if ('wrong' in read || read.duplicates.length === 0) return null
  const errors = [...new Set(read.duplicates)]
    .slice(0, MOST_PLACES)
    .map(pointer => ({ pointer: pointer.slice(0, LONGEST_PLACE), message: 'comes more than once' }))
  return new BanyanError('invalid', `${errors[0]?.pointer}: comes more than once`, {
    hint: 'send each key once',
    details: { errors },
  })
}
