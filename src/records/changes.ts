import type { Kysely } from 'kysely'
import type { Change, ChangeFeed, Clock } from '#credentials/ports.ts'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

const INTERVAL = 50
const PAGE = 1_000
const HOUR = 3_600_000
/** A row is pruned when it is older than this and not among the last `KEPT_ROWS`. */
const KEPT_TIME = 24 * HOUR
const KEPT_ROWS = 10_000

export type FeedOptions = {
  readonly clock: Clock
  /** Told what a listener threw, and what broke pruning. */
  readonly onError: (error: unknown) => void
}

/** Follows the table `changes` from its end on. */
export async function changeFeed(engine: Engine, options: FeedOptions): Promise<ChangeFeed> {
  const feed = new SequenceFeed(engine, options)
  await feed.start()
  return feed
}

class SequenceFeed implements ChangeFeed {
  readonly #engine: Engine
  readonly #options: FeedOptions
  readonly #listeners: ((change: Change) => void)[] = []
  #sequence = 0
  #behind = false
  #readAt = performance.now()
  #prunedAt = 0
  #running: Promise<void> = Promise.resolve()
  #ticking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(engine: Engine, options: FeedOptions) {
    this.#engine = engine
    this.#options = options
  }

  async start(): Promise<void> {
    this.#sequence = await lastSequence(this.#engine.db)
    this.#timer = setInterval(() => {
      this.#ticking ??= this.#tick().finally(() => {
        this.#ticking = undefined
      })
    }, INTERVAL)
    this.#timer.unref()
  }

  /** Of the monotonic clock: neither a changed system time nor a test's clock makes the feed stale. */
  readonly staleFor = (): number => performance.now() - this.#readAt

  subscribe(listener: (change: Change) => void): void {
    this.#listeners.push(listener)
  }

  /** Polls queue up, so each one reads what was committed before it was called. */
  poll(): Promise<void> {
    const result = this.#running.then(() => this.#read())
    this.#running = result.catch(() => {})
    return result
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#listeners.length = 0
    await this.#ticking
    await this.#running
  }

  async #tick(): Promise<void> {
    try {
      this.#behind = this.#engine.hasNews() || this.#behind
      if (this.#behind) await this.poll()
      else this.#readAt = performance.now()
      await this.#pruneHourly()
    } catch {
      // Stays behind: the next tick tries again, and staleFor() grows until it succeeds.
      this.#behind = true
    }
  }

  async #read(): Promise<void> {
    const { db } = this.#engine
    for (;;) {
      const startedAt = performance.now()
      const changes = await changesFrom(db, this.#sequence)
      const first = changes[0]
      if (first && this.#sequence > 0 && first.sequence !== this.#sequence) await this.#bridge(first.sequence)
      for (const change of changes) if (change.sequence > this.#sequence) this.#tell(change)
      if (changes.length < PAGE) {
        this.#readAt = startedAt
        this.#behind = false
        return
      }
    }
  }

  /**
   * The row that was read last is gone, so rows were pruned before this process read them: anything may
   * have changed, in every site.
   */
  async #bridge(until: number): Promise<void> {
    const sites = await this.#engine.db.selectFrom('sites').select('id').execute()
    for (const { id } of sites)
      this.#tell({ sequence: until - 1, kind: 'site', siteId: id, keyId: null, userId: null })
  }

  #tell(change: Change): void {
    this.#sequence = change.sequence
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        this.#options.onError(error)
      }
    }
  }

  async #pruneHourly(): Promise<void> {
    const now = this.#options.clock.now()
    if (now - this.#prunedAt < HOUR) return
    this.#prunedAt = now
    await prune(this.#engine.db, this.#sequence - KEPT_ROWS, now - KEPT_TIME).catch(this.#options.onError)
  }
}

async function lastSequence(db: Kysely<Database>): Promise<number> {
  const query = db.selectFrom('changes').select((eb) => eb.fn.max('sequence').as('last'))
  return (await query.executeTakeFirst())?.last ?? 0
}

/** One page, with the row that was read last in front. */
async function changesFrom(db: Kysely<Database>, sequence: number): Promise<readonly Change[]> {
  const rows = await db
    .selectFrom('changes')
    .select(['sequence', 'kind', 'site_id', 'key_id', 'user_id', 'session_id'])
    .where('sequence', '>=', sequence)
    .orderBy('sequence')
    .limit(PAGE)
    .execute()
  return rows.map((row) => ({
    sequence: row.sequence,
    kind: row.kind,
    siteId: row.site_id,
    keyId: row.key_id,
    userId: row.user_id,
    ...(row.session_id !== null && { sessionId: row.session_id }),
  }))
}

async function prune(db: Kysely<Database>, upTo: number, before: number): Promise<void> {
  if (upTo <= 0) return
  await db.deleteFrom('changes').where('sequence', '<=', upTo).where('at', '<', before).execute()
}
