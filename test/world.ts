import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createForesee } from '#credentials/foresee.ts'
import type { Gate } from '#credentials/gate.ts'
import type { OpenMount } from '#files/mount-table.ts'
import type { Actor } from '#identity/actor.ts'
import { createKey } from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { addGrant } from '#identity/grants.ts'
import { deleteKey, disableKey } from '#identity/keys.ts'
import { addSite } from '#identity/sites.ts'
import { addUser } from '#identity/users.ts'
import type { Conditions, DoorName } from '#permissions/conditions.ts'
import { type Rights, rightNames } from '#permissions/grants.ts'
import { ALL_SCOPES, type Scopes, scopeNames } from '#permissions/scopes.ts'
import type { DoorLog, Listener, RunningDoor } from '#protocols/protocol.ts'
import { type Core, createCore } from '#server/core.ts'
import { type DataFolder, openDataFolder } from '#server/data-folder.ts'
import { mountFolders } from '#server/mount-folders.ts'

export type IssueOptions = {
  name?: string
  /** A user of this name is made when it is not there. */
  user?: string
  role?: 'administrator' | 'member'
  scopes?: Scopes
  basePath?: string
  grants?: readonly { path: string; rights: Rights; recursive?: boolean }[]
  type?: 'user' | 'site'
  expiresAt?: number | null
  pair?: boolean
  conditions?: Conditions
  site?: string
}

export type WorldKey = {
  id: string
  name: string
  login: string
  value: string
  accessKeyId: string
  secretAccessKey: string
}

export type LogLine = { level: string; message: string; fields: object }

/** A whole server in this process, on a temporary folder, with a clock that tests turn. */
export type World = AsyncDisposable & {
  readonly gate: Gate
  readonly core: Core
  readonly folder: DataFolder
  readonly identity: IdentityDeps
  readonly site: { readonly id: string; readonly name: string }
  /** Real folder of the site's one mount, which appears at `/`. */
  readonly root: string
  readonly clock: { now(): number; advance(ms: number): void }
  /** What doors and core logged. */
  readonly logs: LogLine[]
  issue(options?: IssueOptions): Promise<WorldKey>
  disable(keyId: string): Promise<void>
  remove(keyId: string): Promise<void>
  /** A further site with a mount of its own. */
  addSite(name: string, hosts?: readonly string[]): Promise<{ id: string; name: string; root: string }>
  /** Starts a door on a free port; it stops with the world. `siteId` null: no site hint (the default). */
  start(door: DoorName, options?: { siteId?: string | null }): Promise<RunningDoor>
}

const OPERATOR: Actor = { kind: 'command_line' }
// One for all worlds of a test file: making keys is slow.
let hostKey: string | undefined

/** `openMount`: how storages are opened; default as folders. */
export async function startWorld({ openMount }: { openMount?: OpenMount } = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-world-'))
  const clock = turnableClock()
  const logs: LogLine[] = []
  const log = memoryLog(logs)
  const folder = await openDataFolder(join(dir, 'data'), { clock, create: true })
  const { records, pepper, sealer } = folder
  const core = await createCore(folder, { clock, log, revocationGrace: 30_000, openMount })
  const identity: IdentityDeps = {
    store: records.identity,
    audit: records.audit,
    liveSessions: records.liveSessions,
    foresee: createForesee({ store: records.credentials, files: core.files }),
    pepper,
    sealer,
    clock,
    changed: () => records.changes.poll(),
    newFolder: mountFolders(folder.path),
  }
  const sites = new Map<string, { id: string; name: string; root: string }>()
  const doors: RunningDoor[] = []

  async function makeSite(name: string, hosts: readonly string[] = []) {
    const root = join(dir, `files-${name}`)
    await mkdir(root)
    const { site } = await addSite(identity, OPERATOR, { name, folder: root, hosts, durable: false })
    sites.set(name, { id: site.id, name, root })
    return { id: site.id, name, root }
  }
  const main = await makeSite('main')

  return {
    gate: core.gate,
    core,
    folder,
    identity,
    site: { id: main.id, name: main.name },
    root: main.root,
    clock: {
      now: clock.now,
      advance(ms) {
        clock.advance(ms)
        core.gate.sessions.endExpired()
      },
    },
    logs,
    addSite: makeSite,
    async issue(options = {}) {
      const site = sites.get(options.site ?? 'main')
      if (site === undefined) throw new Error(`no site ${options.site}`)
      return issueKey(identity, site.id, options)
    },
    async disable(keyId) {
      await disableKey(identity, OPERATOR, await siteOf(identity, sites, keyId), keyId)
    },
    async remove(keyId) {
      await deleteKey(identity, OPERATOR, await siteOf(identity, sites, keyId), keyId)
    },
    async start(door, { siteId = null } = {}) {
      const listener = { address: '127.0.0.1', port: 0, siteId }
      const running = await startDoor(door, core.gate, identity, listener, log)
      doors.push(running)
      return running
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(doors.map((door) => door.stop(AbortSignal.abort())))
      await core[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

// Only the doors that a test uses are loaded.
async function startDoor(
  door: DoorName,
  gate: Gate,
  identity: IdentityDeps,
  listener: Listener,
  log: DoorLog,
): Promise<RunningDoor> {
  switch (door) {
    case 'webdav': {
      const { startWebdavDoor } = await import('#protocols/webdav/door.ts')
      return startWebdavDoor(gate, { listener, log })
    }
    case 's3': {
      const { startS3Door } = await import('#protocols/s3/door.ts')
      return startS3Door(gate, {
        listener,
        log,
        region: 'local',
        domains: ['localhost'],
        now: identity.clock.now,
      })
    }
    case 'sftp': {
      const { startSftpDoor } = await import('#protocols/sftp/door.ts')
      hostKey ??= (await import('#protocols/sftp/host-key.ts')).newHostKey()
      return startSftpDoor(gate, { listener, log, hostKeys: [hostKey] })
    }
    case 'ftp': {
      const { startFtpDoor } = await import('#protocols/ftp/door.ts')
      return startFtpDoor(gate, { listener, log, passivePorts: 'any' })
    }
    case 'rest': {
      const { startRestDoor } = await import('#protocols/rest/door.ts')
      return startRestDoor(gate, { listener, log, identity })
    }
  }
}

let issued = 0

async function issueKey(identity: IdentityDeps, siteId: string, options: IssueOptions): Promise<WorldKey> {
  const { type = 'user', role = 'administrator', grants = [], conditions } = options
  const userName = options.user ?? (role === 'administrator' ? 'admin' : 'member')
  const name = options.name ?? `key-${++issued}`
  if (type === 'user' && (await identity.store.userByName(siteId, userName)) === null) {
    await addUser(identity, OPERATOR, siteId, { name: userName, role })
  }
  for (const { path, rights, recursive = true } of grants) {
    await addGrant(identity, OPERATOR, siteId, {
      user: { name: userName },
      path,
      rights: rightNames(rights),
      recursive,
    })
  }
  const { key, value, pair } = await createKey(identity, OPERATOR, siteId, {
    name,
    type,
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
    ...(type === 'site'
      ? {}
      : {
          user: { name: userName },
          scopes: scopeNames(options.scopes ?? ALL_SCOPES),
          basePath: options.basePath ?? '/',
          pair: options.pair ?? true,
        }),
  })
  if (conditions !== undefined) {
    const audit = { ...AUDIT, at: identity.clock.now(), siteId }
    await identity.store.updateKey(siteId, key.id, { conditions }, audit)
    await identity.changed?.()
  }
  return {
    id: key.id,
    name,
    login: `@api-${key.id}`,
    value,
    accessKeyId: pair?.accessKeyId ?? '',
    secretAccessKey: pair?.secretAccessKey ?? '',
  }
}

const AUDIT = {
  action: 'key.update',
  outcome: 'ok',
  reason: '',
  userId: null,
  userName: null,
  keyId: null,
  keyName: null,
  door: 'command_line',
  address: null,
  subject: 'conditions',
} as const

async function siteOf(
  identity: IdentityDeps,
  sites: ReadonlyMap<string, { id: string }>,
  keyId: string,
): Promise<string> {
  for (const { id } of sites.values()) {
    if ((await identity.store.keyById(id, keyId)) !== null) return id
  }
  throw new Error(`no key ${keyId}`)
}

function turnableClock() {
  let offset = 0
  return {
    now: () => Date.now() + offset,
    advance(ms: number) {
      offset += ms
    },
  }
}

function memoryLog(lines: LogLine[]): DoorLog {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields })
    if (process.env.LATCHKEY_TEST_LOG === '1') console.error(level, message, fields)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
