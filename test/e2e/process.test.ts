// `banyan start` as its user meets it: what it needs, what it makes, and what it says when it cannot.
import { mkdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { call, eventually, httpBackend, named, rawClient, TOKEN, temporary } from './harness.ts'
import {
  configText,
  type Ended,
  insist,
  listening,
  NOBODY,
  spawnBanyan,
  splitConfig,
  startProcess,
  within,
  writeConfig,
} from './process.ts'

const STACK = /\n\s+at |node:internal|Error:/

t.test('without a file: a pure pass-through, a token of its own, and a store that nobody else can read', async t => {
  const backend = await httpBackend(t, (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', chunk => chunks.push(chunk))
    req.on('end', () => res.end(`${req.method} ${req.url} ${Buffer.concat(chunks)}`))
  })
  const cwd = temporary(t)
  const state = join(cwd, '.banyan')
  const start = async (isFirst: boolean) => {
    // Its other listeners have the usual ports, which only one at a time can have: a demo beside us, say.
    for (let attempt = 0; attempt < 20; attempt++) {
      if (isFirst) rmSync(state, { recursive: true, force: true })
      const child = spawnBanyan(t, ['start', '--legacy', backend.url, '--listen', '127.0.0.1:0'], { cwd })
      try {
        return await listening(child)
      } catch (error) {
        if (!/the address is in use/.test(child.stderr())) throw error
      }
    }
    return null
  }
  const banyan = await start(true)
  if (banyan === null) {
    t.comment('not tried: 127.0.0.1:9900 or :9901 is taken on this machine, and stays so')
    return
  }
  t.equal(banyan.admin, 'http://127.0.0.1:9900')
  t.equal(banyan.health, 'http://127.0.0.1:9901')
  t.equal(banyan.sides, null)
  const client = rawClient(t, banyan.port)
  client.send('REPORT /a//b/../%2f?x=1&&y HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody')
  t.match(await client.closed, /^HTTP\/1\.1 200 [\s\S]*REPORT \/a\/\/b\/\.\.\/%2f\?x=1&&y body$/)
  t.equal(backend.seen.length, 1, 'asked once')

  const file = join(state, 'admin.token')
  const secret = readFileSync(file, 'utf8').trim()
  t.match(secret, /^bny_[\w-]{43}$/)
  t.equal(modeOf(file), '600')
  t.equal(modeOf(state), '700')
  t.equal(modeOf(join(state, 'state.db')), '600')
  t.ok(banyan.lines().some(line => line.msg === `admin token written to ${file}`))
  const withToken = { authorization: `Bearer ${secret}` }
  const status = await call(banyan.admin, 'GET', '/status', undefined, withToken)
  t.match(status.json, { state: 'ready', routes: [], warnings: [], config: { file: null } })
  t.equal((await call(banyan.admin, 'GET', '/status', undefined, { authorization: 'Bearer x' })).status, 401)
  t.equal((await call(banyan.admin, 'POST', '/config/reload', {}, withToken)).json.code, 'no_file')
  banyan.signal('SIGHUP')
  await banyan.line(/^SIGHUP: there is no configuration file/)
  t.equal((await call(banyan.admin, 'GET', '/status', undefined, withToken)).status, 200, 'and it goes on')
  banyan.signal('SIGTERM')
  const { end, stdout, stderr } = await insist(banyan, 'SIGTERM')
  t.match(stdout, /"ms"/, 'one line a request')
  t.notMatch(stdout + stderr, secret, 'the secret is on no stream')
  t.ok(end === 0 || end === 1, 'it has a grace of some seconds by default, and a second signal ends it')

  const again = await start(false)
  t.equal(readFileSync(file, 'utf8').trim(), secret, 'a restart keeps the token')
  if (again !== null) t.equal((await call(again.admin, 'GET', '/status', undefined, withToken)).status, 200)
})

t.test('every mistake is told at once with its place, and nothing is started or written', async t => {
  const cwd = temporary(t)
  const text = [
    'proxy: { listen: 127.0.0.1:99999, drian: 1s }',
    'split: { seed: plain-text }',
    'routes:',
    '  - id: Orders',
    '    match: { path: orders }',
    '    legacy: nobody',
    '  - id: carts',
    '    match: { path: /carts }',
    '    legacy: http://127.0.0.1:3001',
    '    new: http://127.0.0.1:3002',
    '    weight: 101',
    '',
  ].join('\n')
  writeFileSync(join(cwd, 'bad.yaml'), text)
  const { end, stdout, stderr } = await spawnBanyan(t, ['start', '-c', 'bad.yaml'], { cwd }).ended
  t.equal(end, 2)
  t.equal(stdout, '')
  t.notMatch(stderr, STACK)
  const places = [...stderr.matchAll(/^(\S+):(\d+):(\d+) {2}error {2}.* {2}(\S+)$/gm)]
  t.same(
    places.map(([, file, line, column, path]) => [file, Number(line), Number(column), path]),
    [
      [1, 18, '/proxy/listen'],
      [1, 35, '/proxy/drian'],
      [2, 16, '/split/seed'],
      [4, 9, '/routes/0/id'],
      [5, 20, '/routes/0/match/path'],
      [6, 13, '/routes/0/legacy'],
      [7, 5, '/routes/1/data'],
      [11, 13, '/routes/1/weight'],
    ].map(place => [join(cwd, 'bad.yaml'), ...place]),
    stderr,
  )
  t.match(stderr, /did you mean|drain/, 'a key that is nearly right')
  t.notMatch(stderr, /plain-text/, 'a secret is not repeated')
  t.throws(() => statSync(join(cwd, '.banyan')), { code: 'ENOENT' })
})

t.test('what was typed wrong is a mistake of usage', async t => {
  const cwd = temporary(t)
  writeConfig(cwd, { backends: { legacy: { url: NOBODY } } })
  const wrong: [readonly string[], RegExp][] = [
    [['start', '--legacy', 'not a url'], /--legacy/],
    [['start', '--legacy', NOBODY, '--listen', 'somewhere'], /--listen/],
    [['start', '-c', 'routes.yaml', '--legacy', NOBODY], /backends\.legacy is in the file already/],
    [['start', '-c', 'elsewhere.yaml'], /elsewhere\.yaml does not exist/],
    [['start', '-c', '.'], /is a directory/],
    [['strat'], /start/],
    [['start', '--listne', ':1'], /--listen/],
  ]
  await Promise.all(
    wrong.map(async ([args, sentence]) => {
      const { end, stdout, stderr } = await spawnBanyan(t, args, { cwd }).ended
      t.match(stderr, sentence, args.join(' '))
      t.notMatch(stderr, STACK, args.join(' '))
      t.same([end, stdout], [2, ''], args.join(' '))
    }),
  )
})

t.test('an address in use is told with the key that names it', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { readonly port: number }
  const listen = `127.0.0.1:${port}`
  for (const key of ['proxy', 'admin', 'health', 'sides']) {
    const cwd = temporary(t)
    writeConfig(cwd, { backends: { legacy: { url: NOBODY } }, [key]: { listen } })
    const ended = await spawnBanyan(t, ['start'], { cwd }).ended
    failedClearly(
      t,
      ended,
      new RegExp(`cannot listen on http://${listen} \\(${key}\\.listen\\): the address is in use`),
    )
    t.match(ended.stderr, `give another address in ${key}.listen`)
    t.notMatch(ended.stdout, /listening/)
  }
})

t.test('a backend that is not there is no reason not to start', async t => {
  const cwd = temporary(t)
  const banyan = await startProcess(t, splitConfig(NOBODY, 'http://name.invalid:80', { weight: 0 }), { cwd })
  t.equal((await fetch(`${banyan.health}/readyz`)).status, 200)
  const answer = await fetch(banyan.proxy)
  t.equal(answer.status, 502)
  t.match(await answer.json(), { code: 'backend_connect' })
  await banyan.api('PUT', '/routes/all/weight', { percent: 100 })
  t.equal((await fetch(banyan.proxy)).status, 502)
  t.equal((await fetch(`${banyan.health}/readyz`)).status, 200, 'ready says nothing of backends')
})

t.test('both sides at one address: served, and warned of in log and status', async t => {
  const cwd = temporary(t)
  const backend = await named(t, 'both')
  const banyan = await startProcess(t, splitConfig(backend.url, backend.url), { cwd })
  t.equal((await banyan.line(/both sides are the same address/)).level, 'warn')
  const { warnings } = (await banyan.api('GET', '/status')).json
  t.match(warnings, [{ code: 'config', message: /both sides are the same address/ }])
  t.equal((await fetch(banyan.proxy)).headers.get('x-served-by'), 'both')
})

t.test('a token that somebody would guess is refused', async t => {
  const cwd = temporary(t)
  writeConfig(cwd, { backends: { legacy: { url: NOBODY } } })
  for (const weak of ['', 'secret', 'fifteen-letters']) {
    const ended = await spawnBanyan(t, ['start'], { cwd, env: { BANYAN_ADMIN_TOKEN: weak } }).ended
    failedClearly(t, ended, /BANYAN_ADMIN_TOKEN is shorter than 16 characters\n.*openssl rand/)
    if (weak !== '') t.notMatch(ended.stderr, weak)
  }
})

t.test('a given token is kept nowhere', async t => {
  const cwd = temporary(t)
  const banyan = await startProcess(t, { backends: { legacy: { url: NOBODY } } }, { cwd })
  t.equal((await banyan.api('GET', '/status')).status, 200)
  t.throws(() => statSync(join(cwd, '.banyan/admin.token')), { code: 'ENOENT' })
  const { config } = (await banyan.api('GET', '/config')).json
  const { stdout, stderr } = await insist(banyan, 'SIGTERM')
  for (const text of [JSON.stringify(config), stdout, stderr]) t.notMatch(text, TOKEN)
  t.notMatch(readFileSync(join(cwd, '.banyan/state.db'), 'latin1'), TOKEN)
})

t.test('a token file that is gone is replaced, and the old secret is worth nothing any more', async t => {
  const cwd = temporary(t)
  const file = join(cwd, '.banyan/admin.token')
  writeConfig(cwd, { backends: { legacy: { url: NOBODY } } })
  const secrets: string[] = []
  for (const round of [1, 2]) {
    const banyan = await listening(spawnBanyan(t, ['start'], { cwd }))
    secrets.push(readFileSync(file, 'utf8').trim())
    const answers = await Promise.all(
      secrets.map(secret => call(banyan.admin, 'GET', '/status', undefined, { authorization: `Bearer ${secret}` })),
    )
    t.same(
      answers.map(answer => answer.status),
      round === 1 ? [200] : [401, 200],
    )
    await banyan.kill()
    unlinkSync(file)
  }
})

t.test('a store that cannot be used is told in a sentence', async t => {
  const cwd = temporary(t)
  const foreign = new DatabaseSync(join(cwd, 'foreign.db'))
  foreign.exec('CREATE TABLE theirs (x)')
  foreign.close()
  writeFileSync(join(cwd, 'noise.db'), Buffer.alloc(8192, 'noise'))
  mkdirSync(join(cwd, 'folder.db'))
  const stores: [string, RegExp][] = [
    ['foreign.db', /foreign\.db is a database of another program/],
    ['noise.db', /noise\.db is not a database/],
    ['folder.db', /folder\.db cannot be opened for writing/],
    ['noise.db/state.db', /cannot be opened for writing/],
    ['/proc/nowhere/state.db', /nowhere/],
  ]
  await Promise.all(
    stores.map(async ([path, sentence], index) => {
      writeFileSync(
        join(cwd, `${index}.yaml`),
        configText({ backends: { legacy: { url: NOBODY } }, store: `sqlite:${path}` }),
      )
      const child = spawnBanyan(t, ['start', '-c', `${index}.yaml`], { cwd })
      failedClearly(t, await within(child.ended, `${path} is refused`), sentence)
    }),
  )
  t.equal(readFileSync(join(cwd, 'noise.db'), 'utf8'), Buffer.alloc(8192, 'noise').toString(), 'left as it was')
})

t.test('a second process on one store is refused, and the first one does not notice', async t => {
  const cwd = temporary(t)
  const first = await startProcess(t, { backends: { legacy: { url: NOBODY } } }, { cwd })
  const second = await spawnBanyan(t, ['start'], { cwd, env: { BANYAN_ADMIN_TOKEN: TOKEN } }).ended
  failedClearly(t, second, /state\.db is in use by another process/)
  t.match(second.stderr, /One Banyan per file/)
  const other = join(cwd, 'other.yaml')
  writeFileSync(other, JSON.stringify({ store: 'sqlite:.banyan/other.db', backends: { legacy: { url: NOBODY } } }))
  const beside = await spawnBanyan(t, ['start', '-c', other], { cwd, env: { BANYAN_ADMIN_TOKEN: TOKEN } }).ended
  failedClearly(t, beside, /Another process keeps its files in .*\.banyan/)
  t.equal((await first.api('POST', '/rollback', {})).json.durable, true)
  await first.kill()
  const third = await startProcess(t, { backends: { legacy: { url: NOBODY } } }, { cwd })
  t.equal((await third.api('GET', '/status')).json.rollbacks.length, 1, 'free as soon as the first one is gone')
})

t.test('stopped while it waits for its store, it ends', async t => {
  const cwd = temporary(t)
  writeConfig(cwd, { store: 'postgres://nobody@127.0.0.1:1/none', backends: { legacy: { url: NOBODY } } })
  const child = spawnBanyan(t, ['start'], { cwd, env: { BANYAN_ADMIN_TOKEN: TOKEN } })
  await eventually(async () => /waiting for the store/.test(child.stdout()), 'it waits')
  child.signal('SIGTERM')
  const { end, stderr } = await within(child.ended, 'it ends')
  t.equal(end, 0)
  t.match(stderr, /stopped before it served: .*cannot be reached/)
})

t.test('an output that nobody reads any more does not end it', async t => {
  const cwd = temporary(t)
  const backend = await named(t, 'legacy')
  writeConfig(cwd, { backends: { legacy: { url: backend.url } } })
  const child = spawnBanyan(t, ['start'], {
    cwd,
    env: { BANYAN_ADMIN_TOKEN: TOKEN },
    // The reader takes the line that it waits for, and leaves.
    under: ['sh', '-c', '{ "$@" & echo $! >&2; wait $!; } | { grep -m1 listening; }', 'sh'],
  })
  t.teardown(() => stopPid(child.stderr()))
  const banyan = await listening(child)
  for (let i = 0; i < 200; i++) {
    const answer = await fetch(banyan.proxy)
    await answer.arrayBuffer()
    if (answer.status !== 200) t.fail('answers')
  }
  await eventually(async () => (await fetch(`${banyan.health}/readyz`)).status === 200, 'it is ready')
  t.equal((await banyan.api('GET', '/status')).status, 200)
})

function stopPid(text: string): void {
  const pid = Number(/^\d+/.exec(text)?.[0])
  if (pid > 1) process.kill(pid, 'SIGKILL')
}

function failedClearly(t: Test, { end, stderr }: Ended, sentence: RegExp): void {
  t.match(stderr, sentence)
  t.notMatch(stderr, STACK)
  t.equal(end, 1)
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}
