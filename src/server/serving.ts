import type { Logger } from 'pino'
import { createForesee } from '#credentials/foresee.ts'
import { transmit } from '#files/mounts/local/transmit.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { cryptoInUse } from '#protocols/sftp/native.ts'
import type { Config } from './config.ts'
import { createCore, type Shares } from './core.ts'
import type { DataFolder } from './data-folder.ts'
import { type RunningDoors, startDoors } from './doors.ts'
import { openHostKeys } from './host-key.ts'
import type { MetricSources, Metrics } from './metrics.ts'
import { mountFolders } from './mount-folders.ts'
import { openCertificates, openClientAuthorities, type Reloads } from './tls.ts'

export const systemClock = { now: () => Date.now() }

/** What the use cases work on. `changed`: lets this server act at once on what they changed. */
export function identityDeps(folder: DataFolder, changed: () => Promise<void>): IdentityDeps {
  const { records, pepper, sealer, path } = folder
  const { identity: store, audit, liveSessions } = records
  const newFolder = mountFolders(path)
  return { store, audit, liveSessions, pepper, sealer, clock: systemClock, changed, newFolder }
}

/** The doors with all behind them. Disposal comes after `doors.stop`. */
export type Serving = AsyncDisposable & {
  readonly doors: RunningDoors
  readonly sources: MetricSources
}

export type ServingOptions = {
  readonly log: Logger
  readonly metrics: Metrics
  readonly identity: IdentityDeps
  readonly reloads: Reloads
  /** Of a process among several; default: it is the only one. */
  readonly shares?: Shares | undefined
}

/** Opens everything that this process serves. Rejects with StartError. */
export async function startServing(
  folder: DataFolder,
  config: Config,
  { log, metrics, identity, reloads, shares }: ServingOptions,
): Promise<Serving> {
  log.info({ crypto: cryptoInUse() }, `SSH crypto in use: ${cryptoInUse()}`)
  const mover = transmit === null ? 'process' : 'kernel'
  log.info({ mover }, `FTP transfers and HTTP downloads without TLS are moved by the ${mover}`)
  await using stack = new AsyncDisposableStack()
  const certificates = stack.use(await openCertificates(config, log, reloads))
  const clientAuthorities = stack.use(await openClientAuthorities(config, log, reloads))
  const core = stack.use(
    await createCore(folder, {
      ...coreOptions(config),
      log,
      observer: metrics.observer,
      shares,
      tends: shares === undefined,
    }),
  )
  const hostKeys = stack.use(
    await openHostKeys(folder.path, (error) =>
      log.error({ err: error }, 'changed SSH host keys could not be read'),
    ),
  )
  const { store } = identity
  const foresee = createForesee({ store: folder.records.credentials, files: core.files })
  const doors = await startDoors(config, {
    gate: core.gate,
    people: core.gate.people,
    identity: { ...identity, foresee },
    hostKeys: hostKeys.now,
    certificates,
    clientAuthorities,
    siteId: async (name) => (await store.siteByName(name))?.id ?? null,
    log: (door) => log.child({ door }),
    neighbours: shares?.neighbours,
  })
  const opened = stack.move()
  return {
    doors,
    sources: {
      sessions: core.gate.sessions.list,
      feedAge: folder.records.changes.staleFor,
      nativeCrypto: cryptoInUse() === 'native',
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** What a configuration says of the core. */
export function coreOptions(config: Config) {
  const { revocationGrace, auditRetention, auditReads, s3, sftp } = config
  return {
    clock: systemClock,
    revocationGrace,
    auditRetention,
    auditReads,
    uploadDays: s3.uploadDays,
    browserLimits: config.console,
    lostLimits: { time: sftp.keepLost, bytes: sftp.keepLostBytes },
  }
}

/** Lets what runs finish for as long as the configuration says. */
export function stopDoors(doors: RunningDoors, { stopGrace }: Config): Promise<void> {
  return doors.stop(stopGrace === 0 ? AbortSignal.abort() : AbortSignal.timeout(stopGrace))
}
