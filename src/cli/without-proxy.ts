// What the doctor can look at when no proxy answers: this Node, the file, the token, what a start would find, its ports.
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import type { Diagnosis } from '../admin/api.ts'
import { codeOf, TOKEN_FILE } from './access.ts'
import type { CliIo } from './io.ts'

type Check = Diagnosis['checks'][number]

const STORE = '.banyan'
const PORTS = [
  [8080, 'clients (proxy.listen)'],
  [9900, 'the admin API (admin.listen)'],
  [9901, 'health and metrics (health.listen)'],
] as const
const PATIENCE_MS = 500

/** @param why no proxy was reached, in a sentence */
export async function checksWithoutProxy(io: CliIo, file: string, why: string): Promise<readonly Check[]> {
  return [
    check(
      'proxy',
      'proxy_unreachable',
      'bad',
      `${why}: what traffic shows cannot be said; what follows was looked at from here`,
    ),
    check('node', 'node', 'ok', `Node ${process.versions.node}`),
    await configuration(io, file),
    await token(io),
    ...(await leftBehind(io)),
    ...(await Promise.all(PORTS.map(([port, of]) => listener(port, of)))),
  ]
}

async function configuration({ cwd, parts }: CliIo, file: string): Promise<Check> {
  const there = await stat(resolve(cwd, file)).catch(() => null)
  if (there === null) {
    const message = `there is no ${file} here; without one: banyan start --legacy URL --listen :8080`
    return check('config', 'config_none', 'note', message)
  }
  const { ok, mistakes } = await parts.check(file)
  const [first] = mistakes
  const where = first === undefined ? '' : `, first ${first.file}:${first.line} ${first.message}`
  const evidence = { mistakes: mistakes.length }
  if (!ok) return check('config', 'config_wrong', 'bad', `${file} has mistakes (banyan check)${where}`, evidence)
  if (first !== undefined) return check('config', 'config_warnings', 'note', `${file} is usable${where}`, evidence)
  return check('config', 'config_ok', 'ok', `${file} has no mistakes`, evidence)
}

async function token({ cwd, env }: CliIo): Promise<Check> {
  const named = ['BANYAN_TOKEN', 'BANYAN_ADMIN_TOKEN'].find(name => (env[name] ?? '') !== '')
  if (named !== undefined) return check('token', 'token_set', 'ok', `${named} is set`)
  const there = await stat(resolve(cwd, TOKEN_FILE)).catch(() => null)
  if (there === null) {
    const message = `neither BANYAN_TOKEN nor ${TOKEN_FILE} here: banyan start writes the file where it is started`
    return check('token', 'token_none', 'note', message)
  }
  const open = process.platform !== 'win32' && (there.mode & 0o077) !== 0
  if (open) return check('token', 'token_open', 'warn', `${TOKEN_FILE} can be read by others: chmod 600 ${TOKEN_FILE}`)
  return check('token', 'token_file', 'ok', `${TOKEN_FILE} is there, for this user only`)
}

/** Files beside the store that the next start acts on. */
async function leftBehind({ cwd, parts }: CliIo): Promise<readonly Check[]> {
  const at = (name: string) => resolve(cwd, STORE, name)
  const found: Check[] = []
  if ((await stat(at('rollback')).catch(() => null)) !== null) {
    const message = `${STORE}/rollback is there: the next start sends everything to legacy (break glass)`
    found.push(check('store', 'break_glass', 'warn', message))
  }
  const count = await parts.unsavedRollbacks(at('rollbacks.pending'))
  if (count === null) {
    const message = `${STORE}/rollbacks.pending is damaged: the next start rolls everything back`
    found.push(check('store', 'rollbacks_damaged', 'bad', message))
  } else if (count > 0) {
    const message = `${STORE}/rollbacks.pending holds ${count} not yet saved: in force again at the next start`
    found.push(check('store', 'unsaved_rollback', 'warn', message, { count }))
  }
  if (found.length > 0) return found
  const store = (await stat(at('state.db')).catch(() => null)) !== null
  const message = store ? `a store is in ${STORE}/, and nothing waits in it` : `no store in ${STORE}/ yet`
  return [check('store', store ? 'store_there' : 'store_none', store ? 'ok' : 'note', message)]
}

/** On this machine, by the ports that are taken when nothing else is said. */
async function listener(port: number, of: string): Promise<Check> {
  const socket = connect({ host: '127.0.0.1', port, timeout: PATIENCE_MS })
  try {
    // With a timeout event nobody answered, and nobody refused.
    const answers = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'timeout').then(() => false),
    ]).catch((error: unknown) => {
      if (codeOf(error) === 'ECONNREFUSED') return false
      throw error
    })
    const message = answers
      ? `port ${port}, by default of ${of}: somebody listens`
      : `port ${port}, by default of ${of}: free`
    return check('ports', answers ? 'port_taken' : 'port_free', answers ? 'note' : 'ok', message, { port })
  } catch (error) {
    return check('ports', 'port_unknown', 'note', `port ${port}, by default of ${of}: ${codeOf(error)}`, { port })
  } finally {
    socket.destroy()
  }
}

function check(
  area: string,
  code: string,
  level: Check['level'],
  message: string,
  evidence: Check['evidence'] = {},
): Check {
  return { area, code, level, message, route: null, evidence }
}
