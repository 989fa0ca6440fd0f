import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `check` is true; throws after `limit` milliseconds. */
export async function until(check: () => boolean | Promise<boolean>, limit = 10_000): Promise<void> {
  const end = Date.now() + limit
  while (!(await check())) {
    if (Date.now() > end) throw new Error('it did not come to pass in time')
    await sleep(10)
  }
}

/**
 * Every file below a real folder, hidden ones included: what a cut upload left would be here. What was kept of
 * uploads whose connection was lost counts for `lost` only.
 */
export async function filesBelow(folder: string, which: 'others' | 'lost' = 'others'): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const ofLost = (path: string) => path.endsWith('/lost')
  return files.filter(({ parentPath }) => ofLost(parentPath) === (which === 'lost')).map(({ name }) => name)
}
