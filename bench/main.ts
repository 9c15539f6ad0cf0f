// `npm run bench`: asks the questions one after another and prints ratios against named peers measured in the same run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { badShadows } from './bad-shadows.ts'
import { bodies } from './bodies.ts'
import { compare } from './compare.ts'
import { dashboard } from './dashboard.ts'
import { fleet } from './fleet.ts'
import type { Question } from './kit/bench.ts'
import { type Children, createChildren } from './kit/children.ts'
import { isMet, type Verdict, verdictText } from './kit/figures.ts'
import { describeMachine } from './kit/machine.ts'
import type { Turns } from './kit/turns.ts'
import { matching } from './matching.ts'
import { noise } from './noise.ts'
import { rollback } from './rollback.ts'
import { shadow } from './shadow.ts'
import { slow } from './slow.ts'
import { split } from './split.ts'
import { tunnels } from './tunnels.ts'
import { workers } from './workers.ts'

const QUESTIONS: readonly Question[] = [
  split,
  rollback,
  matching,
  bodies,
  tunnels,
  slow,
  shadow,
  badShadows,
  noise,
  compare,
  workers,
  fleet,
  dashboard,
]

/** Whatever happens, a question is over by then. */
const MOST_MINUTES = 30

const HELP = `npm run bench -- [question…] [options]

Measures Banyan against named peers in one run on the same cores, and prints ratios.
Everything is on 127.0.0.1; it ends by itself, and Ctrl-C ends what it started.

Questions (default: all):
${QUESTIONS.map(({ name, asks }) => `  ${name.padEnd(12)} ${asks}`).join('\n')}

Options:
  --quick          shorter and rougher: 2 rounds of 1 s, 20 rollbacks
  --rounds <n>     rounds of each contestant, 1 to 20 (default 5)
  --seconds <n>    length of a round, 0.2 to 10 (default 3)
  --profile <dir>  write CPU profiles of Banyan (split: access log off; bodies); figures are then not comparable
  --help           this text

Exit codes: 0 all bars met, 3 a bar missed, 1 it could not be measured, 2 wrong usage, 130 interrupted.
Needs Linux (CPU and memory are read from /proc); taskset, nginx and haproxy are used where they are installed.
What the figures mean: docs/benchmarks.md
`

interface Asked {
  readonly questions: readonly Question[]
  readonly turns: Turns
  readonly quick: boolean
  readonly profile: string | null
}

/** Set once the bench was told to end: what runs then fails, and this ends the process. */
let ending: Promise<never> | null = null

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const asked = read(args)
  if (typeof asked === 'string') {
    const wanted = asked === HELP
    ;(wanted ? process.stdout : process.stderr).write(asked)
    return wanted ? 0 : 2
  }
  if (process.platform !== 'linux') {
    console.error('bench: CPU and memory are read from /proc, so this needs Linux')
    return 1
  }
  console.log(describeMachine(asked.turns))
  const verdicts: Verdict[] = []
  for (const question of asked.questions) {
    console.log(`\n${question.name}: ${question.asks}`)
    try {
      const found = await ask(question, asked)
      for (const verdict of found) console.log(`  ${verdictText(verdict)}`)
      verdicts.push(...found)
    } catch (error) {
      // What was ended on purpose is no failure.
      if (ending !== null) await ending
      console.error(`bench: ${question.name}: ${error instanceof Error ? error.message : error}`)
      return 1
    }
  }
  return verdicts.every(({ figure, bar }) => bar === null || isMet(figure, bar)) ? 0 : 3
}

/** Each question has processes and a directory of its own; none outlives it. */
async function ask(question: Question, asked: Asked): Promise<readonly Verdict[]> {
  const children = createChildren()
  const directory = mkdtempSync(join(tmpdir(), 'banyan-bench-'))
  const release = endOnSignals(children, directory)
  try {
    return await question.run({
      children,
      directory,
      turns: asked.turns,
      quick: asked.quick,
      profile: asked.profile,
      print: text => console.log(text.replace(/^/gm, '  ')),
      told: text => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : ''),
    })
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    await children.stopAll()
    release()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns what undoes it. */
function endOnSignals(children: Children, directory: string): () => void {
  const end = async (code: number, why: string): Promise<never> => {
    console.error(`\nbench: ${why}: ending what was started`)
    await children.stopAll()
    rmSync(directory, { recursive: true, force: true })
    process.exit(code)
  }
  const interrupted = () => {
    ending ??= end(130, 'interrupted')
  }
  const late = () => {
    ending ??= end(1, `not over after ${MOST_MINUTES} minutes`)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, interrupted)
  const timer = setTimeout(late, MOST_MINUTES * 60_000)
  return () => {
    clearTimeout(timer)
    for (const signal of signals) process.off(signal, interrupted)
  }
}

/** A text is what to say instead of running. */
function read(args: readonly string[]): Asked | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return HELP
    const questions = positionals.map(name => {
      const question = QUESTIONS.find(one => one.name === name)
      if (question !== undefined) return question
      throw new Error(`no question ${JSON.stringify(name)}: ${QUESTIONS.map(one => one.name).join(', ')}`)
    })
    const seconds = numberIn(values.seconds, 0.2, 10, '--seconds') ?? (values.quick ? 1 : 3)
    return {
      questions: questions.length === 0 ? QUESTIONS : questions,
      turns: {
        rounds: Math.round(numberIn(values.rounds, 1, 20, '--rounds') ?? (values.quick ? 2 : 5)),
        warmupMs: values.quick ? 300 : 700,
        measureMs: seconds * 1000,
        patienceMs: values.quick ? 20_000 : 5 * 60_000,
      },
      quick: values.quick,
      profile: values.profile === undefined ? null : resolve(values.profile),
    }
  } catch (error) {
    return `bench: ${error instanceof Error ? error.message : error}\n\n${HELP}`
  }
}

function numberIn(text: string | undefined, least: number, most: number, name: string): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new Error(`${name} is a number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
