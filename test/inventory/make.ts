// Requests for the tests of the inventory.
import type { Seen } from '../../src/inventory/sketch.ts'

export function seen(method: string, target: string, more: Partial<Seen> = {}): Seen {
  return {
    method,
    target,
    status: 200,
    requestBytes: 0,
    answerBytes: 100,
    durationMs: 10,
    at: null,
    caller: '10.0.0.1',
    host: 'shop.example',
    from: null,
    setCookies: [],
    contentType: null,
    isPage: false,
    isFailure: false,
    standsFor: 1,
    ...more,
  }
}
