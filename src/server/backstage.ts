import type { Backstage } from '#cli/run.ts'
import { openDataFolder } from './data-folder.ts'

/** What the command line works on: the data folder's records, beside a server that may be running on them. */
export async function openBackstage(dataDir: string): Promise<Backstage> {
  const clock = { now: () => Date.now() }
  const folder = await openDataFolder(dataDir, {
    clock,
    create: false,
    masterKeys: process.env.LATCHKEY_MASTER_KEY,
  })
  const { records, pepper, sealer } = folder
  return {
    identity: { store: records.identity, pepper, sealer, clock },
    dataDir: folder.path,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
