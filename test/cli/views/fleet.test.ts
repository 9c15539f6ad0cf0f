// The fleet on one screen: who comes first, what is said without colour, and that nothing is wider than the terminal.
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import type { Status } from '../../../src/admin/api.ts'
import type { Look } from '../../../src/cli/print.ts'
import { barOf, fleetView } from '../../../src/cli/views/fleet.ts'
import { columnsOf } from '../../../src/cli/width.ts'
import { short, status } from '../answers.ts'

type Short = Status['routes'][number]

const plain = (width: number | null): Look => ({ paint: (_, text) => text, width })
const row = (more: object): Short => ({ ...short, ...more }) as Short
const of = (routes: readonly Short[], more: object = {}): Status =>
  ({ ...status, ...more, routes }) as unknown as Status

const wrong = row({
  id: 'pay',
  state: 'rolled-back',
  phase: 'legacy',
  effective: 0,
  observed: null,
  attention: { level: 'wrong', why: 'rolled back by ann: 5xx since 10:02' },
  next: 'restore, once the cause is mended',
})
const look = row({ id: 'search', phase: 'shadow', attention: { level: 'look', why: '3 divergences' } })

t.test('by need, and what needs somebody is said above the table', async t => {
  const lines = fleetView(of([row({ id: 'fine' }), look, wrong]), plain(null), null)
  t.match(lines[0], /^banyan 0\.1\.0 · ready · a · .*sqlite.*revision 42 \(1 worker behind\) · up 3h 12m$/)
  t.match(
    lines[1],
    /3 routes · ! 1 wrong · \? 1 look · 1 fine · nothing rolled back · 0 warnings · 2026-01-02T13:12:00Z/,
  )
  t.equal(lines[2], '! pay: rolled back by ann: 5xx since 10:02')
  t.equal(lines[3], '? search: 3 divergences')
  t.match(lines[5], /ROUTE +PHASE +SPLIT +DES\/OBS +RPS leg\/new +ERR% leg\/new +P95ms leg\/new +MATCH +NEXT/)
  t.match(lines[6], /^! {2}pay +ROLLED BACK +.* 25%\/– .*restore, once/)
  t.match(lines[7], /^\? {2}search +shadow /)
  t.match(
    lines[8],
    /^ {3}fine +growth +██░\|░{6} +25%\/24\.8% +12\.3\/4\.1 +1\.00\/0\.00 +13\/9\.9 +99\.0% 3 div +3 div/,
  )
})

t.test('at any width no line is wider, and marks, ids, split and errors go last', async t => {
  const long = row({ id: `a${'b'.repeat(62)}`, next: '仮名とcombining ́ characters, 🦜'.repeat(4) })
  for (let width = 30; width <= 220; width++) {
    const lines = fleetView(of([row({ id: 'fine' }), long, wrong, look]), plain(width), null)
    const widest = Math.max(...lines.map(line => columnsOf(line)))
    if (widest > width && width >= 40) t.fail(`${width}: ${lines.find(line => columnsOf(line) > width)}`)
  }
  const at80 = fleetView(of([row({ id: 'fine' }), wrong]), plain(80), null).join('\n')
  t.match(at80, /ROUTE/)
  t.match(at80, /DES\/OBS/)
  t.match(at80, /NEXT/)
  t.notMatch(at80, /P95/)
  const at60 = fleetView(of([row({ id: 'fine' })]), plain(60), null).join('\n')
  t.match(at60, /fine/)
})

t.test('what moves next is whole on lines of its own, or says where it is whole', async t => {
  const next = 'nothing is compared yet: waits for requests that may be asked twice'
  const routes = of([row({ id: 'orders', next }), row({ id: 'others', next })])
  const lastColumn = (lines: readonly string[]): string => {
    const from = lines.find(line => line.includes('NEXT'))?.indexOf('NEXT') ?? 0
    return lines
      .slice(3)
      .map(line => line.slice(from).trim())
      .join(' ')
  }
  for (const width of [80, 100, 120, 140]) {
    const lines = fleetView(routes, plain(width), null)
    t.equal(lastColumn(lines), `NEXT / WAITING FOR ${next} ${next}`, String(width))
    t.notMatch(lines.join('\n'), '…')
  }
  t.notMatch(fleetView(routes, plain(120), null).join(), /P95/, 'the least important column made room')
  const low = fleetView(routes, plain(120), 7)
  t.equal(low.length, 7)
  t.match(low[2], '…: whole in `banyan routes ROUTE`')
  t.match(low[4], /orders .* nothing is compared yet: waits for$/, 'the first has the lines that there are')
  t.match(low.at(-1), /others .*…$/)
})

t.test('no more rows than there are, and what is left out is counted', async t => {
  const many = Array.from({ length: 50 }, (_, i) => row({ id: `r${i}` }))
  const lines = fleetView(of([...many, wrong]), plain(140), 20)
  t.equal(lines.length, 20)
  t.match(lines[5], /pay/, 'what needs somebody is never left out first')
  t.match(lines.at(-1), /… and \d+ routes that need less/)
})

t.test('the bar: what was observed is filled, the line is where it should be', async t => {
  t.equal(barOf(row({ desired: 50, observed: 20 })), '██░░░|░░░░')
  t.equal(barOf(row({ desired: 0, effective: 0, observed: null })), '|░░░░░░░░░')
  t.equal(barOf(row({ desired: 100, effective: 100, observed: 100 })), '█████████|')
  t.equal(barOf(row({ state: 'legacy-only' })), '')
})

t.test('what a backend or a file said moves no cursor', async t => {
  const evil = 'x\x1b[2J\u202e\r'
  const bad = row({ id: 'r', next: evil, attention: { level: 'look', why: evil } })
  const warnings = [{ code: 'c', message: evil, route: null }]
  for (const line of fleetView(of([bad], { warnings, instance: evil }), plain(100), null)) {
    t.equal(line, stripVTControlCharacters(line))
    t.notMatch(line, /[\p{Cc}\p{Cf}]/u)
  }
})
