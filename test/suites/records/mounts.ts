import { describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import { AUDIT, furnish, listen, type MakeDatabase, mount } from './fixtures.ts'

export function mountSuite(make: MakeDatabase): void {
  describe('mounts', () => {
    test('are added, made read-only and removed, and the feed tells of each change', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const heard = listen(records)
      const { identity } = records
      const archive = mount({ id: 'm9', path: parsePath('/archive') })
      await identity.addMount(archive, AUDIT)
      await identity.updateMount('s1', 'm9', { readOnly: true }, AUDIT)
      expect(await identity.mounts('s1')).toEqual([mount(), { ...archive, readOnly: true }])
      await identity.removeMount('s1', 'm9', AUDIT)
      expect(await identity.allMounts()).toEqual([mount()])
      const told = { kind: 'mounts', siteId: 's1', keyId: null, userId: null }
      expect(heard).toEqual([told, told, told])
    })

    test('a taken path and a mount of another site are refused (U2)', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      const exists = expect.objectContaining({ code: 'exists' })
      const notFound = expect.objectContaining({ code: 'not_found' })
      await expect(identity.addMount(mount({ id: 'm9' }), AUDIT)).rejects.toEqual(exists)
      await expect(identity.updateMount('s2', 'm1', { readOnly: true }, AUDIT)).rejects.toEqual(notFound)
      await expect(identity.removeMount('s2', 'm1', AUDIT)).rejects.toEqual(notFound)
      expect(await identity.mounts('s1')).toEqual([mount()])
    })
  })
}
