import { Fault, toFault } from '#faults'
import type { Entry, Files, StagedUpload } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { type Content, PublishedFile } from './published.ts'
import { createWritten, type Written } from './written.ts'

/** Neighbouring WRITEs that wait are written in one call of at most this size and this many pieces. */
const RUN_BYTES = 1024 * 1024
const RUN_CHUNKS = 512

/** One for all: every upload ends with it, and most never show it. */
const DROPPED = new Fault('unavailable', 'the upload was dropped')

/** WRITEs that follow one another in the file, and the promise that answers them all. */
type Run = {
  readonly position: number
  readonly chunks: Buffer[]
  length: number
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

/** A READ among the WRITEs: it sees those before it, and none behind it. Never rejects. */
type Look = { readonly look: () => Promise<void> }

/**
 * How the upload began: `edit` holds bytes that were there before, which only a reader may see. `resume` goes on
 * with what this key wrote over a connection that was lost.
 */
export type Origin = 'create' | 'create_exclusive' | 'edit' | 'resume'

/**
 * A file that this session is writing: every handle on its path shares it. WRITEs are queued and land in order,
 * READs have their turn among them (draft-ietf-secsh-filexfer-02, 6.1); the last writer's CLOSE publishes the
 * whole. One failed write, and it is never published.
 */
export class StagedFile implements Content {
  readonly origin: Origin
  /** Set by FSETSTAT, kept unless a WRITE follows. */
  modified: number | undefined
  /** Its name was removed or taken over: it is dropped at CLOSE. */
  orphan = false
  /** It was renamed while open: published under its first name, then moved. */
  movedTo: VirtualPath | undefined
  handles = 0
  writers = 0
  readonly #files: Files
  readonly #upload: StagedUpload
  readonly #waiting: (Run | Look)[] = []
  #working: Promise<void> | null = null
  #failure: Fault | null = null
  /** Length when everything that is queued has landed. */
  #length: number
  readonly #written: Written
  #publishing: Promise<void> | null = null
  #published = false
  #reader: Promise<PublishedFile> | null = null

  constructor(files: Files, upload: StagedUpload, origin: Origin) {
    this.#files = files
    this.#upload = upload
    this.#length = upload.size
    this.#written = createWritten(upload.size, origin === 'edit')
    this.origin = origin
  }

  /** The path under which this session finds it. */
  get path(): VirtualPath {
    return this.movedTo ?? this.#upload.path
  }

  /** Bytes, with everything queued; where an appending WRITE goes. */
  get length(): number {
    return this.#length
  }

  /** Resolves when the bytes landed. The chunks must stay as they are until then. */
  write(chunks: readonly Buffer[], length: number, position: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.modified = undefined
    this.#length = Math.max(this.#length, position + length)
    const run = this.#runFor(chunks, length, position)
    this.#working ??= this.#work()
    return run.done
  }

  #runFor(chunks: readonly Buffer[], length: number, position: number): Run {
    const last = this.#waiting.at(-1)
    if (last && 'chunks' in last && joins(last, chunks, length, position)) {
      for (const chunk of chunks) last.chunks.push(chunk)
      last.length += length
      return last
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const run: Run = { position, chunks: [...chunks], length, done: promise, resolve, reject }
    this.#waiting.push(run)
    return run
  }

  async #work(): Promise<void> {
    // One turn later: WRITEs that came in the same bytes are gathered.
    await null
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if ('look' in next) await next.look()
      else if (this.#failure) next.reject(this.#failure)
      else await this.#writeRun(next)
    }
    this.#working = null
  }

  async #writeRun(run: Run): Promise<void> {
    try {
      await this.#upload.write(run.chunks, run.position)
      this.#written.add(run.position, run.length)
      run.resolve()
    } catch (error) {
      this.#failure = toFault(error)
      run.reject(this.#failure)
    }
  }

  /** A WRITE that could not even be read (offset 2^63): what was meant is unknown, so nothing is published. */
  fail(fault: Fault): void {
    this.#failure ??= fault
  }

  async settled(): Promise<void> {
    while (this.#working) await this.#working
    if (this.#failure) throw this.#failure
  }

  async truncate(size: number): Promise<void> {
    await this.settled()
    await this.#upload.truncate(size)
    this.#written.truncate(size)
    this.#length = size
    this.modified = undefined
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    if (this.#published) return (await this.#reopened()).read(target, position)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#waiting.push({ look: () => this.#readNow(target, position).then(resolve, reject) })
    this.#working ??= this.#work()
    return promise
  }

  async #readNow(target: Uint8Array, position: number): Promise<number> {
    if (this.#failure) throw this.#failure
    return this.#upload.read(target, position)
  }

  available(position: number, length: number): number {
    return Math.max(0, Math.min(length, this.#length - position))
  }

  async stat(): Promise<Entry> {
    if (this.#published) return (await this.#reopened()).stat()
    await this.settled()
    const entry = await this.#upload.stat()
    return this.modified === undefined ? entry : { ...entry, modified: this.modified }
  }

  /** For a reader that outlives the last writer: the permission to read is asked for at that moment. */
  #reopened(): Promise<PublishedFile> {
    this.#reader ??= this.#files.open(this.path).then((file) => new PublishedFile(file))
    return this.#reader
  }

  /** Publishes it, unless nobody can name it any more. Faults: that of a failed write; as commit. */
  publish(): Promise<void> {
    this.#publishing = this.#publish()
    return this.#publishing
  }

  async #publish(): Promise<void> {
    await this.settled()
    if (this.orphan) return
    const { modified } = this
    await this.#upload.commit({
      ...(modified === undefined ? {} : { modified }),
      ...(this.origin === 'create_exclusive' ? { ifAbsent: true } : {}),
    })
    this.#published = true
    if (this.movedTo) await this.#files.rename(this.#upload.path, this.movedTo, { overwrite: true })
  }

  /** Makes what was written so far durable. */
  async sync(): Promise<void> {
    await this.settled()
    if (!this.#published) await this.#upload.sync()
  }

  /** The connection was lost: what was not published waits for the same key, as far as it has no holes. */
  async lose(): Promise<void> {
    while (this.#working) await this.#working
    await this.#publishing?.catch(() => {})
    const isWhole = this.#failure === null && !this.orphan && this.movedTo === undefined
    if (isWhole && !this.#published && this.writers > 0) {
      await this.#upload.lose(this.#written.solid()).catch(() => {})
    }
    await this.drop()
  }

  /** Drops what was not published, and closes. */
  async drop(): Promise<void> {
    this.#failure ??= DROPPED
    // Before waiting for what runs: after revocation nothing is left at once.
    if (!this.#published) await this.#upload[Symbol.asyncDispose]()
    await this.#working
    await this.#publishing?.catch(() => {})
    const reader = await this.#reader?.catch(() => null)
    await reader?.close()
  }
}

function joins(run: Run, chunks: readonly Buffer[], length: number, position: number): boolean {
  return (
    run.position + run.length === position &&
    run.length + length <= RUN_BYTES &&
    run.chunks.length + chunks.length <= RUN_CHUNKS
  )
}
