// The route's keys of features that are not built yet: in the schema from day one, so that nothing written today changes its
// meaning later.
import { z } from 'zod'
import { later } from './later.ts'
import { headerName } from './patterns.ts'
import { duration, percent, secret, size, text } from './values.ts'

const count = (most = 1_000_000) => z.int().min(1).max(most)
const texts = z.array(text())
const sizeOf = () => size(1, 2 ** 40)

/** Headers that are set and removed, in the order remove, set. */
const headerChanges = z.strictObject({
  set: later(z.record(headerName(), text()).describe('headers to set, replacing what was there'), {}),
  remove: later(z.array(headerName()).describe('headers to remove'), []),
})

const ids = z.strictObject({
  legacy: text().exactOptional().describe('in an answer of legacy, as answer:$.id'),
  new: text().exactOptional().describe('in an answer of new'),
})

/** Beside `mode`, which exists. */
export const writesLater = {
  strict: later(z.boolean().describe('legacy-first: wait for the new side before answering'), false),
  onStoreDown: later(
    z.enum(['refuse', 'degrade']).describe('without a store: refuse writes, or go on without intents'),
  ),
  key: later(texts.describe('the entity that a write concerns, first present; order is kept per key')),
  ids: later(ids.describe('where each side says the id it gave')),
  honours: later(
    z
      .strictObject({
        legacy: z.boolean().exactOptional().describe('legacy does'),
        new: z.boolean().exactOptional().describe('new does'),
      })
      .describe('which side honours Idempotency-Key'),
  ),
  repair: later(
    z
      .strictObject({
        read: text().exactOptional().describe('request that reads an entity, as GET /orders/{id}'),
        write: text().exactOptional().describe('request that puts it'),
        delete: text().exactOptional().describe('request that deletes it'),
      })
      .describe('how an entity is read from one side and put to the other'),
  ),
  identity: later(
    z
      .strictObject({
        legacy: secret().exactOptional().describe('token for legacy'),
        new: secret().exactOptional().describe('token for new'),
      })
      .describe('the service identity that replays use'),
  ),
  replayHeaders: later(z.array(headerName()).describe('headers of the client that a replay carries')),
  retry: later(
    z
      .strictObject({
        first: duration(1).exactOptional().describe('wait before the first retry'),
        factor: z.number().exactOptional().describe('each wait is so many times the one before'),
        max: duration(1).exactOptional().describe('longest wait'),
        attempts: count().exactOptional().describe('then it is parked'),
      })
      .describe('when a failed replay is tried again'),
  ),
  limit: later(
    z
      .strictObject({
        body: sizeOf().exactOptional().describe('one body'),
        bytes: sizeOf().exactOptional().describe('all together'),
        age: duration(1).exactOptional().describe('oldest entry'),
        whenFull: z.enum(['refuse', 'dirty']).exactOptional().describe('refuse writes, or mark keys for repair'),
      })
      .describe('what may be queued'),
  ),
  onTooLarge: later(z.enum(['repair', 'refuse']).describe('a body above the limit')),
  retention: later(duration(1).describe('how long settled writes are kept')),
}

const translation = z.strictObject({
  path: later(text().describe('path on the other side, with `{param}`')),
  body: later(text().describe('mapping of the body, as file:PATH to JSONata')),
  headers: headerChanges.exactOptional().describe('changes of headers'),
})

const translate = z
  .strictObject({
    toNew: translation.exactOptional().describe('from legacy’s words to new’s'),
    toLegacy: translation.exactOptional().describe('the way back'),
    samples: later(text().describe('directory of samples on which `check` proves the round trip')),
  })
  .describe('anti-corruption layer: mapping between both sides')

const rampStep = z.union([
  percent(),
  z.strictObject({
    weight: percent().describe('percent of users on new'),
    min: duration().exactOptional().describe('shortest stay'),
    minKeys: count().exactOptional().describe('distinct users on new before it goes on'),
    approve: z.boolean().exactOptional().describe('a person must agree first'),
    window: text().exactOptional().describe('when it may be entered, as `Mon-Fri 09:00-17:00 Europe/Berlin`'),
  }),
])

const harm = z.enum(['rollback', 'freeze', 'pause']).exactOptional().describe('what harm leads to')
const action = z.enum(['pause', 'rollback']).exactOptional().describe('what crossing it leads to')
const limit = percent().exactOptional().describe('share of errors that is too much')

const gates = z.strictObject({
  errors: z
    .strictObject({
      harm,
      safeRatio: z.number().exactOptional().describe('errors of new over those of legacy that are fine'),
    })
    .exactOptional()
    .describe('error rates'),
  latency: z
    .strictObject({ harm, tolerance: percent().exactOptional().describe('slower by so much is fine') })
    .exactOptional()
    .describe('latency quantiles'),
  shadow: z
    .strictObject({
      harm,
      maxDivergence: percent().exactOptional().describe('share of divergent pairs that is fine'),
      severity: z.enum(['low', 'medium', 'high']).exactOptional().describe('lowest severity that counts'),
    })
    .exactOptional()
    .describe('compared answers'),
  writes: z
    .strictObject({ requireRollbackSafe: z.boolean().exactOptional().describe('go on only while going back is safe') })
    .exactOptional()
    .describe('open writes'),
  slo: z.strictObject({ errors: limit, action }).exactOptional().describe('absolute, both sides'),
  outage: z.strictObject({ errors: limit, action }).exactOptional().describe('new is down while legacy is not'),
})

const ramp = z
  .strictObject({
    mode: later(z.enum(['advise', 'rollback-only', 'auto']).describe('what it may do by itself')),
    steps: later(
      z.array(rampStep).describe('weights to pass, or objects with weight, min, minKeys, approve, window'),
      [],
    ),
    alpha: later(z.number().describe('bound on a false rollback over the whole rollout')),
    gates: later(gates.describe('what must be proven: errors, latency, shadow, writes, slo, outage')),
    holdBack: later(percent().describe('share that legacy keeps until the bake ends')),
    bake: later(duration().describe('time at the last step before legacy may go')),
    noData: later(z.enum(['hold', 'pause']).describe('what to do without traffic')),
    version: later(text().describe('where the new side says its build, as header:NAME')),
    notify: later(
      z
        .array(
          z.strictObject({
            url: text().describe('where to post'),
            secret: secret().exactOptional().describe('signs the message'),
          }),
        )
        .describe('webhooks that hear decisions'),
      [],
    ),
    keepWarm: later(z.boolean().describe('reverse shadow, so that legacy stays warm for a rollback'), false),
  })
  .describe('raises the weight on evidence; never starts by itself')

/** Keys of a route, and of `defaults`, whose features come later. */
export const policiesLater = {
  translate: translate.exactOptional(),
  ramp: ramp.exactOptional(),
}

/** Process-wide. */
export const listenerLater = {
  tls: later(
    z
      .strictObject({ cert: text().describe('file:PATH'), key: secret().describe('file:PATH') })
      .describe('TLS on this listener'),
  ),
}
