import { randomBytes } from 'node:crypto'
import type { Gate, Session } from '#credentials/gate.ts'
import type { Clock } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { ChangeOptions, Entry, StagedUpload } from '#files/types.ts'
import { receiveBody } from '#net/receive.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'

/** How long an upload waits for its next bytes. */
const LIFETIME_MS = 24 * 3_600_000
const SWEEP_MS = 60_000
/** Each holds a file open. */
const MOST_OF_AN_OWNER = 100
const MOST_OF_ALL = 1_000

/** What an upload shall become. */
export type Aim = {
  readonly path: VirtualPath
  /** Bytes. */
  readonly length: number
  /** Milliseconds since the epoch; default when it is done. */
  readonly modified: number | undefined
  readonly options: ChangeOptions
  /** The header Upload-Metadata as it came. */
  readonly described: string
}

/** An upload that goes on over several requests (tus 1.0). `entry`: what it became; null while it goes on. */
export type Resumable = {
  readonly id: string
  readonly aim: Aim
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly entry: Entry | null
}

/**
 * Uploads in progress, each staged in a session of its own: when what its key may do changes, the bytes are gone at
 * once (REQUIREMENTS.md, R1). They live in this process: a restart drops them, and clients start again.
 */
export type Resumables = AsyncDisposable & {
  /** Faults as `Files.create`, and rate_limited. */
  start(session: Session, aim: Aim): Promise<Resumable>
  /** Where it stands; a request that still sends is ended first. Fault: not_found. */
  look(session: Session, id: string): Promise<Resumable>
  /** Takes bytes, and publishes the file when they are all there. Faults: not_found, exists (another offset). */
  append(session: Session, id: string, bytes: Bytes): Promise<Resumable>
  /** Faults: not_found. */
  drop(session: Session, id: string): Promise<void>
}

export type Bytes = {
  readonly offset: number
  readonly body: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

type Live = {
  readonly id: string
  readonly holder: string
  readonly owner: string
  readonly aim: Aim
  readonly session: Session
  readonly staged: StagedUpload
  expiresAt: number
  /** The request that sends now: how to end it, and when it is over. */
  sending: { stop(): void; readonly over: Promise<void> } | null
}

/** Whose uploads they are: nobody else may touch them. Guests share a key, so their address tells them apart. */
function holderOf({ principal, address }: { principal: Principal; address: string }): string {
  const { kind, siteId, key, user } = principal
  if (kind === 'guest') return `guest ${siteId} ${address}`
  return key === null ? `user ${user?.id}` : `key ${key.id}`
}

/** Who has so many: all keys of a user together, and all guests of a site, who come from as many addresses as they like. */
function ownerOf({ siteId, key, user }: Principal): string {
  return `${siteId} ${user === null ? `key ${key?.id}` : `user ${user.id}`}`
}

export function createResumables(gate: Gate, clock: Clock): Resumables {
  const uploads = new Map<string, Live>()
  const timer = setInterval(() => {
    for (const live of uploads.values()) if (clock.now() >= live.expiresAt) void forget(live)
  }, SWEEP_MS).unref()

  async function forget(live: Live): Promise<void> {
    uploads.delete(live.id)
    live.sending?.stop()
    await live.staged[Symbol.asyncDispose]()
    live.session[Symbol.dispose]()
  }

  /** The caller's own, with nobody sending to it. */
  async function claim(session: Session, id: string): Promise<Live> {
    const live = uploads.get(id)
    if (live === undefined || live.holder !== holderOf(session)) throw gone()
    // A client whose connection broke comes back before this side has noticed.
    live.sending?.stop()
    await live.sending?.over
    if (clock.now() >= live.expiresAt) await forget(live)
    if (uploads.get(id) !== live) throw gone()
    return live
  }

  function refuseMany(owner: string): void {
    const own = [...uploads.values()].filter((live) => live.owner === owner).length
    if (own < MOST_OF_AN_OWNER && uploads.size < MOST_OF_ALL) return
    throw new Fault('rate_limited', 'too many uploads are open', { retryAfter: 60 })
  }

  async function start(asking: Session, aim: Aim): Promise<Resumable> {
    const { principal, door, address, client } = asking
    refuseMany(ownerOf(principal))
    const session = gate.open(principal, { door, address, client })
    try {
      const staged = await session.files.create(aim.path, aim.options)
      const live: Live = {
        id: randomBytes(24).toString('hex'),
        holder: holderOf(asking),
        owner: ownerOf(principal),
        aim,
        session,
        staged,
        expiresAt: clock.now() + LIFETIME_MS,
        sending: null,
      }
      uploads.set(live.id, live)
      session.signal.addEventListener('abort', () => void forget(live), { once: true })
      return await stand(live)
    } catch (error) {
      session[Symbol.dispose]()
      throw error
    }
  }

  /** Where it stands; what is complete is published. */
  async function stand(live: Live): Promise<Resumable> {
    const { id, aim, staged, expiresAt } = live
    const offset = staged.size
    if (offset < aim.length) return { id, aim, offset, expiresAt, entry: null }
    try {
      const { modified, options } = aim
      const entry = await staged.commit(modified === undefined ? options : { ...options, modified })
      return { id, aim, offset, expiresAt, entry }
    } finally {
      await forget(live)
    }
  }

  async function append(session: Session, id: string, { offset, body, signal }: Bytes): Promise<Resumable> {
    const live = await claim(session, id)
    const { staged, aim } = live
    // Of two that waited for the same end only one goes on.
    if (live.sending !== null) throw new Fault('exists', 'another request goes on with this upload')
    if (staged.size !== offset) throw new Fault('exists', `the upload is at ${staged.size}, not at ${offset}`)
    const stopping = new AbortController()
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const sending = { stop: () => stopping.abort(new Fault('unavailable', 'another request goes on')), over }
    live.sending = sending
    try {
      const until = AbortSignal.any([stopping.signal, signal])
      await receiveBody(endingWith(body, until), staged, { position: offset, limit: aim.length - offset })
    } finally {
      live.sending = null
      live.expiresAt = clock.now() + LIFETIME_MS
      resolve()
    }
    return stand(live)
  }

  return {
    start,
    look: async (session, id) => {
      const { aim, staged, expiresAt } = await claim(session, id)
      return { id, aim, offset: staged.size, expiresAt, entry: null }
    },
    append,
    drop: async (session, id) => forget(await claim(session, id)),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.all([...uploads.values()].map(forget))
    },
  }
}

function gone(): Fault {
  return new Fault('not_found', 'there is no such upload, or not any more')
}

/** The same bytes until the signal fires, even while none come; what came is kept. */
async function* endingWith(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => {})
  const end = () => reject(signal.reason)
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), ended])
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', end)
    // Not awaited: it may wait for bytes that never come.
    void iterator.return?.()?.catch(() => {})
  }
}
