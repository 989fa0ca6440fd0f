import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { Entry } from '#files/types.ts'
import { parentOf, type VirtualPath } from '#permissions/path.ts'
import { interruptedAt } from './interrupted.ts'
import { parseTimeVal, timeVal } from './listing-format.ts'
import { existingPath, type FtpSession, newPath } from './session.ts'

/** PWD: a quote in the name is doubled (RFC 959, appendix II). */
export function pwd(session: FtpSession): void {
  session.control.reply(257, `${quoted(session.folder)} is the current folder`)
}

/** CWD. */
export async function cwd(session: FtpSession, argument: string, access: Session): Promise<void> {
  await changeFolder(session, existingPath(session, argument), access)
}

/** CDUP; in the root it stays there. */
export async function cdup(session: FtpSession, _argument: string, access: Session): Promise<void> {
  await changeFolder(session, parentOf(session.folder), access)
}

/**
 * SIZE (RFC 3659 §4): what RETR would send, known for TYPE I only. Whoever lost an upload here is told how much of
 * that there is: it is where clients go on.
 */
export async function size(session: FtpSession, argument: string, access: Session): Promise<void> {
  if (session.type === 'ascii') {
    session.control.reply(550, 'SIZE needs TYPE I')
    return
  }
  const path = existingPath(session, argument)
  const interrupted = await interruptedAt(session, access, path)
  session.resumable = typeof interrupted === 'number' ? path : null
  if (interrupted === 'anew')
    throw new Fault('not_found', 'An upload was interrupted here before its first byte')
  if (interrupted !== null) {
    session.control.reply(213, String(interrupted))
    return
  }
  const entry = await access.files.stat(path)
  if (entry.kind === 'folder') throw notAFile()
  session.control.reply(213, String(entry.size))
}

/** MDTM (RFC 3659 §3): time of the last change, UTC. */
export async function mdtm(session: FtpSession, argument: string, access: Session): Promise<void> {
  const entry = await access.files.stat(existingPath(session, argument))
  session.control.reply(213, timeVal(entry.modified))
}

/** MFMT (draft-somers-ftp-mfxx): sets the time of the last change. */
export async function mfmt(session: FtpSession, argument: string, access: Session): Promise<void> {
  const space = argument.indexOf(' ')
  const modified = space === -1 ? null : parseTimeVal(argument.slice(0, space))
  if (modified === null) {
    session.control.reply(501, 'MFMT YYYYMMDDHHMMSS path')
    return
  }
  const name = argument.slice(space + 1)
  const entry = await access.files.setModified(existingPath(session, name), modified)
  session.control.reply(213, `Modify=${timeVal(entry.modified)}; ${name}`)
}

/** DELE: a file. */
export async function dele(session: FtpSession, argument: string, access: Session): Promise<void> {
  const path = existingPath(session, argument)
  if (await isOnlyLost(access, path)) {
    await access.files.lost.drop(path)
  } else {
    if ((await access.files.stat(path)).kind === 'folder') throw notAFile()
    await access.files.remove(path)
  }
  session.control.reply(250, 'Deleted')
}

/** There is a lost upload of the caller's, and nothing published in its place. */
async function isOnlyLost(access: Session, path: VirtualPath): Promise<boolean> {
  if ((await access.files.lost.find(path)) === null) return false
  return await access.files.stat(path).then(
    () => false,
    (error: unknown) => error instanceof Fault && error.code === 'not_found',
  )
}

/** MKD. */
export async function mkd(session: FtpSession, argument: string, access: Session): Promise<void> {
  const entry = await access.files.mkdir(newPath(session, argument))
  session.control.reply(257, `${quoted(entry.path)} was made`)
}

/** RMD: an empty folder. */
export async function rmd(session: FtpSession, argument: string, access: Session): Promise<void> {
  const path = existingPath(session, argument)
  if ((await access.files.stat(path)).kind === 'file') throw notAFolder()
  await access.files.remove(path)
  session.control.reply(250, 'Removed')
}

/** RNFR: RNTO must be the next command. */
export async function rnfr(session: FtpSession, argument: string, access: Session): Promise<void> {
  const entry = await access.files.stat(existingPath(session, argument))
  session.renameFrom = entry.path
  session.control.reply(350, 'Now RNTO')
}

/** RNTO: replaces a file by a file, as rename(2) does; never a folder. */
export async function rnto(session: FtpSession, argument: string, access: Session): Promise<void> {
  const from = session.renameFrom
  if (from === null) {
    session.control.reply(503, 'RNFR comes first')
    return
  }
  const to = newPath(session, argument)
  await access.files.rename(from, to, { overwrite: false }).catch(async (error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'exists') throw error
    await replaceFile(access, from, to, error)
  })
  session.control.reply(250, 'Renamed')
}

/** AVBL (draft-peterson-streamlined-ftp-command-extensions): bytes that may still be written. */
export async function avbl(session: FtpSession, argument: string, access: Session): Promise<void> {
  const { available } = await access.files.space(existingPath(session, argument))
  session.control.reply(213, String(Math.floor(available)))
}

async function changeFolder(session: FtpSession, path: VirtualPath, access: Session): Promise<void> {
  const entry = await access.files.stat(path)
  if (entry.kind === 'file') throw notAFolder()
  session.folder = path
  session.control.reply(250, `Now in ${quoted(path)}`)
}

async function replaceFile(access: Session, from: VirtualPath, to: VirtualPath, taken: Fault): Promise<void> {
  const [source, target]: readonly Entry[] = await Promise.all([
    access.files.stat(from),
    access.files.stat(to),
  ])
  if (source?.kind !== 'file' || target?.kind !== 'file') throw taken
  await access.files.rename(from, to, { overwrite: true, ifVersion: target.version })
}

function quoted(path: VirtualPath): string {
  return `"${path.replaceAll('"', '""')}"`
}

function notAFile(): Fault {
  return new Fault('not_found', 'That is a folder')
}

function notAFolder(): Fault {
  return new Fault('not_found', 'That is not a folder')
}
