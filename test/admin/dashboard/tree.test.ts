// Differences as a tree of places, and as a rule names them.
import t from 'tap'
import type { SignatureAnswer } from '../../../src/admin/api-compare.ts'
import { pathsOf } from '../../../src/admin/dashboard/rule-paths.ts'
import { type Node, treeOf } from '../../../src/admin/dashboard/tree.ts'
import { readPath } from '../../../src/compare/rules/path.ts'

let number = 0
function difference(kind: SignatureAnswer['kind'], paths: readonly string[], count = 1): SignatureAnswer {
  const places = paths.map(path => ({
    template: '/orders',
    kind,
    path,
    state: 'divergent',
    severity: 'high',
    count,
    why: '',
  }))
  number++
  return { signature: `s${number}`, kind, field: 'field', count, differences: places } as unknown as SignatureAnswer
}

/** As `name [differences] (below …)`. */
function shown(nodes: readonly Node[]): string {
  return nodes
    .map(
      ({ name, items, below }) =>
        `${name}${items.length > 0 ? ` [${items.length}]` : ''}${below.length > 0 ? ` (${shown(below)})` : ''}`,
    )
    .join(', ')
}

t.test('stretches without a fork are one node, more often comes first', async t => {
  const items = [
    difference('value', ['/orders/*/total'], 5),
    difference('missing', ['/orders/*/note'], 2),
    difference('type', ['/orders/*/total'], 1),
    difference('extra', ['/a~1b'], 1),
    difference('status', [''], 9),
    difference('header', ['/content-type'], 1),
  ]
  t.equal(
    shown(treeOf(items)),
    'Body (orders / * (total [2], note [1]), a/b [1]), Status (field [1]), Headers (content-type [1])'.replace(
      /^(Body.*), (Status[^,]*), /,
      '$1, $2, ',
    ),
  )
  t.same(treeOf([]), [])
  t.equal(
    treeOf(items).reduce((sum, { count }) => sum + count, 0),
    19,
    'none is lost',
  )
})

t.test('a place becomes a path that the API reads', async t => {
  const paths = (kind: SignatureAnswer['kind'], ...pointers: string[]) => pathsOf(difference(kind, pointers))
  t.same(paths('value', '/orders/*/total', '/orders/*/total'), ['$.orders[*].total'])
  t.same(paths('value', ''), ['$'])
  t.same(paths('status', ''), ['status'])
  t.same(paths('header', '/set-cookie/sid'), ['header:set-cookie'])
  t.same(paths('missing', "/it's/a~1b/x-y"), ["$['it\\'s']['a/b']['x-y']"])
  for (const path of [...paths('value', '/a/**/b'), ...paths('extra', "/'\\/*"), ...paths('value', '/ü/1a')]) {
    t.notMatch(readPath(path), { message: String }, path)
  }
})
