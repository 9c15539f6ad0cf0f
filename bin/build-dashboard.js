// Makes the dashboard that the admin listener serves: src/admin/dashboard → dist/dashboard, one script and one style sheet named
// by their contents, and each compressed beside. Runs after `npm ci` and in `npm run build`; the package carries the result.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const from = join(root, 'src/admin/dashboard')
const to = join(root, 'dist/dashboard')
/** All of it, compressed: what an operator on a bad line waits for. */
const MOST_BYTES = 150 * 1024

const { rolldown } = await import('rolldown').catch(() => ({}))
if (rolldown === undefined || !existsSync(from)) {
  // Without development packages the admin listener says at `/` what to do; nothing else needs it.
  process.stdout.write('dashboard: not built, because rolldown is not installed\n')
  process.exit(0)
}

const bundle = await rolldown({
  input: join(from, 'main.tsx'),
  platform: 'browser',
  // Its own: that of the checkout is for Node.
  tsconfig: join(from, 'tsconfig.json'),
})
const { output } = await bundle.generate({
  format: 'es',
  minify: true,
  codeSplitting: false,
  comments: { legal: false },
})
await bundle.close()
const script = output[0].code
const style = ['node_modules/uplot/dist/uPlot.min.css', 'src/admin/dashboard/style.css']
  .map(file => readFileSync(join(root, file), 'utf8'))
  .join('\n')
const scriptName = `app-${hashOf(script)}.js`
const styleName = `app-${hashOf(style)}.css`
const page = readFileSync(join(from, 'index.html'), 'utf8')
  .replace('style.css', `assets/${styleName}`)
  .replace('main.tsx', `assets/${scriptName}`)

rmSync(to, { recursive: true, force: true })
mkdirSync(to, { recursive: true })
let bytes = 0
for (const [name, text] of [
  ['index.html', page],
  [scriptName, script],
  [styleName, style],
]) {
  const compressed = gzipSync(text, { level: constants.Z_BEST_COMPRESSION })
  writeFileSync(join(to, name), text)
  writeFileSync(join(to, `${name}.gz`), compressed)
  bytes += compressed.length
}
process.stdout.write(`dashboard: ${(bytes / 1024).toFixed(1)} KiB compressed\n`)
if (bytes > MOST_BYTES) {
  process.stderr.write(`dashboard: more than ${MOST_BYTES / 1024} KiB\n`)
  process.exit(1)
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('base64url').replace(/[-_]/g, '').slice(0, 10)
}
