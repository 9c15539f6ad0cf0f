// `banyan doctor`: what the proxy saw of this deployment; without a proxy, what can be said from here.
import type { Command } from 'commander'
import { CliError, EXIT } from '../io.ts'
import type { Session } from '../session.ts'
import { checksView, diagnosisView } from '../views/doctor.ts'
import { checksWithoutProxy } from '../without-proxy.ts'
import { examples } from './help.ts'
import { DEFAULT_FILE } from './run.ts'

interface DoctorFlags {
  readonly config: string
  readonly json?: true
  readonly exitCode?: true
}

export function addDoctorCommand(program: Command, session: Session): void {
  const doctor = program
    .command('doctor')
    .helpGroup('Look:')
    .summary('what stands in the way of a migration')
    .description(
      'Show what the proxy saw of this deployment: quirks of answers, unnamed forwarders, cookies, heavy keys, session locks, leaks, limits, certificates, clocks, the store; and a block to paste into the configuration. Without a running proxy: this Node, the file, the token, the ports (exit code 8).',
    )
    .option('-c, --config <file>', 'looked at when no proxy answers', DEFAULT_FILE)
    .option('--exit-code', 'leave 1 when something is bad')
    .option('--json', "the API's answer")
    .action(
      session.action(async (flags: DoctorFlags) => {
        const client = await session.client()
        try {
          const answer = await client.call('doctor')
          if (flags.json === true) session.json(answer)
          else session.data(diagnosisView(answer, session.look()))
          return flags.exitCode === true && answer.checks.some(({ level }) => level === 'bad') ? EXIT.error : EXIT.done
        } catch (error) {
          if (!(error instanceof CliError) || error.exit !== EXIT.unreachable) throw error
          const checks = await checksWithoutProxy(session.io, flags.config, error.message)
          if (flags.json === true) session.json({ checks, paste: null })
          else session.data(checksView(checks, session.look()))
          for (const note of error.notes) session.say(note)
          return EXIT.unreachable
        }
      }),
    )
  examples(doctor, ['banyan doctor', 'banyan doctor --json | jq -r .paste', 'banyan doctor --exit-code'])
}
