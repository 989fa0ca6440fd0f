import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import type { Backstage } from '../command.ts'
import { type Connection, connect } from './connection.ts'
import { filesOf } from './journals.ts'

const connections = new WeakMap<IdentityDeps, Connection>()

/** The server that stands behind these dependencies; undefined for a data folder of this machine. */
export function connectionOf(identity: IdentityDeps): Connection | undefined {
  return connections.get(identity)
}

/** What commands act on when `--url` names a server. `key`: of the environment. Fault: invalid. */
export function openRemote(url: string, key: string | undefined): Backstage {
  if (key === undefined || key === '') {
    throw new Fault(
      'invalid',
      '--url needs a key in the environment: LATCHKEY_KEY (its value, or name:password)',
    )
  }
  const api = connect(url, key)
  const identity = remoteIdentity()
  connections.set(identity, api)
  return {
    identity,
    files: ({ id }) => filesOf(api, id),
    get masterKeys() {
      return refuse()
    },
    get hostKeys() {
      return refuse()
    },
    get dataDir() {
      return refuse()
    },
    backup: async () => refuse(),
    async [Symbol.asyncDispose]() {},
  }
}

// Whatever a command reaches for that no use case stands before.
function remoteIdentity(): IdentityDeps {
  return {
    clock: { now: () => Date.now() },
    get store() {
      return refuse()
    },
    get pepper() {
      return refuse()
    },
    get sealer() {
      return refuse()
    },
    get audit() {
      return refuse()
    },
    get liveSessions() {
      return refuse()
    },
  }
}

function refuse(): never {
  throw new Fault('invalid', 'this command works on the server’s own machine only: leave --url away')
}
