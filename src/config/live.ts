// The one pointer that the data path reads, and the one assignment that changes it.

export interface Live<T> {
  current(): T
}

export interface Swappable<T> extends Live<T> {
  swap(next: T): void
}

export function createLive<T>(initial: T): Swappable<T> {
  let value = initial
  return {
    current: () => value,
    swap(next) {
      value = next
    },
  }
}
