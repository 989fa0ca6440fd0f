import type { Socket } from 'node:net'
import type { Gate, Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { OpenFile } from '#files/types.ts'
import type { Certificates } from '#net/certificates.ts'
import { ROOT, resolvePath, type VirtualPath } from '#permissions/path.ts'
import type { DoorLog, Listener } from '#protocols/protocol.ts'
import type { Blocks } from './blocks.ts'
import type { Control } from './control.ts'
import type { DataSource } from './data.ts'
import type { Interrupted } from './interrupted.ts'
import type { Fact } from './listing-format.ts'
import type { Patience } from './patience.ts'
import type { PortPool } from './ports.ts'
import type { ClientAuthority, SessionTls } from './tls-session.ts'

export type FtpSettings = {
  readonly listener: Listener
  /** Address or name to tell a client in PASV; null: the one that it connected to. */
  externalAddressFor(client: string): string | null
  readonly allowActive: boolean
  readonly tls: Certificates | null
  readonly requireTls: boolean
  readonly requireSessionReuse: boolean
  readonly clientAuthority: ClientAuthority | null
  readonly implicitTls: boolean
  readonly loginGraceMs: number
  readonly idleMs: number
  readonly wrongLoginDelayMs: number
  readonly dataConnectMs: number
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
}

/** What all sessions of a door share. */
export type FtpContext = {
  readonly gate: Gate
  readonly log: DoorLog
  readonly settings: FtpSettings
  readonly ports: PortPool
  readonly blocks: Blocks
  /** Data connections that are still open, those included that only flush. */
  readonly dataSockets: Set<Socket>
  readonly interrupted: Interrupted
  /** Milliseconds since the epoch. */
  now(): number
}

/** What moves on a data connection now. Abort `stop` to stop it. */
export type Transfer = {
  readonly stop: AbortController
  readonly verb: string
  bytes: number
  /** When a byte last moved, on `performance.now()`. */
  movedAt: number
  /** Resolved when the command is done and answered. */
  readonly ended: PromiseWithResolvers<void>
}

/** One control connection and all it has agreed on. */
export type FtpSession = {
  readonly context: FtpContext
  readonly control: Control
  /** The client's address without port. */
  readonly address: string
  /** Our address that the client connected to. */
  readonly localAddress: string
  /** Of HOST (RFC 7151): its site and its name; null when the client named none. */
  host: { readonly siteId: string; readonly name: string } | null
  client: string
  user: string | null
  wrongLogins: number
  graceTimer: NodeJS.Timeout | null
  /** With data connections that were agreed on. */
  readonly patience: Patience
  access: Session | null
  folder: VirtualPath
  type: 'ascii' | 'binary'
  /** Offset of REST for the next transfer. */
  restart: number
  /** Bytes that ALLO told of, for the next upload; null when it was silent. */
  announced: number | null
  /** First and last byte, of RANG, for the next command that knows ranges. */
  range: { readonly from: number; readonly to: number } | null
  renameFrom: VirtualPath | null
  /** SIZE told how much of a lost upload is here: APPE goes on with it. */
  resumable: VirtualPath | null
  dataSource: DataSource | null
  /** EPSV ALL was sent: other ways to a data connection are refused (RFC 2428 §4). */
  extendedOnly: boolean
  /** Null before AUTH. */
  tls: SessionTls | null
  /** PROT P: data connections use TLS. */
  privateData: boolean
  facts: ReadonlySet<Fact>
  hash: string
  transfer: Transfer | null
  /** The door is closing: good-bye when the running command is done. */
  leaving: boolean
}

/** What the session agreed on before anything was said. */
export function freshState(): Pick<
  FtpSession,
  | 'user'
  | 'access'
  | 'folder'
  | 'type'
  | 'restart'
  | 'announced'
  | 'range'
  | 'renameFrom'
  | 'resumable'
  | 'dataSource'
  | 'extendedOnly'
  | 'transfer'
> {
  return {
    user: null,
    access: null,
    folder: ROOT,
    type: 'ascii',
    restart: 0,
    announced: null,
    range: null,
    renameFrom: null,
    resumable: null,
    dataSource: null,
    extendedOnly: false,
    transfer: null,
  }
}

/** Who does not log in within the time of grace is shown the door. */
export function startGrace(session: FtpSession): void {
  endGrace(session)
  const { loginGraceMs } = session.context.settings
  session.graceTimer = setTimeout(() => session.control.close(421, 'No login in time'), loginGraceMs)
}

function endGrace(session: FtpSession): void {
  if (session.graceTimer) clearTimeout(session.graceTimer)
  session.graceTimer = null
}

/** From here on the session acts as `access` until it leaves, is lost or revoked. */
export function enter(session: FtpSession, access: Session): void {
  endGrace(session)
  session.access = access
  session.folder = access.principal.user?.home ?? ROOT
  session.wrongLogins = 0
  const cut = () => {
    if (session.access === access) cutOff(session, 'Your access has ended')
  }
  if (access.signal.aborted) cut()
  else access.signal.addEventListener('abort', cut, { once: true })
}

/** Ends the access and forgets all that was agreed on under it. */
export function leave(session: FtpSession): void {
  const { access, dataSource, transfer } = session
  endGrace(session)
  Object.assign(session, freshState())
  transfer?.stop.abort()
  dataSource?.close()
  // What was lost is kept in the name of the access.
  if (transfer) void transfer.ended.promise.then(() => access?.[Symbol.dispose]())
  else access?.[Symbol.dispose]()
}

/** Stops what runs and closes. What was uploaded but not finished is dropped by its command. */
export function cutOff(session: FtpSession, reason: string): void {
  session.transfer?.stop.abort()
  session.control.close(421, reason)
}

/** A path that the client named and that ought to exist: what cannot be a name does not exist. */
export function existingPath(session: FtpSession, argument: string): VirtualPath {
  try {
    return resolvePath(session.folder, argument)
  } catch (error) {
    if (error instanceof Fault) throw new Fault('not_found', 'No such file or folder')
    throw error
  }
}

/** A path that the client wants to be made. Fault `invalid` for what cannot be a name. */
export function newPath(session: FtpSession, argument: string): VirtualPath {
  return resolvePath(session.folder, argument)
}

/** Opens a file that the client named. A folder is no file to it, which is not to say that RETR is unknown. */
export async function openFile(session: FtpSession, argument: string, access: Session): Promise<OpenFile> {
  try {
    return await access.files.open(existingPath(session, argument))
  } catch (error) {
    if (error instanceof Fault && error.code === 'unsupported')
      throw new Fault('not_found', 'That is a folder')
    throw error
  }
}
