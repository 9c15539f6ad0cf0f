// Names for plain numbers, so that a signature says what it counts.

/** A span of time in milliseconds. */
export type Milliseconds = number
/** A size in bytes. */
export type Bytes = number
/** 0 to 100, with up to two decimals. */
export type Percent = number
/** A moment: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number
/** Counts accepted changes of one store, from 1; a higher one is later. */
export type Revision = number

/** The clock every room is handed; no room reads the system's clock by itself. */
export interface Clock {
  /** Wall clock, for records that people read. */
  now(): EpochMs
  /** Monotonic, for durations. */
  monotonic(): Milliseconds
}
