import type { Session } from '#credentials/gate.ts'
import type { Neighbours } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { StagedUpload } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { FtpSession, Transfer } from './session.ts'

/**
 * Clients go on with an upload whose connection was lost at the size that SIZE tells (lftp by itself). Were that
 * the size of the old file, which is still there, they would write the new file's end behind the old one's start.
 * So SIZE tells how much of the lost upload was kept; and where nothing was kept, that there is nothing.
 */
export type Interrupted = {
  /** Uploads that run in this process, by holder and path. */
  readonly running: Map<string, Set<Transfer>>
  /** Lost uploads of which nothing was kept, by holder and path: until when that is told, on `now()`. */
  readonly noted: Map<string, number>
  /** Their clients may come back to any of them. */
  readonly neighbours: Neighbours
}

const NOTE_MS = 15 * 60_000
const MAX_NOTES = 10_000
/** An upload that moved nothing for so long may be of a connection that is gone already. */
const STALLED_MS = 3_000

const TOPICS = { stalled: 'ftp stalled', noted: 'ftp noted', whole: 'ftp whole' }

export function noInterrupted(neighbours: Neighbours, now: () => number): Interrupted {
  const interrupted: Interrupted = { running: new Map(), noted: new Map(), neighbours }
  neighbours.answer(TOPICS.stalled, async (place) => {
    await endStalled(interrupted, place)
    return ''
  })
  neighbours.answer(TOPICS.noted, (place) => {
    note(interrupted, place, now())
    return ''
  })
  neighbours.answer(TOPICS.whole, (place) => {
    interrupted.noted.delete(place)
    return ''
  })
  return interrupted
}

/** Guests are told apart by their address: they share one key. */
function placeOf(session: FtpSession, access: Session, path: VirtualPath): string {
  const { kind, key, user, siteId } = access.principal
  const guest = kind === 'guest' ? session.address : ''
  return JSON.stringify([siteId, key?.id ?? '', user?.id ?? '', guest, path])
}

/** Until disposed of, the upload counts as running. */
export function runningUpload(
  session: FtpSession,
  access: Session,
  path: VirtualPath,
  transfer: Transfer,
): Disposable {
  return new Running(session.context.interrupted.running, placeOf(session, access, path), transfer)
}

class Running implements Disposable {
  readonly #all: Interrupted['running']
  readonly #place: string
  readonly #transfer: Transfer

  constructor(all: Interrupted['running'], place: string, transfer: Transfer) {
    this.#all = all
    this.#place = place
    this.#transfer = transfer
    const here = all.get(place)
    if (here === undefined) all.set(place, new Set([transfer]))
    else here.add(transfer)
  }

  [Symbol.dispose](): void {
    const here = this.#all.get(this.#place)
    here?.delete(this.#transfer)
    if (here?.size === 0) this.#all.delete(this.#place)
  }
}

/** After an upload's connection was lost: keeps what came, or notes that nothing was kept. */
export async function keepLost(
  session: FtpSession,
  access: Session,
  { upload, start, end }: { upload: StagedUpload; start: number; end: number },
): Promise<void> {
  if (access.signal.aborted) return
  // Nothing of it was there yet, and what it would have gone on with is published.
  if (end === start && start > 0) return
  const { path } = upload
  const kept = await upload.lose(end).catch(() => false)
  if (kept) return
  const { interrupted, now } = session.context
  const place = placeOf(session, access, path)
  note(interrupted, place, now())
  await interrupted.neighbours.ask(TOPICS.noted, place).catch(() => {})
}

function note({ noted }: Interrupted, place: string, now: number): void {
  for (const [old, until] of noted) {
    if (noted.size < MAX_NOTES && until > now) break
    noted.delete(old)
  }
  noted.set(place, now + NOTE_MS)
}

/** Something whole is there now. */
export async function forgetInterrupted(
  session: FtpSession,
  access: Session,
  path: VirtualPath,
): Promise<void> {
  const { noted, neighbours } = session.context.interrupted
  if (noted.size === 0) return
  const place = placeOf(session, access, path)
  // What one process noted all of them have.
  if (noted.delete(place)) await neighbours.ask(TOPICS.whole, place).catch(() => {})
}

/**
 * Where an upload can go on: after how many bytes of a lost one; `anew` when nothing of it is there; null when
 * none was lost. One of the same holder that does not move any more is ended first, and so lost.
 */
export async function interruptedAt(
  session: FtpSession,
  access: Session,
  path: VirtualPath,
): Promise<number | 'anew' | null> {
  const { interrupted, now } = session.context
  const place = placeOf(session, access, path)
  await endStalled(interrupted, place)
  await interrupted.neighbours.ask(TOPICS.stalled, place)
  const lost = await access.files.lost.find(path)
  if (lost !== null) return lost.size
  return (interrupted.noted.get(place) ?? 0) > now() ? 'anew' : null
}

async function endStalled({ running }: Interrupted, place: string): Promise<void> {
  const now = performance.now()
  for (const transfer of running.get(place) ?? []) {
    if (!transfer.stop.signal.aborted && now - transfer.movedAt < STALLED_MS) continue
    transfer.stop.abort()
    await transfer.ended.promise
  }
}

/** Goes on with an upload behind its first `start` bytes, be they lost or published. Fault `range` beyond them. */
export async function resumeUpload(
  session: FtpSession,
  access: Session,
  path: VirtualPath,
  start: number,
): Promise<StagedUpload> {
  const at = await interruptedAt(session, access, path)
  if (at === 'anew') throw new Fault('range', 'An upload was interrupted here: start from the beginning')
  if (at !== null && start > at) throw new Fault('range', `An upload was interrupted here after ${at} bytes`)
  const lost = at === null ? null : await access.files.lost.resume(path)
  const upload = lost ?? (await published(access, path))
  try {
    if (start > upload.size) throw new Fault('range', 'REST is beyond the end of the file')
    if (start < upload.size) await upload.truncate(start)
    return upload
  } catch (error) {
    await upload[Symbol.asyncDispose]()
    throw error
  }
}

async function published(access: Session, path: VirtualPath): Promise<StagedUpload> {
  return await access.files.edit(path).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    throw new Fault('range', 'REST is beyond the end of the file')
  })
}
