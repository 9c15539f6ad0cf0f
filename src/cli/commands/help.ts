// What help has in common: examples at its end, and the mistake of a word where no subcommand of that name exists.
import type { Command } from 'commander'
import { didYouMean } from '../suggest.ts'

export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}`)
}

/** For a command that acts by itself and has subcommands too: a leftover word was meant as one of these. */
export function refuseWords(command: Command): void {
  const [word] = command.args
  if (word !== undefined) refuse(command, word)
}

/** `help` of a word that is no command: commander shows the whole help and says nothing of the word. */
export function refuseUnknownTopics(program: Command): void {
  program.addHelpText('beforeAll', ({ error, command }) => {
    const [help, word] = command.args
    if (error && help === 'help' && word !== undefined) refuse(command, word)
    return ''
  })
}

function refuse(command: Command, word: string): never {
  const hint = didYouMean(
    word,
    command.commands.map(sub => sub.name()),
  )
  const name = command.parent === null ? word : `${command.name()} ${word}`
  command.error(`error: unknown command '${name}'${hint === '' ? '' : `\n(${hint})`}`)
}
