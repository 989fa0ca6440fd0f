import { describe, expect, test } from 'vitest'
import type { SshKeyDetails } from '#identity/ports.ts'
import { AUDIT, furnish, furnishSecond, listen, type MakeDatabase, NOW, user } from './fixtures.ts'

const exists = expect.objectContaining({ code: 'exists' })
const notFound = expect.objectContaining({ code: 'not_found' })

function sshKey(changes: Partial<SshKeyDetails> = {}): SshKeyDetails {
  return {
    id: 'ssh1',
    siteId: 's1',
    userId: 'u1',
    name: 'laptop',
    type: 'ssh-ed25519',
    blob: Buffer.from([0, 255, 10]),
    fingerprint: 'SHA256:x',
    createdAt: NOW,
    lastUsedAt: null,
    lastUsedAddress: null,
    lastUsedDoor: null,
    lastUsedClient: null,
    ...changes,
  }
}

export function sshKeySuite(make: MakeDatabase): void {
  describe('SSH keys', () => {
    test('D7: come whole, with the person, with their last use, and tell of themselves', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity, credentials, lastUses } = records
      const heard = listen(records)
      await identity.addSshKey(sshKey(), 10, AUDIT)
      expect(await identity.sshKeys('s1', 'u1')).toEqual([sshKey()])
      expect(await identity.sshKeys('s2', 'u1')).toEqual([])
      const held = { id: 'ssh1', name: 'laptop', blob: Buffer.from([0, 255, 10]) }
      expect((await credentials.personById('u1'))?.sshKeys).toEqual([held])
      await lastUses.record([{ id: 'ssh1', at: NOW + 1, address: '::1', door: 'sftp', client: 'ssh' }])
      const [used] = await identity.sshKeys('s1', 'u1')
      expect(used).toMatchObject({ lastUsedAt: NOW + 1, lastUsedAddress: '::1', lastUsedClient: 'ssh' })
      await identity.removeSshKey('s1', 'u1', 'ssh1', AUDIT)
      expect((await credentials.personById('u1'))?.sshKeys).toBeUndefined()
      expect(heard.map(({ kind, userId }) => `${kind} ${userId}`)).toEqual(['user u1', 'user u1'])
    })

    test('a user has neither a name nor a key twice; strangers’ keys cannot be removed', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      await identity.addUser(user({ id: 'u5', name: 'eve' }), [], AUDIT)
      await identity.addSshKey(sshKey(), 10, AUDIT)
      const again = sshKey({ id: 'ssh2', name: 'other' })
      await expect(identity.addSshKey(again, 10, AUDIT)).rejects.toEqual(exists)
      const named = sshKey({ id: 'ssh3', fingerprint: 'SHA256:y' })
      await expect(identity.addSshKey(named, 10, AUDIT)).rejects.toEqual(exists)
      await identity.addSshKey(sshKey({ id: 'ssh4', userId: 'u5' }), 10, AUDIT)
      const nobody = sshKey({ id: 'ssh5', userId: 'nobody' })
      await expect(identity.addSshKey(nobody, 10, AUDIT)).rejects.toEqual(notFound)
      await expect(identity.removeSshKey('s1', 'u5', 'ssh1', AUDIT)).rejects.toEqual(notFound)
      const third = sshKey({ id: 'ssh6', name: 'third', fingerprint: 'SHA256:z' })
      await expect(identity.addSshKey(third, 1, AUDIT)).rejects.toMatchObject({ code: 'invalid' })
      expect(await identity.sshKeys('s1', 'u1')).toHaveLength(1)
    })
  })
}
