// What an operator should know of the fleet without asking.
import type { Milliseconds } from '../model/units.ts'
import type { Peer } from './peers.ts'

/** Of a push with a wrong signature, so long. */
const REFUSED_SHOWN_MS: Milliseconds = 300_000

export interface FleetWarning {
  readonly code:
    | 'config_differs'
    | 'fleet_unseen'
    | 'instance_taken'
    | 'peer_unreachable'
    | 'peers_unresolved'
    | 'push_refused'
    | 'replica_silent'
  readonly message: string
  readonly route: null
}

export interface FleetTroubles {
  /** Our name, when another process has it, too; null: it is ours alone. */
  readonly namesake: string | null
  /** Instances with another configuration. */
  readonly differing: readonly string[]
  /** The store says who is there. */
  readonly reachable: boolean
  readonly silent: readonly { readonly instance: string; readonly agoMs: Milliseconds }[]
  readonly peers: readonly Peer[]
  readonly nameTrouble: string | null
  /** Since the last push with a wrong signature; null: none. */
  readonly refusedAgoMs: Milliseconds | null
}

export function warningsOf(troubles: FleetTroubles): readonly FleetWarning[] {
  const { namesake, differing, reachable, nameTrouble, refusedAgoMs } = troubles
  return [
    ...(namesake === null
      ? []
      : [
          warning(
            'instance_taken',
            `another process runs as ${namesake} on the same store, and neither hears the other: give each a name of its own (BANYAN_INSTANCE)`,
          ),
        ]),
    ...differing.map(name =>
      warning('config_differs', `${name} runs another configuration: each replica serves what its own file declares`),
    ),
    ...(reachable
      ? []
      : [warning('fleet_unseen', 'the store does not say which replicas there are: those that it named last count')]),
    // While the store does not answer, its ages say nothing new.
    ...(reachable ? troubles.silent : []).map(({ instance, agoMs }) =>
      warning(
        'replica_silent',
        `${instance} has not been seen for ${Math.round(agoMs / 1000)} s and has not left: if its process is there, it may serve by what it knew then, and changes wait for it`,
      ),
    ),
    ...(nameTrouble === null
      ? []
      : [
          warning(
            'peers_unresolved',
            `the name in fleet.peers has no addresses now (${nameTrouble}): its last ones are used`,
          ),
        ]),
    ...unreachable(troubles.peers).map(({ url, trouble }) =>
      warning('peer_unreachable', `the peer ${url} does not answer (${trouble}): ${whatToDo(trouble)}`),
    ),
    ...(refusedAgoMs === null || refusedAgoMs > REFUSED_SHOWN_MS
      ? []
      : [
          warning(
            'push_refused',
            'somebody sent a push with a wrong signature: see whether all replicas have the same fleet.secret',
          ),
        ]),
  ]
}

/** An instance that answers at another of its addresses is no trouble. */
function unreachable(peers: readonly Peer[]): readonly Peer[] {
  const answering = new Set(peers.filter(peer => peer.trouble === null).map(peer => peer.instance))
  return peers.filter(peer => peer.trouble !== null && (peer.instance === null || !answering.has(peer.instance)))
}

function whatToDo(trouble: string | null): string {
  if (trouble === 'bad_signature' || trouble === 'bad_answer') return 'is its fleet.secret the same as here?'
  if (trouble === 'too_old') return 'are the clocks of both machines right?'
  return 'without the store a rollback would not reach it'
}

function warning(code: FleetWarning['code'], message: string): FleetWarning {
  return { code, message, route: null }
}
