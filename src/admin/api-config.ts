// The part of the API that is about the configuration: what is in force, what a text would change, reading the file again.
import { z } from 'zod'
import { Applied, moment, type Operation, percent, reason } from './api-words.ts'

const Said = z.object({ by: z.string(), at: moment, reason: z.string().nullable() })

export const MistakeView = z.object({
  file: z.string(),
  line: z.number().int(),
  column: z.number().int(),
  path: z.string(),
  message: z.string(),
  found: z.string().nullable(),
  allowed: z.string().nullable(),
  hint: z.string().nullable(),
  level: z.enum(['error', 'warning']),
})

const Change = z.object({ path: z.string(), before: z.string().nullable(), after: z.string().nullable() })

export const Checked = z.object({
  ok: z.boolean(),
  mistakes: z.array(MistakeView),
  changes: z.array(Change).describe('against the configuration in force, secrets as ***'),
})

export const InForce = z.object({
  weights: z.array(
    z.object({
      path: z.string().describe('JSON Pointer into the configuration: there stands the effective one'),
      unit: z.string(),
      declared: percent.describe('what the file says'),
      desired: percent.describe('the operator’s word, else declared'),
      effective: percent,
      held: z.boolean(),
      set: Said.extend({ percent }).nullable().describe('the operator’s weight'),
      overruled: z.boolean().describe('an operator’s weight that loses, because of control: file'),
      frozen: Said.nullable(),
      rollbacks: z.array(z.string()).describe('ids of those in force'),
    }),
  ),
  rules: z
    .array(z.object({ path: z.string(), rule: z.string(), by: z.string(), at: moment }))
    .describe('rules of comparing that operators added'),
  pins: z.number().int().describe('users to whom the support desk gave a side: only their hashes are known'),
})
export type InForce = z.infer<typeof InForce>

export const configOperations = {
  config: {
    method: 'GET',
    path: '/config',
    summary: 'The configuration in force, with defaults, secrets as ***',
    scope: 'read',
    query: z.strictObject({
      effective: z
        .enum(['true', 'false'])
        .default('false')
        .describe('true: with what operators said since in place of the file’s words'),
    }),
    answer: z.object({
      file: z.string().nullable(),
      revision: z.number().int(),
      config: z.unknown(),
      inForce: InForce.nullable().describe('who said what; null unless effective=true'),
    }),
  },
  configCheck: {
    method: 'POST',
    path: '/config/check',
    summary:
      'A configuration text: its mistakes, and what it would change; without a text: the file as it is now. Nothing is put in force',
    scope: 'operate',
    body: z.strictObject({
      text: z
        .string()
        .max(256 * 1024)
        .optional()
        .describe('variables, file: and include are refused in it'),
    }),
    answer: Checked,
  },
  configReload: {
    method: 'POST',
    path: '/config/reload',
    summary: 'Read the file again; a bad file changes nothing',
    scope: 'admin',
    body: z.strictObject({ reason: reason.optional() }),
    answer: Applied.extend({
      instance: z
        .string()
        .nullable()
        .describe('whose file was read: every other one has its own, and reads it when it is told'),
      changes: z.array(Change),
      warnings: z.array(MistakeView),
    }),
  },
} as const satisfies Record<string, Operation>
