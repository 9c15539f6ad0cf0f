// The way into a backend, with real sockets: names, several addresses, bad ones, closing.
import t from 'tap'
import {
  backendWith,
  deadPort,
  enter,
  handClock,
  isPlace,
  listen,
  placeIn,
  realClock,
  servicesFor,
  take,
  until,
} from './kit.ts'

t.test('one address: admitted at once, and the connection is kept', async t => {
  const { port } = await listen(t)
  const service = servicesFor(t).of(backendWith({ origins: [`http://127.0.0.1:${port}`] }), 'primary')
  let address = ''
  const leave = service.enter({
    stick: null,
    avoid: null,
    admitted: place => {
      address = place.address
      place.over({ kind: 'answer', status: 200 })
    },
    refused: () => t.fail(),
  })
  t.equal(address, `127.0.0.1:${port}`)
  leave()
  const place = await placeIn(service)
  const { connection } = await take(place.pool)
  t.ok(connection.usable)
  place.pool.giveBack(connection)
  t.equal(place.stick, null)
})
