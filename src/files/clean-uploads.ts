import { Fault } from '#faults'
import type { Caller, Shared } from './caller.ts'
import type { Cleaning } from './clean-trash.ts'
import type { Target } from './operations/places.ts'
import type { AbandonedUpload } from './ports.ts'

const DAY_MS = 86_400_000
const AT_ONCE = 50
const MOST_IN_A_RUN = 1_000

/** What multipart uploads are kept for when nothing says otherwise. */
export const FACTORY_UPLOAD_DAYS = 7

/** Ends multipart uploads to which nothing came for this many days, a bounded number of them; 0 ends none. */
export async function cleanUploads(shared: Shared, days: number): Promise<Cleaning> {
  if (days === 0) return { removed: 0, more: false }
  const before = shared.clock.now() - days * DAY_MS
  let removed = 0
  while (removed < MOST_IN_A_RUN) {
    const old = await shared.uploads.abandoned(before, AT_ONCE)
    for (const one of old) await end(shared, one)
    removed += old.length
    if (old.length < AT_ONCE) return { removed, more: false }
  }
  return { removed, more: true }
}

/** Ends all uploads below a top-level folder that is gone: they could never be completed. */
export async function endUploadsBelow({ principal, shared }: Caller, { path, route }: Target): Promise<void> {
  for (;;) {
    const uploads = await shared.uploads.list(principal.siteId, path, { limit: AT_ONCE })
    for (const { id } of uploads) {
      await shared.uploads.remove(principal.siteId, id)
      await route.mount.parts.dropAll(id)
    }
    if (uploads.length < AT_ONCE) return
  }
}

// The row goes first: parts without one are rubbish that the next start sweeps away.
async function end(shared: Shared, { siteId, upload }: AbandonedUpload): Promise<void> {
  await shared.uploads.remove(siteId, upload.id)
  try {
    const tree = await shared.site(siteId)
    await tree.route(upload.path)?.mount.parts.dropAll(upload.id)
  } catch (error) {
    // Its mount, or its whole site, may be gone.
    if (!(error instanceof Fault)) throw error
  }
  shared.audit.record({
    at: shared.clock.now(),
    action: 'upload.abort',
    outcome: 'ok',
    reason: 'upload_days',
    siteId,
    userId: null,
    userName: null,
    keyId: null,
    keyName: null,
    door: null,
    address: null,
    subject: upload.path,
  })
}
