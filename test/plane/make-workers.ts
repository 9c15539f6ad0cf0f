// A data plane of two workers, with what it says.
import type { Test } from 'tap'
import { systemClock } from '../../src/clock.ts'
import { createWorkersPlane, type WorkersParts } from '../../src/plane/workers.ts'
import type { PlaneParts } from '../contracts/plane.ts'

export function twoWorkers(_t: Test, parts: PlaneParts, more: Partial<WorkersParts> = {}) {
  return createWorkersPlane({
    ...parts,
    count: 2,
    clock: systemClock,
    log() {},
    workerLog: { level: 'silent', access: false, format: 'json', instance: 'test' },
    instance: 'test',
    suspensions: () => ({ suspended: [], resumed: [] }),
    replaced() {},
    ...more,
  })
}
