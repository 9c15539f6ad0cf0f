// The watch: told once for each change of content, however it was made.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stampOf, watchFiles } from '../../src/config/watch.ts'

const INTERVAL_MS = 5

function scratch(t: Test): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-watch-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return name => join(directory, name)
}

function stampsOf(files: readonly string[]): ReadonlyMap<string, string> {
  return new Map(files.map(file => [file, stampOf(file)]))
}

/** A watch whose news are awaited one by one. The timers of a watch do not keep a process alive, so the test does. */
function watching(
  t: Test,
  files: readonly string[],
  onChange: (changed: readonly string[]) => unknown = () => {},
  read = stampsOf(files),
) {
  const news: (readonly string[])[] = []
  const errors: string[] = []
  let wake = () => {}
  const alive = setInterval(() => {}, 1000)
  const watch = watchFiles({
    files: read,
    intervalMs: INTERVAL_MS,
    log: (_level, message) => errors.push(message),
    onChange(changed) {
      news.push(changed)
      wake()
      return onChange(changed)
    },
  })
  t.teardown(() => {
    watch.close()
    clearInterval(alive)
  })
  return {
    errors,
    news,
    watch,
    async next(): Promise<readonly string[]> {
      while (news.length === 0)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      return news.shift() as readonly string[]
    },
  }
}

t.test('written, appended, renamed over', async t => {
  const at = scratch(t)
  writeFileSync(at('a'), '1')
  writeFileSync(at('b'), '1')
  const { next } = watching(t, [at('a'), at('b')])
  writeFileSync(at('a'), '2')
  t.same(await next(), [at('a')])
  appendFileSync(at('b'), '2')
  t.same(await next(), [at('b')])
  for (let turn = 0; turn < 3; turn++) {
    writeFileSync(at('a.tmp'), `by an editor, ${turn}`)
    renameSync(at('a.tmp'), at('a'))
    t.same(await next(), [at('a')], 'again and again')
  }
})

t.test('a mounted ConfigMap: the symlink in between is swapped', async t => {
  const at = scratch(t)
  for (const version of ['..2026_1', '..2026_2']) {
    mkdirSync(at(version))
    // Same length and same time: only the content differs.
    writeFileSync(join(at(version), 'routes.yaml'), `version ${version}`)
    utimesSync(join(at(version), 'routes.yaml'), 1, 1)
  }
  symlinkSync('..2026_1', at('..data'))
  symlinkSync('..data/routes.yaml', at('routes.yaml'))
  const { next } = watching(t, [at('routes.yaml')])
  symlinkSync('..2026_2', at('..data_tmp'))
  renameSync(at('..data_tmp'), at('..data'))
  rmSync(at('..2026_1'), { recursive: true })
  t.same(await next(), [at('routes.yaml')])
  writeFileSync(at('routes.yaml'), 'through the link')
  t.same(await next(), [at('routes.yaml')])
})

t.test('changes that come together are told once; touching is no change', async t => {
  const at = scratch(t)
  writeFileSync(at('a'), '1')
  writeFileSync(at('b'), '1')
  writeFileSync(at('c'), '1')
  const { next, news } = watching(t, [at('a'), at('b'), at('c')])
  utimesSync(at('c'), 5, 5)
  writeFileSync(at('a'), '2')
  writeFileSync(at('b'), '2')
  t.same(await next(), [at('a'), at('b')])
  writeFileSync(at('c'), '2')
  t.same(await next(), [at('c')])
  t.same(news, [])
})

t.test('gone and come, and a file that was not there', async t => {
  const at = scratch(t)
  writeFileSync(at('a'), '1')
  const { next } = watching(t, [at('a'), at('later')])
  rmSync(at('a'))
  t.same(await next(), [at('a')])
  writeFileSync(at('a'), '1')
  t.same(await next(), [at('a')])
  writeFileSync(at('later'), '1')
  t.same(await next(), [at('later')])
})

t.test('what has changed since it was read is told, once', async t => {
  const at = scratch(t)
  const files = ['same', 'written', 'renamed', 'gone', 'come', 'routes.d'].map(at)
  mkdirSync(at('routes.d'))
  for (const name of ['same', 'written', 'renamed', 'renamed.next', 'gone']) writeFileSync(at(name), '1')
  const read = stampsOf(files)
  writeFileSync(at('written'), '2')
  renameSync(at('renamed.next'), at('renamed'))
  rmSync(at('gone'))
  writeFileSync(at('come'), '1')
  writeFileSync(join(at('routes.d'), 'a.yaml'), '1')
  const { next, news } = watching(t, files, undefined, read)
  t.same(await next(), files.slice(1))
  writeFileSync(at('same'), '2')
  t.same(await next(), [at('same')])
  t.same(news, [])
})

t.test('a directory counts by its names', async t => {
  const at = scratch(t)
  mkdirSync(at('routes.d'))
  writeFileSync(join(at('routes.d'), 'a.yaml'), '1')
  const { next } = watching(t, [at('routes.d')])
  writeFileSync(join(at('routes.d'), 'b.yaml'), '1')
  t.same(await next(), [at('routes.d')])
  rmSync(join(at('routes.d'), 'b.yaml'))
  t.same(await next(), [at('routes.d')])
})

t.test('a listener that fails is logged, and the watch goes on', async t => {
  const at = scratch(t)
  writeFileSync(at('a'), '1')
  const { next, errors } = watching(t, [at('a')], () => Promise.reject(new Error('no')))
  writeFileSync(at('a'), '2')
  await next()
  writeFileSync(at('a'), '3')
  await next()
  t.match(errors, ['a change of the configuration was not taken up'])
})

t.test('after close nothing is told', async t => {
  const at = scratch(t)
  writeFileSync(at('a'), '1')
  writeFileSync(at('b'), '1')
  const closed = watching(t, [at('a')])
  const open = watching(t, [at('a'), at('b')])
  closed.watch.close()
  closed.watch.close()
  writeFileSync(at('a'), '2')
  await open.next()
  writeFileSync(at('b'), '2')
  await open.next()
  t.same(closed.news, [])
})
