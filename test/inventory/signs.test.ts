// Which requests look as if they changed something though their method promises not to, and which only have words in common
// with those: what is taken for an action is never asked of the other side, so both mistakes cost.
import fc from 'fast-check'
import t from 'tap'
import { actionInPath, actionInQuery, actionOf } from '../../src/inventory/signs.ts'

function signOf(target: string): string | null {
  const [path = '', ...query] = target.split('?')
  return actionOf(path.split('/').slice(1), query.length === 0 ? null : query.join('?'))
}

const ACTIONS = {
  'one word of a path': `/logout /delete/7 /user-delete.php /deleteUser /cart/empty /rollback /orders/5/refund /mail/resend /cache/flush
    /config/reload /session/invalidate /jobs/5/kill /shutdown /reboot /notices/3/dismiss /invites/x/decline /invites/x/accept
    /posts/my-title/unlike /u/ann/unfollow /u/ann/ban /room/kick /SignOff /signoff /endsession /logout;jsessionid=5`,
  'two words of a path': `/users/sign_out /sign-out /auth/signOut /SIGNOut /LOGout /account/log-out /log_out /log.off /end-session /EndSession
    /roll-back /shut_down /mail/opt-out /notices/markAllRead /mails/mark-as-read`,
  'escapes in a path': '/users/log%2Dout /a%2Flogout /a%2flogout /a%252Flogout /%6Cogout /orders/5%2Fdelete',
  'a verb after an id': `/orders/5/ship /orders/5/ship/ /orders/5/pay.do /posts/7/like /posts/7/Like /orders/0190a3c2-7b1f-7c3a-9d52-3f1b2c4d5e6f/pay
    /orders/5/p%61y /orders/5;v=1/pay;jsessionid=1 /orders/:id/pay /flights/3/book /posts/7/archive`,
  'an action of a query': `/x?action=delete /x?action=saveOrder /x?cmd=order.cancel /x?do=add /x?mode=delete /x?_method=PUT
    /x?X-HTTP-Method-Override=DELETE /x?a=1&action=delete /x?a=1&&action=delete /x?action[]=delete /x?action[delete]=1
    /x?method:delete= /x?action:deleteUser`,
  'escapes in a query':
    '/x?%61ction=delete /x?action=%64elete /x?acti%6Fn=%64%65lete /x?%2561ction=delete /x?+action=delete',
  'any value of an action': `/x?action=delete%20order /x?action=/delete /x?action=user:delete /x?op=user:delete /x?mode=<b>delete</b>
    /x?action=${'x'.repeat(50)} /x?op=delete-${'x'.repeat(500)} /x?token=${'x'.repeat(2000)}&action=delete
    /x?${'a=1&'.repeat(100)}action=delete`,
  'semicolons in a query': '/x?id=1;action=delete /x?foo=1;logout /x?foo=1&amp;action=delete',
  'a name that is or begins with an action': `/x?delete=5 /x?remove /x?logout /x?sign_out /x?removeItem=5 /x?deleteAll /x?DeleteAll
    /x?delete_id=5 /x?del_id=5 /x?delete-user=5 /x?removeCandidate=5 /x?delete[]=5 /x?add-to-cart=7 /x?emptyCart /x?%64eleteAll /x?refund=5`,
  'a value that is an action': `/x?page=logout /x?page=Logout.php /x?todo=delete /x?todo=deleteOrder /x?todo=delete_order /x?view=sign-out
    /x?route=account/logout /x?r=site/logout /x?q=user/logout /x?submit=Delete /x?btn=Delete&id=5 /x?x=%64elete /x?x=purge`,
}

/** Read as what they are. */
const READS = {
  'things of a verb’s name':
    '/order/5 /book/3 /post/7 /store /stores/5/store /like /pay /ship /archive /archive/2024 /register /checkout /sync',
  'pages and forms':
    '/ /edit /orders/5/edit /orders/new /orders/5/items /orders/5/order /settings /search /login /signin /sign-in',
  'verbs that were':
    '/updates /created /deleted-items /orders/5/updates /cancelled /subscribers /address /additional /banner /skills',
  'beside an id':
    '/orders/5/payment /orders/5/start-date /orders/5/pay/methods /orders/all/pay /v2/sync /posts/7/likes /books/5/read',
  'words that only touch':
    '/log/outdoor /blog-outlook /signage /sign/off /catalog/out /design-output /end/session /sign-up-date',
  'names of parameters': `/x?orderBy=x /x?updated_since=1 /x?deleted=true /x?deletedAt=1 /x?delete_date=1 /x?logoutUrl=/a /x?removed=1
    /x?post_logout_redirect_uri=/a /x?accept=json /x?expire=1700000000 /x?retry=1 /x?reload=1 /x?empty=false /x?address=5 /x?like=a
    /x?order=desc /x?store=5 /x?set=1`,
  'values of parameters': `/x?page=2 /x?sort=deleted /x?sort=delete /x?q=delete /x?q=how+to+delete /x?search=logout /x?tag=remove
    /x?status=deleted /x?slug=delete-your-account /x?title=Remove /x?next=/logout /x?return_url=https://a/logout /x?name=delete
    /x?type=removed /x?text=log+out /x?x=logout+page`,
  'actions that read': `/x?mode=view /x?mode=dark /x?action=view /x?op=list /?do=show /x?do=search&q=delete /x?action= /x?action /x?task=5
    /x?mode=complete /x?method=transfer /x?action[]=view /x?submit=Search /x?%61ction=view`,
}

for (const [name, targets] of Object.entries(ACTIONS)) {
  t.test(name, async t => {
    for (const target of targets.split(/\s+/)) t.not(signOf(target), null, target)
  })
}

for (const [name, targets] of Object.entries(READS)) {
  t.test(name, async t => {
    for (const target of targets.split(/\s+/)) t.equal(signOf(target), null, target)
  })
}

t.test('the sign says the word', async t => {
  t.equal(signOf('/users/sign_out'), '"signout" in the path')
  t.equal(signOf('/orders/5/pay'), '"pay" after an id in the path')
  t.equal(signOf('/x?%61ction=%64elete'), '"action=delete" in the query')
  t.equal(signOf('/x?page=Logout'), '"logout" in the query')
  t.equal(signOf('/x?removeItem=5'), '"remove" in the query')
})

t.test('nothing of a sign can break out of a line, and it is short', async t => {
  t.equal(signOf('/x?action=a%0A%1B[1m%22'), '"action=a???1m?" in the query')
  fc.assert(
    fc.property(
      fc.constantFrom('action', 'mode', 'delete', 'x'),
      fc.string({ unit: 'binary', maxLength: 300 }),
      (name, value) => {
        const sign = actionInQuery(`${name}=${encodeURIComponent(value.toWellFormed())}`)
        return sign === null || (sign.length < 80 && /^[ -~]*$/.test(sign))
      },
    ),
  )
})

t.test('any text is read, and a hostile one soon', async t => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), text => {
      actionInPath(text.split('/'))
      actionInQuery(text)
    }),
  )
  const hostile = ['A', 'a', '%', '%25', '/', '&', ';', '[', '&action', 'del_', '&delete', 'aA', '.', '=', ' ']
  const start = performance.now()
  for (const piece of hostile) {
    const text = piece.repeat(16_384)
    actionInPath([text, '5', text])
    actionInQuery(text)
    actionInQuery(`x=${text}`)
    actionInQuery(`action=${text}`)
  }
  const ms = performance.now() - start
  t.ok(ms < 1000, `${ms} ms`)
})
