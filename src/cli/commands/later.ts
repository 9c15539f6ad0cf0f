// Commands of the contract that come with a later version: known by name, so that nobody takes them for a typing mistake.
import type { Command } from 'commander'
import { EXIT } from '../io.ts'
import type { Session } from '../session.ts'

const LATER = [
  ['outbox', 'dual writes that are owed'],
  ['ramp', 'raise the weight by evidence'],
] as const

export function addLaterCommands(program: Command, session: Session): void {
  for (const [name, meaning] of LATER) {
    program
      .command(name)
      .helpGroup('Not in this version:')
      .summary(meaning)
      .description(`${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}: not in this version.`)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(
        session.action(async () => {
          session.say(`banyan ${name}: not in this version (${session.io.parts.version})`)
          return EXIT.error
        }),
      )
  }
}
