// Writes what was read into the shared buffer: a copy of it, in memory that is used again and again.
//
// Large bodies would otherwise make garbage at the speed of the network, and V8 looks through all of its heap for every
// 64 MiB of it: that was more than half of what a large body cost (docs/benchmarks.md).
import type { Socket } from 'node:net'

/** As much as one read brings. */
const BLOCK_BYTES = 64 * 1024
/** Smaller ones are pooled by Node, or not worth it. */
const LEAST_BYTES = 8 * 1024
/** Blocks that are kept for the next: what a hundred busy transfers have under way. */
const MOST_FREE = 128
/** Pieces up to this size go out in one write with what stands before and after them. */
export const ONE_WRITE_BYTES = 16 * 1024

const free: Buffer[] = []

/** As `socket.write`; the piece is the caller's again when it returns. */
export function writeCopy(socket: Socket, piece: Buffer): boolean {
  if (piece.length < LEAST_BYTES || piece.length > BLOCK_BYTES) return socket.write(Buffer.from(piece))
  const block = free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
  piece.copy(block)
  const whole = piece.length === BLOCK_BYTES ? block : block.subarray(0, piece.length)
  // Told also when it fails, but not before the kernel is done with it.
  return socket.write(whole, () => {
    if (free.length < MOST_FREE) free.push(block)
  })
}

/** `before`, then a copy of the piece, then `after`, in one go. */
export function writeFramed(socket: Socket, before: string, piece: Buffer, after: string): boolean {
  if (before === '' && after === '') return writeCopy(socket, piece)
  if (piece.length <= ONE_WRITE_BYTES) return socket.write(before + piece.toString('latin1') + after, 'latin1')
  socket.cork()
  if (before !== '') socket.write(before, 'latin1')
  let more = writeCopy(socket, piece)
  if (after !== '') more = socket.write(after, 'latin1')
  socket.uncork()
  return more
}
