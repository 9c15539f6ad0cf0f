// The seed of the split: whoever changes it draws anew which users are on which side.
import type { Command } from 'commander'
import { EXIT } from '../io.ts'
import type { Session } from '../session.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { bodyOf, reasonOption, revisionOption } from './change.ts'
import { examples } from './help.ts'

interface RotateFlags {
  readonly yes?: true
  readonly reason?: string
  readonly ifRevision?: number
  readonly json?: true
}

const RESHUFFLE =
  'a new seed draws anew which users are on which side: users on new go back to legacy and others take their place'

export function addSeedCommands(program: Command, session: Session): void {
  const seed = program
    .command('seed')
    .helpGroup('Administer:')
    .summary('the seed of the split')
    .description('The seed decides which users are on which side.')

  const rotate = seed
    .command('rotate')
    .summary('reshuffle which users are on which side')
    .description(`Make a new seed. Mind: ${RESHUFFLE}. On a terminal it asks first.`)
    .option('-y, --yes', 'do not ask')
    .addOption(reasonOption())
    .addOption(revisionOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (flags: RotateFlags) => {
        session.warn(RESHUFFLE)
        const { stdin, stderr } = session.io
        if (flags.yes !== true && stdin.isTTY === true && stderr.isTTY === true && !(await agreed(session))) {
          session.say('nothing was changed')
          return EXIT.error
        }
        const client = await session.client()
        const applied = await client.call('rotateSeed', { body: bodyOf(flags), ifRevision: flags.ifRevision })
        if (flags.json === true) session.json(applied)
        else session.data(`seed: rotated · ${appliedText(applied)}`)
        return judgeApplied(session, applied)
      }),
    )
  examples(rotate, ['banyan seed rotate --reason "bias in the first draw"'])
}

async function agreed(session: Session): Promise<boolean> {
  session.say('go on? yes or no:')
  let line = ''
  for await (const chunk of session.io.stdin) {
    line += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
    if (line.includes('\n')) break
  }
  return /^\s*y(es)?\s*$/i.test(line.split('\n')[0] ?? '')
}
