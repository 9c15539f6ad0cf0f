// The data plane of one process.
import t from 'tap'
import { systemClock } from '../../src/clock.ts'
import { createLocalPlane } from '../../src/plane/local.ts'
import { planeContract } from '../contracts/plane.ts'

planeContract(t, 'local', (_t, parts) =>
  createLocalPlane({
    ...parts,
    clock: systemClock,
    random: Math.random,
    log: { line() {}, access: null, flush() {} },
    self: { instance: 'test', worker: 1 },
  }),
)
