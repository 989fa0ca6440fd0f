import type { Gate, People } from '#credentials/gate.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { Annex } from '#net/annex.ts'
import { openConsole } from '#protocols/console/door.ts'
import type { DoorLog, Listener } from '#protocols/protocol.ts'
import type { Addresses } from './client-lines.ts'
import type { Config } from './config.ts'
import { pasteLines, reachableFrom } from './paste-lines.ts'

type Parts = {
  readonly gate: Gate
  readonly people: People
  readonly identity: IdentityDeps
  readonly log: DoorLog
  /** Filled while the doors start. */
  readonly addresses: Addresses
}

/** The console at one listener of REST; none where it is turned off. */
export function consoleAnnexes(config: Config, parts: Parts, listener: Listener): readonly Annex[] {
  if (!config.console.enabled) return []
  const { gate, people, identity, log, addresses } = parts
  const { region } = config.s3
  const told = config.publicUrls
  const annex = openConsole({
    gate,
    people,
    identity,
    log,
    siteId: listener.siteId,
    trustedProxies: config.trustedProxies,
    lines: (wish) => pasteLines({ addresses: reachableFrom(wish.host, addresses, told), region }, wish),
  })
  return [annex]
}
