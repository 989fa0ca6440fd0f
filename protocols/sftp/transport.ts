import ssh2, { type ClientInfo, type Connection } from 'ssh2'
import { algorithms } from './algorithms.ts'
import { extendHandshake } from './handshake.ts'
import { type HostKey, type HostKeySet, readHostKey } from './host-key.ts'
import { announceHostKeys } from './host-key-news.ts'
import { chachaWorks } from './native.ts'
import { makeOffer, protocolOf } from './ssh-internals.ts'

// No version: it would tell which known faults to try.
const IDENTIFICATION = 'Latchkey'
const KEEPALIVE_MS = 15_000
const KEEPALIVE_COUNT = 3

/** SSH over sockets that somebody else accepted: ssh2's own never sets TCP_NODELAY and drops no silent client. */
export type Transport = {
  readonly inject: ssh2.Server['injectSocket']
}

/** `onClient` is told of each client that has identified itself. Throws Error for a host key that cannot be read. */
export function createTransport(
  keys: HostKeySet,
  onClient: (client: Connection, info: ClientInfo) => void,
): Transport {
  const current = firstOfEachType(keys.current.map(readHostKey))
  const all = [...current, ...keys.next.map(readHostKey)]
  const lists = algorithms(
    chachaWorks(),
    current.map(({ type }) => type),
  )
  const offer = makeOffer(lists)
  const server = new ssh2.Server({
    hostKeys: current.map(({ exchangeKey }) => ({ key: exchangeKey })),
    ident: IDENTIFICATION,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_COUNT,
  })
  server.on('connection', (client, info) => {
    Reflect.set(protocolOf(client), '_offer', offer)
    extendHandshake(client, lists.kex)
    announceHostKeys(client, info, all)
    onClient(client, info)
  })
  return { inject: (socket) => server.injectSocket(socket) }
}

// As ssh2 takes them.
function firstOfEachType(keys: readonly HostKey[]): readonly HostKey[] {
  return keys.filter((key, at) => keys.findIndex(({ type }) => type === key.type) === at)
}
