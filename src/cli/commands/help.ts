// What help has in common: examples at its end, and the mistake of a word where no subcommand of that name exists.
import type { Command } from 'commander'
import { didYouMean } from '../suggest.ts'

export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}`)
}

/** For a command that acts by itself and has subcommands too: a leftover word was meant as one of these. */
export function refuseWords(command: Command): void {
  const [word] = command.args
  if (word === undefined) return
  const hint = didYouMean(
    word,
    command.commands.map(sub => sub.name()),
  )
  command.error(`error: unknown command '${command.name()} ${word}'${hint === '' ? '' : `\n(${hint})`}`)
}
