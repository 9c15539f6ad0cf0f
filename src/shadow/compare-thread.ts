// The comparer's own thread: takes pairs, says what was found, keeps nothing of them. Here a comparison may take its time
// without delaying anybody.
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { examine } from '../compare/examine.ts'
import type { AnswerCopy, ComparePolicy, Finding } from '../model/comparison.ts'
import { type Batch, type Packed, type PackedJob, undecided } from './comparer.ts'

/** Those that a reload has replaced go with the oldest. */
const MOST_POLICIES = 10_000

/** Of a core's time, about a tenth, while the thread that serves clients wants the same core. */
const NICE = 10

const port = parentPort!
const policies = new Map<number, ComparePolicy>()
const now = () => performance.now()

// Only Linux has priorities of threads: elsewhere it would be that of the whole process.
if (process.platform === 'linux') setPriority(NICE)

port.on('message', function serve({ policies: fresh, jobs, bytes }: Batch) {
  for (const [number, policy] of fresh) policies.set(number, policy)
  while (policies.size > MOST_POLICIES) policies.delete(policies.keys().next().value as number)
  const packed = JSON.parse(jobs) as readonly PackedJob[]
  port.postMessage(JSON.stringify(packed.map(job => examined(job, bytes))))
})

function examined(job: PackedJob, bytes: ArrayBuffer): Finding {
  const policy = policies.get(job.policy)
  if (policy === undefined) return undecided('its policy is not known any more')
  try {
    return examine({ ...job, policy, legacy: unpacked(job.legacy, bytes), new: unpacked(job.new, bytes) }, now)
  } catch (error) {
    // A fault of ours; the text of an error may hold something of an answer.
    return undecided(`comparing failed: ${(error as Error).name}`)
  }
}

function unpacked({ status, headers, length, complete, blocks, from, size }: Packed, bytes: ArrayBuffer): AnswerCopy {
  return { status, headers, body: { length, complete, start: new Uint8Array(bytes, from, size), blocks } }
}
