// What stands beside the words of a configuration that is in force: who said so, and what the file says.
import type { operations } from '../../admin/api.ts'
import { count, moment, percent } from '../print.ts'

type InForce = ReturnType<(typeof operations)['config']['answer']['parse']>['inForce']
type Weight = NonNullable<InForce>['weights'][number]

/** By JSON Pointer; plain texts, for YAML. */
export function remarksOf(inForce: InForce): readonly (readonly [path: string, remark: string])[] {
  if (inForce === null) return []
  return [
    ...inForce.weights.flatMap(weight => {
      const said = saidOf(weight)
      return said === '' ? [] : [[weight.path, said] as const]
    }),
    ...inForce.rules.map(({ path, rule, by, at }) => [path, `${rule}: added by ${by} at ${moment(at)}`] as const),
  ]
}

/** What has no place in a file. */
export function headOf(inForce: InForce): readonly string[] {
  if (inForce === null) return []
  return [
    'weights are the effective ones; behind them stands what the file says, where that differs, and who said otherwise',
    ...(inForce.pins === 0
      ? []
      : [`not in here: ${count(inForce.pins, 'pin')} of the support desk (banyan who), known by hashes only`]),
  ]
}

function saidOf({ declared, desired, effective, set, overruled, held, frozen, rollbacks }: Weight): string {
  const by = (said: { readonly by: string; readonly at: number; readonly reason: string | null }) =>
    `by ${said.by} at ${moment(said.at)}${said.reason === null ? '' : ` (${said.reason})`}`
  return [
    ...(set === null ? [] : [`set to ${percent(set.percent)} ${by(set)}`]),
    ...(overruled ? ['which does not count: control: file'] : []),
    ...(held ? ['held at 0 since the first start of the store'] : []),
    ...(rollbacks.length === 0 ? [] : [`0 because of ${count(rollbacks.length, 'rollback')}: ${rollbacks.join(', ')}`]),
    ...(frozen === null ? [] : [`frozen ${by(frozen)}`]),
    ...(desired === effective || desired === declared ? [] : [`desired ${percent(desired)}`]),
    ...(declared === effective ? [] : [`the file says ${percent(declared)}`]),
  ].join('; ')
}
