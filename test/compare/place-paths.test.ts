// JSONPaths against pointers alone: the same answer as JSONPath gives on a body, and the safe one where it depends on the body.
import fc from 'fast-check'
import { query } from 'json-p3'
import t from 'tap'
import { placePaths } from '../../src/compare/place-paths.ts'

t.test('names, wildcards, indexes, descendants; what is below a place belongs to it', async t => {
  const covers = (path: string, pointer: string) => placePaths([path], false).covers(pointer)
  t.ok(covers('$', ''))
  t.ok(covers('$', '/a'))
  t.ok(covers('$.a.b', '/a/b'))
  t.ok(covers('$.a.b', '/a/b/c/0'))
  t.notOk(covers('$.a.b', '/a'))
  t.notOk(covers('$.a.b', '/b/a/b'))
  t.ok(covers('$.a[*].c', '/a/17/c'))
  t.ok(covers('$.a[1]', '/a/1'))
  t.notOk(covers('$.a[1]', '/a/11'))
  t.ok(covers('$..email', '/users/0/email'))
  t.ok(covers('$..user..email', '/user/a/user/b/email'))
  t.notOk(covers('$..email', '/users/0/emails'))
  t.ok(covers("$['a/b~c']", '/a~1b~0c'))
})

t.test('what it depends on other parts of the body: hidden, and not kept', async t => {
  for (const path of ['$.a[-1]', '$.a[0:2]', '$.a[?@.x > 1]']) {
    t.ok(placePaths([path], true).covers('/a/5'), path)
    t.notOk(placePaths([path], false).covers('/a/5'), path)
    t.notOk(placePaths([path], true).covers('/b/5'), path)
  }
  t.ok(placePaths(['$.a['], true).covers('/b'))
  t.notOk(placePaths(['$.a['], false).covers('/b'))
})

t.test('headers are named beside', async t => {
  const paths = placePaths(['header:X-Tenant', '$.a', 'status'], true)
  t.same([...paths.headers], ['x-tenant'])
  t.ok(paths.hasBodyPaths)
  t.notOk(placePaths(['header:x'], true).hasBodyPaths)
})

t.test('on any body, what JSONPath finds is covered, and what it finds nothing above is not', async t => {
  const { value } = fc.letrec(tie => ({
    value: fc.oneof({ depthSize: 'small' }, fc.constant(1), tie('array'), tie('object')),
    array: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }))
  const part = fc.constantFrom('.a', '.b', '[*]', '..a', '..*', '[0]', "['c']")
  fc.assert(
    fc.property(value, fc.array(part, { maxLength: 4 }), (body, parts) => {
      const path = `$${parts.join('')}`
      const pointerOf = (keys: readonly (string | number)[]) => keys.map(key => `/${key}`).join('')
      const found = query(path, body as never)
        .locations()
        .map(pointerOf)
      const { covers } = placePaths([path], false)
      const all = query('$..*', body as never)
        .locations()
        .map(pointerOf)
      return ['', ...all].every(pointer => {
        const isFound = found.some(place => pointer === place || pointer.startsWith(`${place}/`))
        return covers(pointer) === isFound
      })
    }),
  )
  t.pass('agrees with json-p3')
})
