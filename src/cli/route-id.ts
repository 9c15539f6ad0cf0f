// Asks about one route; where the API does not know it, the near ones are named.
import type { Client } from './client.ts'
import { CliError, EXIT } from './io.ts'
import { didYouMean } from './suggest.ts'

const ROUTE_ID = /^[a-z0-9-]{1,64}$/

/** `besides`: what is no id of the configuration and can be asked about all the same. */
export async function aboutRoute<T>(
  client: Client,
  route: string,
  ask: () => Promise<T>,
  besides: string | null = null,
): Promise<T> {
  try {
    if (route !== besides && !ROUTE_ID.test(route)) {
      throw new CliError(EXIT.usage, `'${route}' is not a route id: 1 to 64 of a-z, 0-9 and -`)
    }
    return await ask()
  } catch (error) {
    if (!(error instanceof CliError) || (error.status !== 404 && error.exit !== EXIT.usage)) throw error
    // Best effort: the first failure is the one to tell.
    const known = await client.call('routes').then(
      ({ routes }) => routes.map(({ id }) => id),
      () => null,
    )
    if (known === null || known.includes(route)) throw error
    throw error.with(didYouMean(route, known) || 'the routes that there are: `banyan routes`')
  }
}
