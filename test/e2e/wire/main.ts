// The suite against any proxy: `npm run conformance -- --port P --backend B`. It is the backend on B; the proxy on P must
// forward everything to http://127.0.0.1:B with the client's Host.
import { parseArgs } from 'node:util'
import { Backend } from './backend.ts'
import { type Case, SETUPS, type Setup } from './case.ts'
import { CASES } from './catalogue.ts'
import { runAll, strays } from './run.ts'

const HELP = `Conformance of an HTTP/1.1 reverse proxy, from outside.

  npm run conformance -- --port P --backend B [options]

The suite listens on 127.0.0.1:B as the backend and talks to the proxy on 127.0.0.1:P, which must forward
every request to 127.0.0.1:B and keep the client's Host.

  --port P        where the proxy listens
  --backend B     where the suite listens as the backend
  --only TEXT     cases whose id contains TEXT; may be given several times
  --setup NAME    how the proxy is set up: ${SETUPS.join(', ')} (default: plain); cases of other setups are left out
                  standard: limits of 200 fields, 16 KiB of target, 1 MiB of body; HTTP/1.0 answers are refused
                  impatient: 1 s for a backend's head and between pieces, 500 ms for a request's head
                  lenient: quirks of answers are let in
                  old: HTTP/1.0 to the backend, no connection used again, chunked requests get a length
  --parallel N    cases side by side (default: 8)
  --without M     a method that the proxy refuses on purpose; the matrix leaves it out; may be given several times
  --json          results as one JSON document
  --list          the cases, without running them
  --help

Exit code: 0 all hold, 1 some do not, 2 it could not be run.
`

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    backend: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    setup: { type: 'string', default: 'plain' },
    without: { type: 'string', multiple: true, default: [] },
    parallel: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

interface Line {
  readonly id: string
  readonly title: string
  readonly source: readonly string[]
  readonly holds: boolean
  readonly message: string | null
}

async function main(): Promise<number> {
  if (values.help) return say(HELP, 0)
  const setup = SETUPS.find(one => one === values.setup)
  if (setup === undefined) return complain(`no such setup: ${values.setup}`)
  const cases = chosen(setup)
  if (values.list) return say(cases.map(one => `${one.id.padEnd(36)} ${one.title}\n`).join(''), 0)
  const [port, backendPort, parallel] = [values.port, values.backend, values.parallel].map(Number)
  if (!port || !backendPort || !parallel) return complain('--port and --backend are needed')
  if (cases.length === 0) return complain('no case has such an id')
  const backend = await Backend.listen(backendPort)
  const results = runAll(cases, { proxyPort: port, backend, parallel, without: values.without })
  const lines: Line[] = []
  for (const one of cases) {
    const error = (await results.get(one.id)) ?? null
    const line = {
      id: one.id,
      title: one.title,
      source: one.source,
      holds: error === null,
      message: error?.message ?? null,
    }
    lines.push(line)
    if (!values.json) process.stdout.write(shown(line))
  }
  const foreign = strays(backend)
  await backend.close()
  return summarize(lines, foreign)
}

function chosen(setup: Setup): Case[] {
  const wanted = (one: Case) => values.only.length === 0 || values.only.some(text => one.id.includes(text))
  return CASES.filter(one => one.setup === setup && wanted(one))
}

function shown({ id, title, holds, message }: Line): string {
  const line = `${holds ? 'ok  ' : 'FAIL'} ${id.padEnd(36)} ${title}\n`
  return message === null ? line : `${line}     ${message.replaceAll('\n', '\n     ')}\n`
}

function summarize(lines: readonly Line[], foreign: readonly string[]): number {
  const failed = lines.filter(line => !line.holds)
  const code = failed.length + foreign.length === 0 ? 0 : 1
  if (values.json) return say(`${JSON.stringify({ cases: lines, strays: foreign }, null, 2)}\n`, code)
  const strayLines = foreign.map(message => `STRAY ${message}\n`).join('')
  const failedLines = failed.map(line => `FAIL ${line.id}\n`).join('')
  return say(`\n${strayLines}${failedLines}${lines.length - failed.length} of ${lines.length} hold\n`, code)
}

function say(text: string, code: number): number {
  process.stdout.write(text)
  return code
}

function complain(message: string): number {
  process.stderr.write(`${message}\n\n${HELP}`)
  return 2
}

process.exitCode = await main()
