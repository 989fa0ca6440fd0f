import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { StagedUpload } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { type LineEnds, toLocal, toNetwork } from './ascii.ts'
import { type DataConnection, gatherChunks, readIntoBlocks } from './inbox.ts'
import { forgetInterrupted, keepLost, resumeUpload, runningUpload } from './interrupted.ts'
import { lookForTheClient } from './presence.ts'
import { type PumpOptions, receiveFile, sendFile } from './pumps.ts'
import { type FtpSession, newPath, openFile, type Transfer } from './session.ts'
import { handshake } from './tls-session.ts'

const FLUSH_MS = 30_000

/** REST (RFC 3659 §5): where the next transfer starts. */
export function rest(session: FtpSession, argument: string): void {
  if (!/^\d{1,15}$/.test(argument.trim())) {
    session.control.reply(501, 'REST needs a number of bytes')
    return
  }
  session.restart = Number(argument)
  session.range = null
  session.control.reply(350, `The next transfer starts at ${session.restart}`)
}

/** RETR: download. */
export async function retr(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  const { range } = session
  session.range = null
  if (range && session.type === 'ascii') throw new Fault('range', 'RANG needs TYPE I')
  const start = range?.from ?? takeRestart(session)
  await using file = await openFile(session, argument, access)
  // A client that reads what is there does not go on with what was lost; SIZE and RETR must agree for it.
  if (session.resumable === file.entry.path) await access.files.lost.drop(file.entry.path)
  const { size } = file.entry
  if (start > size) throw new Fault('range', 'REST is beyond the end of the file')
  const end = range ? Math.min(range.to + 1, size) : size
  const options = { ...pumpOptions(session, transfer, start, toNetwork), end }
  await exchange(session, transfer, ({ socket }) => sendFile(file, socket, options))
}

/** STOR: upload; after REST n behind the first n bytes of what is there. */
export async function stor(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  const start = takeRestart(session)
  const announced = takeAnnounced(session)
  const path = newPath(session, argument)
  await using upload =
    start > 0 ? await resumeUpload(session, access, path, start) : await access.files.create(path)
  await receive(session, access, transfer, { upload, start, announced })
}

/** APPE: upload behind what is there; a file that is missing is made. */
export async function appe(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  takeRestart(session)
  const announced = takeAnnounced(session)
  const path = newPath(session, argument)
  const lost = session.resumable === path ? await access.files.lost.resume(path) : null
  await using upload = lost ?? (await editOrCreate(access, path))
  await receive(session, access, transfer, { upload, start: upload.size, announced })
}

/** STOU (RFC 1123 §4.1.2.9): upload under a new name that the 150 reply tells. */
export async function stou(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  takeRestart(session)
  const announced = takeAnnounced(session)
  const name = `${argument === '' ? 'upload' : argument}.${randomBytes(6).toString('hex')}`
  const path = newPath(session, name)
  await using upload = await access.files.create(path, { ifAbsent: true })
  await receive(session, access, transfer, { upload, start: 0, announced, opening: `FILE: ${name}` })
}

/** ABOR: what ran has been answered with 426 by now. */
export function abor(session: FtpSession): void {
  session.dataSource?.close()
  session.dataSource = null
  session.control.reply(226, 'Nothing is being transferred now')
}

async function editOrCreate(access: Session, path: VirtualPath): Promise<StagedUpload> {
  try {
    return await access.files.edit(path)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    return await access.files.create(path)
  }
}

type Receiving = {
  readonly upload: StagedUpload
  /** Where the client's first byte goes. */
  readonly start: number
  readonly announced: number | null
  /** Text of the 150 reply when it has to tell something; such an upload cannot be gone on with. */
  readonly opening?: string
}

async function receive(
  session: FtpSession,
  access: Session,
  transfer: Transfer,
  { upload, start, announced, opening }: Receiving,
): Promise<void> {
  using _running = runningUpload(session, access, upload.path, transfer)
  const options = pumpOptions(session, transfer, start, toLocal)
  const progress: { state: 'waiting' | 'begun' | 'done'; end: number } = { state: 'waiting', end: start }
  const job = async ({ socket, inbox: own }: DataConnection) => {
    using inbox = own ?? gatherChunks(socket)
    progress.state = 'begun'
    const startedAt = performance.now()
    const { whole, end } = await receiveFile(inbox, upload, options)
    progress.end = end
    if (!whole) return false
    const ended = { startedAt, endedAt: inbox.endedAt, start, end, announced }
    await lookForTheClient(session.control.over, ended, () => upload.sync())
    if (transfer.stop.signal.aborted || session.control.over.aborted) return false
    await upload.commit()
    progress.state = 'done'
    return true
  }
  await exchange(session, transfer, job, { opening, uploads: true })
  if (progress.state === 'done') await forgetInterrupted(session, access, upload.path)
  if (progress.state !== 'begun' || opening !== undefined || options.lineEnds !== null) return
  transfer.stop.abort()
  await keepLost(session, access, { upload, start, end: progress.end })
}

function takeRestart(session: FtpSession): number {
  const start = session.restart
  session.restart = 0
  if (start > 0 && session.type === 'ascii') throw new Fault('range', 'REST needs TYPE I')
  return start
}

/** What ALLO told. Line ends change sizes: only TYPE I can be compared. */
function takeAnnounced(session: FtpSession): number | null {
  const { announced, type } = session
  session.announced = null
  return type === 'ascii' ? null : announced
}

function pumpOptions(
  session: FtpSession,
  transfer: Transfer,
  start: number,
  lineEnds: () => LineEnds,
): PumpOptions {
  const moved = (bytes: number) => {
    transfer.bytes += bytes
    transfer.movedAt = performance.now()
  }
  return { start, lineEnds: session.type === 'ascii' ? lineEnds() : null, moved }
}

type ExchangeOptions = {
  /** Text of the 150 reply. */
  readonly opening?: string | undefined
  /** The client sends. */
  readonly uploads?: boolean
}

/**
 * Runs `job` on the data connection that was agreed on, with the replies around it: 150, then 226 when the job
 * says true and 426 when it says false. Faults of the job are left to the caller; the connection is then gone.
 */
export async function exchange(
  session: FtpSession,
  transfer: Transfer,
  job: (connection: DataConnection) => Promise<boolean>,
  options: ExchangeOptions = {},
): Promise<void> {
  const connection = await openData(session, transfer, options)
  if (connection === null) return
  const { socket } = connection
  let done = false
  try {
    done = await job(connection)
  } finally {
    if (done) endWell(socket)
    else socket.destroy()
  }
  if (done) session.control.reply(226, 'Done')
  else session.control.reply(426, 'The transfer was cut off')
}

/** Answers itself when there is no data connection. */
async function openData(
  session: FtpSession,
  transfer: Transfer,
  { opening = 'Here it comes', uploads = false }: ExchangeOptions,
): Promise<DataConnection | null> {
  const { context, control, dataSource } = session
  const { signal } = transfer.stop
  if (context.settings.requireTls && !session.privateData) {
    control.reply(521, 'Data must be private here: send PBSZ 0 and PROT P')
    return null
  }
  if (dataSource === null) {
    control.reply(425, 'Send EPSV or PASV first')
    return null
  }
  session.dataSource = null
  const plain = await dataSource.connect(signal).finally(() => dataSource.close())
  if (plain === null || signal.aborted) {
    plain?.destroy()
    if (signal.aborted) control.reply(426, 'The transfer was cut off')
    else control.reply(425, 'No data connection came')
    return null
  }
  // Before the handshake: some clients start it only when they have seen the 150.
  if (uploads) control.reply(150, opening)
  else control.announce(150, opening)
  const connection = connectionOn(session, plain, uploads)
  const { socket } = connection
  watchData(session, transfer, socket)
  if (!(socket instanceof TLSSocket)) return connection
  if (!(await handshake(socket))) {
    control.reply(425, 'TLS on the data connection failed')
    return null
  }
  if (context.settings.requireSessionReuse && !socket.isSessionReused()) {
    socket.destroy()
    control.reply(522, 'Data connections must resume the TLS session of the control connection here')
    return null
  }
  return connection
}

function connectionOn(
  { context, privateData, tls }: FtpSession,
  plain: Socket,
  uploads: boolean,
): DataConnection {
  if (privateData && tls) return { socket: tls.wrapData(plain), inbox: null }
  return uploads ? readIntoBlocks(plain, context.blocks) : { socket: plain, inbox: null }
}

function watchData(session: FtpSession, transfer: Transfer, socket: Socket): void {
  const { dataSockets, settings } = session.context
  dataSockets.add(socket)
  socket.once('close', () => dataSockets.delete(socket))
  socket.setTimeout(settings.idleMs, () => socket.destroy())
  transfer.stop.signal.addEventListener('abort', () => socket.destroy(), { once: true })
}

/**
 * Ends a connection whose work is done. In plain text all is with the kernel, which sends what is left, and the end,
 * after it was closed. Over TLS our goodbye and the client's are waited for a while.
 */
function endWell(socket: Socket): void {
  if (!(socket instanceof TLSSocket)) {
    socket.destroy()
    return
  }
  socket.resume()
  socket.end()
  const timer = setTimeout(() => socket.destroy(), FLUSH_MS).unref()
  socket.once('close', () => clearTimeout(timer))
}
