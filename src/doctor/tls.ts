// Certificates and TLS versions: ours, and those that backends showed when they were connected to.
import type { EpochMs } from '../model/units.ts'
import type { Finding } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 30
const URGENT_DAYS = 7
const OLD = new Set(['SSLv3', 'TLSv1', 'TLSv1.1'])

/** What a backend's address showed at the last connection. */
export interface PeerTls {
  readonly backend: string
  readonly address: string
  /** null: it showed no certificate. */
  readonly validTo: EpochMs | null
  readonly protocol: string | null
}

export interface TlsSeen {
  /** Until when our own certificate is valid; null: no TLS on the listener. */
  readonly ownValidTo: EpochMs | null
  readonly peers: readonly PeerTls[]
  /** Backends with https addresses. */
  readonly secureBackends: readonly string[]
}

export function tlsFindings({ ownValidTo, peers, secureBackends }: TlsSeen, now: EpochMs): Finding[] {
  const own =
    ownValidTo === null ? [noTls()] : [dated('our certificate (proxy.tls)', ownValidTo, now, { whose: 'own' })]
  const silent = secureBackends.filter(name => !peers.some(({ backend }) => backend === name))
  return [
    ...own,
    ...peers.flatMap(({ backend, address, validTo, protocol }) => {
      const evidence = { whose: 'backend', backend, address, protocol }
      const of = { area: 'tls' as const, route: null, evidence }
      const whose = `backend ${backend}: the certificate of ${address} (${protocol ?? 'TLS'})`
      const old: Finding[] =
        protocol === null || !OLD.has(protocol)
          ? []
          : [{ ...of, code: 'tls_old', level: 'warn', message: `backend ${backend}: ${address} speaks ${protocol}` }]
      return [...(validTo === null ? [] : [dated(whose, validTo, now, evidence)]), ...old]
    }),
    ...silent.map(
      (backend): Finding => ({
        area: 'tls',
        code: 'tls_unknown',
        level: 'note',
        message: `backend ${backend}: not connected to yet, its certificate was not seen`,
        route: null,
        evidence: { backend },
      }),
    ),
  ]
}

function noTls(): Finding {
  return {
    area: 'tls',
    code: 'tls_none',
    level: 'note',
    message: 'not seen: no TLS on our listener (proxy.tls)',
    route: null,
    evidence: {},
  }
}

function dated(whose: string, validTo: EpochMs, now: EpochMs, more: Readonly<Record<string, unknown>>): Finding {
  const days = Math.floor((validTo - now) / DAY_MS)
  const date = new Date(validTo).toISOString().slice(0, 10)
  const of = { area: 'tls' as const, route: null, evidence: { ...more, days, validTo } }
  if (validTo <= now)
    return { ...of, code: 'certificate_expired', level: 'bad', message: `${whose} expired on ${date}` }
  const message = `${whose} is valid for ${days} more ${days === 1 ? 'day' : 'days'}, until ${date}`
  if (days >= SOON_DAYS) return { ...of, code: 'certificate_valid', level: 'ok', message }
  return { ...of, code: 'certificate_soon', level: days < URGENT_DAYS ? 'bad' : 'warn', message }
}
