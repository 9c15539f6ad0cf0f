// Ids that need no coordination: exchanges, traces, instances. Chance comes in blocks, because a call for 16 bytes costs more
// than the bytes.
import { randomBytes, randomFillSync } from 'node:crypto'
import type { Ids } from './proxy/parts.ts'

const BLOCK = 4096

export function createIds(): Ids {
  const block = Buffer.allocUnsafe(BLOCK)
  let used = BLOCK
  const prefix = randomBytes(4).toString('hex')
  let count = 0

  function hex(bytes: number): string {
    if (used + bytes > BLOCK) {
      randomFillSync(block)
      used = 0
    }
    const text = block.toString('hex', used, used + bytes)
    used += bytes
    return text
  }

  return {
    exchange() {
      count++
      return `${prefix}-${count.toString(36)}`
    },
    trace: () => hex(16),
    span: () => hex(8),
  }
}
