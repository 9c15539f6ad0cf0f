// Runs first in the process of every test file (.taprc): what a start costs, 250 times, was half of what most files took.
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'

// Processes that a test starts are as a user's: in other directories too, the cache is where it is here, and nothing is put before.
process.env.NODE_COMPILE_CACHE = resolve(process.env.NODE_COMPILE_CACHE ?? '.tap/compile-cache')
delete process.env.NODE_OPTIONS

// tap has every process write down which modules it loads, for coverage and `--changed`. Neither is used here, and it takes as
// long as all the rest of a start. It comes right after this. Should a later tap call it otherwise, it is only slow again.
const recorder = registerHooks({
  resolve(specifier, context, next) {
    if (specifier.endsWith('/@tapjs/processinfo/dist/esm/import.mjs')) {
      return { url: 'data:text/javascript,', format: 'module', shortCircuit: true }
    }
    recorder.deregister()
    return next(specifier, context)
  },
})
