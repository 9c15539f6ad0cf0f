// Runs docs/migration-guide.md as it stands, against the demo's two services and a real Banyan: every block succeeds.
import t from 'tap'
import { blocksOf } from './blocks.ts'
import { walk } from './walk.ts'

// Some sixty calls of the command line, one after another.
t.setTimeout(300_000)

const PAGE = 'docs/migration-guide.md'

t.test('from preparation to retirement, block by block', async t => {
  const { ran, said } = await walk(t, PAGE, {
    instead: {
      'npx node examples/orders/new.ts --port 3002 --db .banyan/orders --mended': s => s.deployNew({ mended: true }),
    },
    env: { BANYAN_SEED: 'the guide shows how to make one' },
  })
  const blocks = blocksOf(PAGE).filter(({ kind }) => kind.startsWith('sh') || kind.startsWith('yaml '))
  const notRun = blocks.filter(block => block.notRun !== null)
  t.equal(ran, blocks.length - notRun.length, 'every block but those that say so')
  for (const { line, notRun: why } of notRun) t.comment(`not run: ${PAGE}:${line}: ${why}`)
  t.match(said, /of 3 identical/)
  t.match(said, /cancel_reason +missing/)
  t.match(said, /exit code 1: something to mend/)
  t.match(said, /rolled back: customers on legacy.* in [0-9.]+ms/)
  t.match(said, /exit code 6: frozen/)
  t.match(said, /whole: \d+ entries/)
})
