// What is asked and answered is checked by the schemas of api.ts. A fastify that has none of its own need not load, at every
// start, the two compilers that it brings for them.
import type { FastifyServerOptions } from 'fastify'

export const NO_SCHEMAS: Pick<FastifyServerOptions, 'schemaController'> = {
  schemaController: {
    // Its type is the one of Ajv.
    compilersFactory: {
      buildValidator: (() => () => () => true) as never,
      buildSerializer: () => () => JSON.stringify,
    },
  },
}
