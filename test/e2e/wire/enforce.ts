// Makes one tap test of each case, against one Banyan and one backend for each setup that the cases need.
import type { Test } from 'tap'
import { QUIRKS } from '../../../src/model/route.ts'
import { startBanyan } from '../harness.ts'
import { Backend } from './backend.ts'
import type { Case, Setup } from './case.ts'
import { DEVIATIONS } from './deviations.ts'
import { runAll, strays } from './run.ts'

const PARALLEL = 8

const SETUPS: Readonly<Record<Setup, (url: string) => Record<string, unknown>>> = {
  plain: url => ({ backends: { legacy: { url } } }),
  standard: url => ({ proxy: { profile: 'standard', limits: { body: '1MiB' } }, backends: { legacy: { url } } }),
  impatient: url => ({
    proxy: { timeouts: { requestHead: '500ms' } },
    backends: { legacy: { url, timeouts: { head: '1s', idle: '1s' } } },
  }),
  lenient: url => ({ backends: { legacy: { url, wire: { accept: [...QUIRKS] } } } }),
  old: url => ({ backends: { legacy: { url, wire: { version: '1.0', reuse: 'never', chunkedRequests: 'buffer' } } } }),
}

export async function enforce(t: Test, cases: readonly Case[]): Promise<void> {
  for (const [setup, config] of Object.entries(SETUPS)) {
    const own = cases.filter(one => one.setup === setup)
    if (own.length > 0) await t.test(`set up as ${setup}`, t => enforceOn(t, own, config))
  }
}

async function enforceOn(t: Test, cases: readonly Case[], config: (url: string) => Record<string, unknown>) {
  const backend = await Backend.listen()
  t.teardown(() => backend.close())
  const banyan = await startBanyan(t, config(`http://127.0.0.1:${backend.port}`))
  const results = runAll(cases, { proxyPort: banyan.port, backend, parallel: PARALLEL, without: [] })
  for (const one of cases) {
    await t.test(`${one.id}: ${one.title}`, async t => {
      const error = (await results.get(one.id)) ?? null
      const reason = DEVIATIONS[one.id]
      if (reason !== undefined) t.not(error, null, `it holds: take it off deviations.ts (${reason})`)
      else if (error !== null) t.fail(error.message, { stack: error.stack ?? '' })
    })
  }
  t.same(strays(backend), [], 'nothing reached the backend that no case had sent')
}
