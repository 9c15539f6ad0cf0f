// Problem documents: every code that the rooms below can throw has its status, and nothing of an accident gets out.
import { globSync, readFileSync } from 'node:fs'
import t from 'tap'
import { Problem } from '../../src/admin/api.ts'
import { problemOf } from '../../src/admin/problems.ts'
import { BanyanError } from '../../src/model/errors.ts'

t.test('every code that is thrown on the way of an admin call is known here', async t => {
  const files = globSync(['src/admin/*.ts', 'src/control/*.ts', 'src/configured.ts'], {
    cwd: `${import.meta.dirname}/../..`,
  })
  const codes = files.flatMap(file => {
    const text = readFileSync(`${import.meta.dirname}/../../${file}`, 'utf8')
    return [...text.matchAll(/new BanyanError\(\s*'([a-z_]+)'/g)].map(match => match[1] as string)
  })
  t.ok(codes.length > 30, `${codes.length} places`)
  for (const code of new Set(codes)) {
    const problem = problemOf(new BanyanError(code, 'said'))
    if (code !== 'internal') t.not(problem.status, 500, code)
    t.equal(problem.type, `urn:banyan:${code}`)
    t.ok(Problem.safeParse(problem).success)
  }
})

t.test('what a refusal says comes through: detail, hint, pointers, the revision', async t => {
  const errors = [{ pointer: '/percent', message: 'too big' }]
  const details = { errors, currentRevision: 7, secret: 'not for anybody' }
  const problem = problemOf(new BanyanError('stale_revision', 'said', { hint: 'do', details }))
  t.same(problem, {
    type: 'urn:banyan:stale_revision',
    title: 'Stale Revision',
    status: 412,
    detail: 'said',
    code: 'stale_revision',
    errors,
    hint: 'do',
    currentRevision: 7,
  })
})

t.test('codes of the store are 503, whichever it is', async t => {
  for (const code of ['store_conflict', 'store_full', 'store_io', 'store_closed', 'store_unavailable']) {
    t.match(problemOf(new BanyanError(code, 'said')), { status: 503, code, title: 'Store Unavailable', detail: 'said' })
  }
})

t.test('an accident is a 500 that says nothing of itself', async t => {
  const accidents = [
    new Error('password=swordfish'),
    new TypeError('swordfish is not a function'),
    Object.assign(new Error('swordfish'), { statusCode: 502 }),
    new BanyanError('internal', 'swordfish'),
    new BanyanError('no_such_code', 'swordfish'),
    new BanyanError('constructor', 'swordfish'),
    new BanyanError('toString', 'swordfish'),
    'swordfish',
  ]
  for (const accident of accidents) {
    const problem = problemOf(accident)
    t.equal(problem.status, 500, String(accident))
    t.notMatch(JSON.stringify({ ...problem, code: '', type: '' }), /swordfish/)
  }
})

t.test('fastify’s own refusals in our words', async t => {
  const of = (code: string, statusCode: number) => problemOf(Object.assign(new Error('x'), { code, statusCode }))
  t.match(of('FST_ERR_CTP_BODY_TOO_LARGE', 413), { status: 413, code: 'too_large' })
  t.match(of('FST_ERR_CTP_INVALID_MEDIA_TYPE', 415), { status: 415, code: 'not_json_type', hint: /application\/json/ })
  t.match(of('FST_ERR_CTP_EMPTY_JSON_BODY', 400), { status: 400, code: 'not_json' })
  t.match(of('FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400), { status: 400 })
})
