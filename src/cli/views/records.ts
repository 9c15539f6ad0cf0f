// Explanations, audit entries, tokens, configuration changes and mistakes, for people.
import type { Explanation, operations } from '../../admin/api.ts'
import type { EpochMs } from '../../model/units.ts'
import { json, type Look, moment, orNothing, percent, safe, table } from '../print.ts'

type Answer<Name extends 'audit' | 'tokens' | 'configCheck'> = ReturnType<(typeof operations)[Name]['answer']['parse']>
type AuditEntry = Answer<'audit'>['entries'][number]
type TokenView = Answer<'tokens'>['tokens'][number]
type Change = Answer<'configCheck'>['changes'][number]
type MistakeView = Answer<'configCheck'>['mistakes'][number]
type Step = Explanation['considered'][number]

/** `asked` is what was typed: method and URL. */
export function explainView(asked: string, explanation: Explanation, look: Look): readonly string[] {
  const { route, side, backend, key, bucket, weight, considered, alsoAsked } = explanation
  const where = side === null ? 'nowhere' : `${side}${backend === null ? '' : ` (${backend})`}`
  const decided = considered.find(step => step.applies && step.step === explanation.reason)
  const applied = decided ?? considered.find(step => step.applies)
  const facts: readonly (readonly [string, string | null])[] = [
    ['route', route ?? 'none matched'],
    ['unit', explanation.unit],
    ['key', key === null ? null : `from ${key.from} (SHA-256 begins with ${key.hashed})`],
    ['bucket', bucket === null ? null : `${Number(bucket.toFixed(4))}: on new from a weight above that`],
    [
      'weight',
      weight === null
        ? null
        : `declared ${percent(weight.declared)}, desired ${percent(weight.desired)}, effective ${percent(weight.effective)}`,
    ],
    ['also', alsoAsked.length === 0 ? null : `${alsoAsked.join(', ')} would be asked as well`],
  ]
  return [
    `${safe(asked)} → ${look.paint('bold', safe(where))} by ${safe(explanation.reason)}: ${safe(explanation.why)}`,
    ...facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(7)} ${safe(text)}`])),
    ...(considered.length === 0 ? [] : ['', ...stepsView(considered, applied, look)]),
  ]
}

export function auditView(entries: readonly AuditEntry[], look: Look): readonly string[] {
  if (entries.length === 0) return ['no entries']
  return table<AuditEntry>(
    [
      { title: 'SEQ', right: true, of: entry => String(entry.seq) },
      { title: 'WHEN', of: entry => moment(entry.at) },
      { title: 'WHO', cut: true, of: ({ actor }) => [actor.name, actor.address].filter(Boolean).join(' from ') },
      { title: 'ACTION', of: entry => entry.action },
      { title: 'SUBJECT', cut: true, of: entry => entry.subject },
      { title: 'REVISION', right: true, of: entry => String(entry.revision) },
      { title: 'BEFORE → AFTER', cut: true, of: entry => `${json(entry.before, 0)} → ${json(entry.after, 0)}` },
      { title: 'REASON', cut: true, of: entry => orNothing(entry.reason) },
    ],
    entries,
    look,
  )
}

export function tokensView(tokens: readonly TokenView[], look: Look, now: EpochMs): readonly string[] {
  if (tokens.length === 0) return ['no tokens']
  return table<TokenView>(
    [
      { title: 'ID', of: token => token.id },
      { title: 'NAME', cut: true, of: token => token.name },
      { title: 'SCOPES', of: token => token.scopes.join(',') },
      { title: 'ROUTES', cut: true, of: token => token.routes?.join(',') ?? 'every route' },
      { title: 'CREATED', of: token => moment(token.createdAt) },
      {
        title: 'EXPIRES',
        of: ({ expiresAt }) => (expiresAt === null ? 'never' : `${moment(expiresAt)}${past(expiresAt, now)}`),
      },
      {
        title: 'LAST USED',
        of: ({ lastUsedAt }) => (lastUsedAt === null ? 'not since the start' : moment(lastUsedAt)),
      },
    ],
    tokens,
    look,
  )
}

export function changesView(changes: readonly Change[], look: Look): readonly string[] {
  return changes.flatMap(({ path, before, after }) => [
    look.paint('bold', safe(path === '' ? '/' : path)),
    ...(before === null ? [] : [look.paint('red', `  - ${safe(before)}`)]),
    ...(after === null ? [] : [look.paint('green', `  + ${safe(after)}`)]),
  ])
}

export function mistakesView(mistakes: readonly MistakeView[], look: Look): readonly string[] {
  return mistakes.map(({ file, line, column, level, path, message, found, allowed, hint }) => {
    const rest = [
      message,
      ...(found === null ? [] : [`found ${found}`]),
      ...(allowed === null ? [] : [`allowed ${allowed}`]),
      ...(hint === null ? [] : [hint]),
    ].join('; ')
    const mark = look.paint(level === 'error' ? 'red' : 'yellow', safe(level))
    return `${safe(file)}:${line}:${column}: ${mark} ${path === '' ? '' : `${safe(path)}: `}${safe(rest)}`
  })
}

function past(at: EpochMs, now: EpochMs): string {
  return at <= now ? ' (over)' : ''
}

function stepsView(considered: readonly Step[], applied: Step | undefined, look: Look): readonly string[] {
  const width = Math.max(...considered.map(({ step }) => safe(step).length))
  return considered.map(step => {
    const mark = step === applied ? '→' : ' '
    const line = `${mark} ${safe(step.step).padEnd(width)}  ${step.applies ? 'applies' : 'no     '}  ${safe(step.because)}`
    return look.paint(step === applied ? 'bold' : null, line)
  })
}
