import type { Backstage } from '#cli/run.ts'
import { createForesee } from '#credentials/foresee.ts'
import { openDataFolder } from './data-folder.ts'
import { openFilesOffice } from './files-office.ts'
import { hostKeyOffice } from './host-key-office.ts'
import { masterKeyOffice } from './master-key-office.ts'

/** What the command line works on: the data folder's records, beside a server that may be running on them. */
export async function openBackstage(dataDir: string): Promise<Backstage> {
  const clock = { now: () => Date.now() }
  const folder = await openDataFolder(dataDir, {
    clock,
    create: false,
    masterKeys: process.env.LATCHKEY_MASTER_KEY,
  })
  const { records, pepper, sealer } = folder
  const files = openFilesOffice(folder, clock)
  const ended = new AbortController()
  return {
    identity: {
      store: records.identity,
      audit: records.audit,
      liveSessions: records.liveSessions,
      pepper,
      sealer,
      clock,
      foresee: createForesee({ store: records.credentials, files }),
    },
    files: (site) => files.openForOperator(site, ended.signal),
    masterKeys: masterKeyOffice(folder),
    hostKeys: hostKeyOffice(folder.path),
    dataDir: folder.path,
    backup: records.backup,
    async [Symbol.asyncDispose]() {
      ended.abort()
      await files[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
