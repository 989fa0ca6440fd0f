import type { MasterKeyOffice } from '#cli/command.ts'
import { countSealed, resealAll } from '#credentials/resealing.ts'
import { newMasterKey } from '#credentials/sealing.ts'
import { Fault } from '#faults'
import type { DataFolder } from './data-folder.ts'
import { readMasterKeys, writeMasterKeys } from './master-key.ts'

/** Rotation of the master key that lies in the data folder's file. */
export function masterKeyOffice(folder: Pick<DataFolder, 'path' | 'records' | 'sealer'>): MasterKeyOffice {
  const store = folder.records.sealed

  function keys() {
    const held = readMasterKeys(folder.path, undefined)
    if (held === null) {
      throw new Fault(
        'invalid',
        'the master key comes from LATCHKEY_MASTER_KEY: put the new one before it there',
      )
    }
    return held
  }

  return {
    async list() {
      const counts = await countSealed(store)
      return keys().map(({ id }, index) => ({ id, current: index === 0, seals: counts.get(id) ?? 0 }))
    },
    async rotate() {
      const fresh = newMasterKey()
      await writeMasterKeys(folder.path, [fresh, ...keys()])
      return { id: fresh.id, resealed: await resealAll(store, folder.sealer) }
    },
    async forget(id) {
      const [current, ...older] = keys()
      if (current.id === id) throw new Fault('invalid', 'this is the current master key: rotate first')
      if (!older.some((key) => key.id === id)) throw new Fault('not_found', `there is no master key ${id}`)
      // Sealed once more, in case a server wrote under the old key while it was being rotated.
      await resealAll(store, folder.sealer)
      if ((await countSealed(store)).has(id))
        throw new Fault('invalid', `master key ${id} still seals secrets`)
      await writeMasterKeys(folder.path, [current, ...older.filter((key) => key.id !== id)])
    },
  }
}
