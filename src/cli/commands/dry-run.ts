// `--dry-run` of a change: the API says what it would do, nothing is done, and the exit code is what a refusal would have.
import { Option } from 'commander'
import { exitByStatus } from '../answer.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { aboutRoute } from '../route-id.ts'
import type { Session } from '../session.ts'
import { previewView } from '../views/preview.ts'

/** What is asked for, as the API takes it. */
export interface Wish {
  readonly action: 'weight' | 'unset-weight' | 'freeze' | 'unfreeze' | 'rollback' | 'restore'
  readonly percent?: number
  readonly rollbacks?: readonly string[]
}

interface DryRunFlags {
  readonly ifRevision?: number
  readonly json?: true
}

export function dryRunOption(): Option {
  return new Option('--dry-run', 'say what it would do, and do nothing')
}

export async function dryRun(
  session: Session,
  route: string | undefined,
  wish: Wish,
  { ifRevision, json }: DryRunFlags,
): Promise<ExitCode> {
  const client = await session.client()
  const preview = await (route === undefined
    ? client.call('previewAll', { body: wish, ifRevision })
    : aboutRoute(client, route, () => client.call('preview', { params: { id: route }, body: wish, ifRevision })))
  const { refused } = preview
  if (json === true) session.json(preview)
  else if (refused === null) session.data(previewView(preview, session.look()))
  if (refused === null) return EXIT.done
  const stale = refused.code === 'stale_revision' ? [`the revision is now ${preview.revision}`] : []
  const hint = refused.hint === null ? [] : [refused.hint]
  throw new CliError(exitByStatus(refused.status), `it would be refused: ${refused.detail}`, {
    notes: [...hint, ...stale],
  })
}
