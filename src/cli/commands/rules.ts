// Commands about what does not count as a difference: rules, learned noise, and forgetting a user.
import type { Command } from 'commander'
import { EXIT } from '../io.ts'
import { safe } from '../print.ts'
import { aboutRoute } from '../route-id.ts'
import { addRuleOptions, needReason, type RuleFlags, ruleOf } from '../rule-input.ts'
import type { Session } from '../session.ts'
import { appliedText, judgeApplied } from '../views/applied.ts'
import { noiseView, rulesView, triedView } from '../views/rules.ts'
import { bodyOf, reasonOption, revisionOption } from './change.ts'
import { examples } from './help.ts'

interface JsonFlag {
  readonly json?: true
}

interface ChangeFlags extends JsonFlag {
  readonly reason?: string
  readonly ifRevision?: number
}

export function addRuleCommands(program: Command, session: Session): void {
  addRules(program, session)
  addNoise(program, session)
  addForget(program, session)
}

function addRules(program: Command, session: Session): void {
  const rules = program
    .command('rules')
    .helpGroup('Compare:')
    .argument('<route>', 'id of the route')
    .summary('what does not count as a difference')
    .description(
      'Show the rules of a route, of the file and added, with how many differences each has hidden. A rule that never hid anything in many comparisons is dead.',
    )
    .option('--json', "the API's answer")
    .action(session.action((route: string, flags: JsonFlag) => show(session, route, flags, () => true)))
  examples(rules, [
    'banyan rules orders',
    "banyan rules try orders --ignore '$.request_id'",
    "banyan rules add orders --ignore '$.request_id' --reason 'an id of each request' --until 90d",
    'banyan rules add orders \'{"ignore": "$.request_id", "reason": "an id of each request"}\'',
    'banyan rules dead orders',
  ])

  const dead = rules
    .command('dead')
    .argument('<route>', 'id of the route')
    .summary('those that are of no use: dead or expired')
    .description('Show rules that never hid anything in many comparisons, and those whose time is over.')
    .option('--json', "the API's answer, those only")
    .action(
      session.action((route: string, _: unknown, command: Command) =>
        show(session, route, command.optsWithGlobals(), rule => rule.dead || rule.expired),
      ),
    )
  examples(dead, ['banyan rules dead orders'])

  const tryOut = addRuleOptions(
    rules
      .command('try')
      .argument('<route>', 'id of the route')
      .argument('[rule]', 'the rule as JSON')
      .summary('what a rule would hide')
      .description(
        'Show which stored differences a rule would hide, and where that cannot be known. Nothing is changed.',
      ),
  )
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, json: string | undefined, _: unknown, command: Command) => {
        const flags = command.optsWithGlobals<RuleFlags & JsonFlag>()
        const body = ruleOf(json, flags, Date.now)
        const client = await session.client()
        const answer = await aboutRoute(client, route, () => client.call('tryRule', { params: { id: route }, body }))
        if (flags.json === true) session.json(answer)
        else session.data(triedView(answer, session.look()))
        return EXIT.done
      }),
    )
  examples(tryOut, [
    "banyan rules try orders --ignore '$.request_id'",
    'banyan rules try orders \'{"unordered": "$.tags"}\' --json | jq .hidden',
  ])

  const add = addRuleOptions(
    rules
      .command('add')
      .argument('<route>', 'id of the route')
      .argument('[rule]', 'the rule as JSON')
      .summary('add a rule')
      .description(
        'Add a rule to a route, and say why. It counts from now on, survives restarts, and belongs into the file in the long run.',
      ),
  )
    .addOption(revisionOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, json: string | undefined, _: unknown, command: Command) => {
        const flags = command.optsWithGlobals<RuleFlags & ChangeFlags>()
        const body = ruleOf(json, flags, Date.now)
        needReason(body)
        const client = await session.client()
        const answer = await aboutRoute(client, route, () =>
          client.call('addRule', { params: { id: route }, body, ifRevision: flags.ifRevision }),
        )
        if (flags.json === true) session.json(answer)
        else {
          const { id, text } = answer.rule
          session.data(`${safe(route)}: added ${safe(id)}: ${safe(text)} · ${appliedText(answer)}`)
        }
        return judgeApplied(session, answer)
      }),
    )
  examples(add, [
    "banyan rules add orders --ignore '$.request_id' --reason 'an id of each request'",
    "banyan rules add orders --expect '$.total' --owner team-orders --reason 'rounding was fixed' --until 30d",
    'banyan rules add orders \'{"keyed": "$.lines", "by": "sku", "reason": "in no order"}\'',
  ])

  const expire = rules
    .command('expire')
    .argument('<route>', 'id of the route')
    .argument('<rule>', 'id of the rule')
    .summary('end a rule that was added')
    .description('End a rule that was added, now. Those of the file (file:0 …) are removed there.')
    .addOption(reasonOption())
    .addOption(revisionOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, rule: string, _: unknown, command: Command) => {
        const flags = command.optsWithGlobals<ChangeFlags>()
        const client = await session.client()
        const { ifRevision } = flags
        const answer = await aboutRoute(client, route, () =>
          client.call('removeRule', { params: { id: route, rule }, query: bodyOf(flags), ifRevision }),
        )
        if (flags.json === true) session.json(answer)
        else session.data(`${safe(route)}: ended ${safe(rule)} · ${appliedText(answer)}`)
        return judgeApplied(session, answer)
      }),
    )
  examples(expire, ['banyan rules expire orders rule-0123456789'])
}

async function show(
  session: Session,
  route: string,
  flags: JsonFlag,
  wanted: (rule: { readonly dead: boolean; readonly expired: boolean }) => boolean,
): Promise<number> {
  const client = await session.client()
  const { rules } = await aboutRoute(client, route, () => client.call('rules', { params: { id: route } }))
  const shown = rules.filter(wanted)
  if (flags.json === true) session.json({ rules: shown })
  else session.data(rulesView(shown, session.look()))
  return EXIT.done
}

function addNoise(program: Command, session: Session): void {
  const noise = program
    .command('noise')
    .helpGroup('Compare:')
    .argument('<route>', 'id of the route')
    .summary('what was learned of each place that differs: noise or not')
    .description(
      'Show every place where answers were seen to differ, and what is thought of it: noise where a side differs from itself when it is asked twice, divergent where only new differs, undecided until one of both is known; with the evidence.',
    )
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, flags: JsonFlag) => {
        const client = await session.client()
        const answer = await aboutRoute(client, route, () => client.call('noise', { params: { id: route } }))
        if (flags.json === true) session.json(answer)
        else session.data(noiseView(answer.noise, session.look()))
        return EXIT.done
      }),
    )
  examples(noise, ['banyan noise orders', 'banyan noise revoke orders ef124a4985c6'])

  const revoke = noise
    .command('revoke')
    .argument('<route>', 'id of the route')
    .argument('<place>', 'id of the place')
    .summary('forget what was learned of a place')
    .description('Forget what was learned of a place: differences there count again, until it is learned anew.')
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (route: string, place: string, _: unknown, command: Command) => {
        const flags = command.optsWithGlobals<ChangeFlags>()
        const client = await session.client()
        const answer = await aboutRoute(client, route, () =>
          client.call('revokeNoise', { params: { id: route, place }, query: bodyOf(flags) }),
        )
        if (flags.json === true) session.json(answer)
        else {
          const { template, path, kind } = answer.noise
          session.data(`${safe(route)}: forgot ${safe(template)} ${safe(path)} ${safe(kind)} · ${appliedText(answer)}`)
        }
        return judgeApplied(session, answer)
      }),
    )
  examples(revoke, ['banyan noise revoke orders ef124a4985c6 --reason "it is a bug after all"'])
}

function addForget(program: Command, session: Session): void {
  const forget = program
    .command('forget')
    .helpGroup('Users:')
    .argument('<key>', 'of the user: the value of a sticky key')
    .summary('delete what is stored of one user')
    .description(
      'Delete the examples that are stored of one user’s requests. The key is hashed and not kept; the scope admin is needed.',
    )
    .addOption(reasonOption())
    .option('--json', "the API's answer")
    .action(
      session.action(async (key: string, flags: ChangeFlags) => {
        const client = await session.client()
        const answer = await client.call('forget', { body: { key, ...bodyOf(flags) } })
        if (flags.json === true) session.json(answer)
        else session.data(`forgotten: ${answer.forgotten} of that user’s examples · ${appliedText(answer)}`)
        return judgeApplied(session, answer)
      }),
    )
  examples(forget, ['banyan forget user-7 --reason "asked for by letter"'])
}
