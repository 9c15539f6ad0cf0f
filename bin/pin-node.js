// After `npm ci`: makes npm scripts find the pinned Node before any other.
// npm 10 links it and then takes the link away, together with the pinned Nodes of other systems, whose command has the same name.
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const commands = join(root, 'node_modules/.bin')
const name = Object.keys(optionalDependencies).find(one => one.endsWith(`${process.platform}-${process.arch}`))
const isMissing = existsSync(commands) && !existsSync(join(commands, 'node'))
if (name !== undefined && isMissing && existsSync(join(commands, '..', name, 'bin/node'))) {
  symlinkSync(join('..', name, 'bin/node'), join(commands, 'node'))
}
