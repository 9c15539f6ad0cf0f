// Tokens that people think of: what is refused at the start, and that no token of chance is.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createSecret } from '../../src/admin/access.ts'
import { weaknessOf } from '../../src/admin/weak-token.ts'
import { TOKEN } from '../e2e/harness.ts'

t.test('known, short, patterned, or not to be sent', async t => {
  const weak: Record<string, RegExp> = {
    admin: /shorter/,
    changemechangeme: /guess/,
    'change-me-change-me-please': /guess/,
    'my-secret-token-here': /guess/,
    password12345678: /guess/,
    YOUR_ADMIN_TOKEN_HERE: /guess/,
    aaaaaaaaaaaaaaaaaaaaaaaa: /a few characters/,
    abababababababababab: /a few characters/,
    '0123456789abcdef': /sequence/,
    abcdefghijklmnopqrstuvwxyz: /sequence/,
    'two words of a token': /white space/,
    tökentökentökentöken: /ASCII/,
    [randomBytes(400).toString('base64')]: /longer/,
  }
  for (const [token, why] of Object.entries(weak)) t.match(weaknessOf(token) ?? 'nothing', why, token)
})

t.test('none of chance', async t => {
  for (let i = 0; i < 2_000; i++) {
    const texts = [
      randomBytes(16).toString('hex'),
      randomBytes(32).toString('base64'),
      randomBytes(12).toString('base64url'),
      createSecret(),
      `prod-admin-token-${randomBytes(16).toString('hex')}`,
    ]
    const wrong = texts.filter(text => weaknessOf(text) !== null)
    if (wrong.length > 0) t.fail(`${wrong}: ${weaknessOf(wrong[0] as string)}`)
  }
  t.equal(weaknessOf(TOKEN), null)
})
