import type { VirtualPath } from '#permissions/path.ts'

/** An advisory lock (RFC 4918 §6); binds every door. */
export type Lock = {
  /** `urn:uuid:…` */
  readonly token: string
  readonly path: VirtualPath
  /** `tree`: also everything below (Depth infinity). */
  readonly reach: 'entry' | 'tree'
  readonly scope: 'exclusive' | 'shared'
  /** Who may use the token: the key or user that took it. */
  readonly holder: string
  /** The client's `owner` element as it came, or empty. */
  readonly owner: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Locks of one site as its session sees them. Taking and releasing need the right to write the path. */
export type Locks = {
  /** Locks that bind `path`: on it, or `tree` locks above it. */
  covering(path: VirtualPath): Promise<readonly Lock[]>
  /** Locks for many paths in one look-up, keyed by path (for PROPFIND). */
  coveringAll(paths: readonly VirtualPath[]): Promise<ReadonlyMap<VirtualPath, readonly Lock[]>>
  /**
   * Takes a lock; a file that is missing is made empty (`created`). Faults: locked (a conflicting lock on,
   * above or, for `tree`, below), no_parent, forbidden. `tokens`: those submitted, for making the file in a
   * folder that is itself locked.
   */
  take(
    path: VirtualPath,
    lock: Pick<Lock, 'reach' | 'scope' | 'owner'> & {
      readonly seconds: number
      readonly tokens?: readonly string[]
    },
  ): Promise<{ readonly lock: Lock; readonly created: boolean }>
  /** New life for a lock that covers `path`. Faults: precondition (no such lock here, or not its holder). */
  refresh(path: VirtualPath, token: string, seconds: number): Promise<Lock>
  /** Faults: precondition (no such lock on this path), forbidden (not its holder). */
  release(path: VirtualPath, token: string): Promise<void>
}
