// What is read as a command in a block of shell.
import t from 'tap'
import { commandsOf } from './shell.ts'

t.test('the commands of a script', async t => {
  const read = (script: string, values = {}) => commandsOf(script, values).map(words => words.join('|'))
  t.same(read('banyan status\nbanyan routes orders # why\n# banyan nothing'), ['banyan|status', 'banyan|routes|orders'])
  t.same(read('a "b c" \'d e\' f\\ g'), ['a|b c|d e|f g'])
  t.same(read('a && b || c; d | e'), ['a', 'b', 'c', 'd', 'e'])
  t.same(read('a \\\n  -b'), ['a|-b'])
  t.same(read('X=1 Y="2 3" a b >out 2>/dev/null <in'), ['a|b'])
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  t.same(read('a "$(b c)" -$percent ${N:-5}', { percent: '7' }), ['b|c', 'a|x|-7|x'])
  t.same(read('until [ "$(a b | c)" -eq 3 ]; do d; done'), ['a|b', 'c', '[|x|-eq|3|]', 'd'])
  t.same(read('for one in $(a 1 2); do b "$one"; done'), ['a|1|2', 'b|x'])
  t.same(read('a -d \'{"percent": 5}\' >/dev/null'), ['a|-d|{"percent": 5}'])
})
