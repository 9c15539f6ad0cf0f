// Users that have a side, and where one user is, for people.
import type { PinView, WhoView } from '../../admin/api.ts'
import { type Look, moment, orNothing, percent, safe, table } from '../print.ts'

export function pinsView(pins: readonly PinView[], look: Look): readonly string[] {
  if (pins.length === 0) return ['the support desk gave nobody a side']
  return table<PinView>(
    [
      { title: 'ID', of: pin => pin.id },
      { title: 'KEY', of: pin => `${pin.key}…` },
      { title: 'SIDE', of: pin => pin.side },
      { title: 'UNTIL', of: pin => moment(pin.until) },
      { title: 'BY', cut: true, of: pin => pin.by },
      { title: 'REASON', cut: true, of: pin => orNothing(pin.reason) },
    ],
    pins,
    look,
  )
}

type Row = WhoView['routes'][number]

export function whoView({ key, routes }: WhoView, look: Look): readonly string[] {
  if (routes.length === 0) return ['there are no routes']
  return [
    `SHA-256 of the key begins with ${safe(key.hashed)}`,
    ...table<Row>(
      [
        { title: 'ROUTE', of: row => row.route },
        { title: 'SIDE', of: row => row.side ?? '?' },
        { title: 'REASON', of: row => row.reason },
        { title: 'WEIGHT', right: true, of: row => percent(row.weight) },
        { title: 'WHY', of: row => row.why },
      ],
      routes,
      look,
    ),
  ]
}
