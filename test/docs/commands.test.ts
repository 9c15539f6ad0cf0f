// Everything that the documents tell people to type, call, configure, watch or follow is held against the program: README, SECURITY
// and docs/*.md (not the decisions; the reference is generated). Pages that are run by a test of their own are checked here, too.
//
// What nothing can run says so where readers see it, in the first line of its block: `# not run by a test: why`.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { type Block, blocksOf, pageText, ROOT } from './blocks.ts'
import { isCommand, isKey, isMetric, isOperation, mistakesIn, refusedByCli, startsLikeKey } from './known.ts'
import { commandsOf } from './shell.ts'

const PAGES = ['README.md', 'SECURITY.md', ...globSync('docs/*.md', { cwd: ROOT }).sort()]
/** Generated, with a test of its own; its words are those of the wire. */
const WRITTEN = PAGES.filter(page => page !== 'docs/conformance.md')
/** Every `sh` block of these is run, in its order. */
const WALKED = new Map([
  ['docs/first-hour.md', 'test/docs/first-hour.test.ts'],
  ['docs/migration-guide.md', 'test/docs/migration-guide.test.ts'],
])
/** Values of variables in commands, where not any text will do. */
const VALUES = {
  percent: '25',
  LEGACY: 'http://10.0.0.5:3001',
  NEW: 'http://10.0.0.9:3002',
  PROXY: 'http://127.0.0.1:8080',
}
/** Begin like metrics, and are cookies, parameters, replicas. */
const NO_METRIC = /^banyan_(id|pin|pin_\w*|session|link|link_\w*|side)$/
/** Dotted like keys, and are files, fields of an answer, or attributes of spans. */
const NO_KEY =
  /\.(md|ts|js|yaml|json|ndjson|db|log|txt|token|copy|pending|damaged|reserve|done|com|html|service|sh|pem|gz|tgz|sql)$|^store\.(unkept|unsaved)$|^(service|url)\.[a-z.]+$/

const scripts = new Set(Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts))
const blocks = WRITTEN.flatMap(page => [...blocksOf(page)])
const shell = blocks.filter(({ kind }) => /^(sh|console|bash|shell)\b/.test(kind))
const at = ({ page, line }: Block) => `${page}:${line}`

t.test('command lines are taken by the command line', async t => {
  const counts = { banyan: 0, npm: 0, node: 0 }
  for (const block of shell) {
    for (const words of commandsOf(withoutPrompts(block), VALUES)) {
      const [program, ...args] = innermost(words)
      if (program === 'banyan') {
        counts.banyan++
        t.equal(refusedByCli(args), null, `${at(block)}: banyan ${args.join(' ')}`)
      } else if (program === 'npm' && args[0] === 'run') {
        counts.npm++
        t.ok(
          scripts.has(args.find(arg => arg !== 'run' && !arg.startsWith('-')) ?? ''),
          `${at(block)}: npm ${args.join(' ')}`,
        )
      } else if (program === 'node' && /\.(ts|js)$/.test(args[0] ?? '')) {
        counts.node++
        t.ok(existsSync(join(ROOT, args[0] as string)), `${at(block)}: node ${args[0]}`)
      }
    }
  }
  t.comment(
    `checked: ${counts.banyan} × banyan, ${counts.npm} × npm run, ${counts.node} × node, in ${shell.length} blocks`,
  )
  t.ok(counts.banyan > 100 && counts.npm > 3)
})

t.test('and those in a sentence', async t => {
  let checked = 0
  for (const { page, code } of spans(/^(?:npx )?banyan [a-z]/)) {
    // A placeholder of ours stands for a word; what goes on is not said in full.
    const [words = []] = commandsOf(code.replace(/<[\w ]+>/g, 'x').replace(/ …$/, ''), VALUES)
    const [, ...args] = innermost(words)
    checked++
    if (!isCommand(args) && args.at(-1) !== '--') t.equal(refusedByCli(args), null, `${page}: ${code}`)
  }
  for (const { page, code } of spans(/^npm run /)) {
    checked++
    t.ok(scripts.has(code.split(' ').find(word => !/^(npm|run|-.*)$/.test(word)) ?? ''), `${page}: ${code}`)
  }
  t.comment(`checked: ${checked} commands in sentences`)
  t.ok(checked > 50)
})

t.test('blocks that are not run say so, in one form', async t => {
  const marked = blocks.filter(({ notRun }) => notRun !== null)
  for (const block of marked) t.comment(`not run: ${at(block)}: ${block.notRun}`)
  for (const block of blocks)
    t.notMatch(block.text.split('\n').slice(1).join('\n'), /^# not run/m, `${at(block)}: in its first line`)
  for (const [page, test] of WALKED) t.match(readFileSync(join(ROOT, test), 'utf8'), page)
  const run = shell.filter(block => WALKED.has(block.page) && block.notRun === null)
  t.comment(
    `${run.length} blocks are run, ${marked.length} are marked, ${shell.length - run.length - marked.length} are checked only`,
  )
  t.ok(run.length > 30)
})

t.test('blocks of YAML are a routes.yaml', async t => {
  let checked = 0
  for (const block of blocks.filter(({ kind }) => kind.startsWith('yaml'))) {
    const mistakes = await mistakesIn(block.text)
    if (mistakes === null) continue
    checked++
    t.same(mistakes, [], at(block))
  }
  t.comment(`checked: ${checked} blocks of YAML`)
  t.ok(checked > 8)
})

t.test('calls are operations of the API', async t => {
  let checked = 0
  const is = (method: string, path: string, where: string) => {
    checked++
    const bare = path.replace(/[?#].*$/, '')
    t.ok(isOperation(method, bare), `${where}: ${method} ${path}`)
  }
  for (const block of shell) {
    for (const words of commandsOf(withoutPrompts(block), VALUES)) {
      const path = words.find(word => word.includes('/api/v1/'))?.split('/api/v1')[1]
      if (words[0] === 'curl' && path !== undefined) is(methodOf(words), path, at(block))
    }
  }
  for (const { page, code } of spans(/^(GET|POST|PUT|DELETE) \/api\/v1\//)) {
    const [method = '', path = ''] = code.split(' ')
    is(method, path.slice('/api/v1'.length), page)
  }
  t.comment(`checked: ${checked} calls`)
  t.ok(checked > 8)
})

t.test('metrics exist', async t => {
  const seen = new Set<string>()
  for (const page of WRITTEN) {
    for (const [, name = '', next = ''] of pageText(page).matchAll(/\b(banyan_[a-z_]+)(.?)/g)) {
      // A pattern of grep names several; an underscore at the end is one that goes on.
      if (next === '(' || name.endsWith('_') || NO_METRIC.test(name)) continue
      seen.add(name)
      if (!isMetric(name)) t.fail(`${page}: ${name} is not in docs/reference/metrics.md`)
    }
  }
  t.comment(`checked: ${seen.size} metrics`)
  t.ok(seen.size > 20)
})

t.test('keys of the configuration exist', async t => {
  let checked = 0
  for (const { page, code } of spans(/^[a-z]\w*(\.[a-zA-Z]\w*)+(?=$|:)/)) {
    const key = code.replace(/:.*$/, '')
    if (NO_KEY.test(key) || !startsLikeKey(key)) continue
    checked++
    t.ok(isKey(key), `${page}: ${key}`)
  }
  t.comment(`checked: ${checked} keys`)
  t.ok(checked > 60)
})

t.test('links lead somewhere', async t => {
  let checked = 0
  const linking = [...PAGES, 'CHANGELOG.md', ...globSync('{docs/decisions,deploy/*,examples/*}/*.md', { cwd: ROOT })]
  for (const page of linking) {
    for (const [, to = ''] of withoutCode(pageText(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(to)) continue
      checked++
      const [path = '', anchor] = to.split('#')
      const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path))
      if (!existsSync(join(ROOT, file))) t.fail(`${page}: ${to}: no such file`)
      else if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor))
        t.fail(`${page}: ${to}: no such heading`)
    }
  }
  t.comment(`checked: ${checked} links`)
  t.ok(checked > 100)
})

/** Of a transcript only what was typed. */
function withoutPrompts({ kind, text }: Block): string {
  if (!kind.startsWith('console')) return text
  return text
    .split('\n')
    .filter(line => line.startsWith('$ '))
    .map(line => line.slice(2))
    .join('\n')
}

/** `npx banyan …`, `docker compose exec banyan-1 banyan …`, `kubectl exec deployment/banyan -- banyan …`. */
function innermost(words: readonly string[]): readonly string[] {
  if (words[0] === 'npx') return words.slice(1)
  if (words[0] === 'docker' && words[2] === 'exec') return words.slice(4)
  if (words[0] === 'kubectl' && words.includes('--')) return words.slice(words.indexOf('--') + 1)
  return words[0] === 'node' && words[1] === 'bin/banyan.js' ? ['banyan', ...words.slice(2)] : words
}

function methodOf(curl: readonly string[]): string {
  const named = curl.findIndex(word => word === '-X' || word === '--request')
  if (named > 0) return curl[named + 1] as string
  return curl.some(word => /^(-d|--data.*)$/.test(word)) ? 'POST' : 'GET'
}

/** Code in sentences. */
function spans(form: RegExp): readonly { readonly page: string; readonly code: string }[] {
  return WRITTEN.flatMap(page =>
    Array.from(withoutBlocks(pageText(page)).matchAll(/`([^`]+)`/g), ([, code = '']) => ({
      page,
      code: code.replace(/\s+/g, ' ').replaceAll('\\|', '|'),
    })).filter(({ code }) => form.test(code)),
  )
}

function withoutBlocks(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, '')
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replace(/`[^`]*`/g, '')
}

/** As the hosts of repositories make them of headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutBlocks(pageText(page)).matchAll(/^#+ (.+)$/gm)) {
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = base
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`
    anchors.add(anchor)
  }
  return anchors
}
