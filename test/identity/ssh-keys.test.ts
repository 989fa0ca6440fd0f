import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deleteUser, moveUser } from '#identity/leave-site.ts'
import { addSshKey, listSshKeys, MOST_SSH_KEYS, removeSshKey } from '#identity/ssh-keys.ts'
import { addUser } from '#identity/users.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

const refused = (code: string) => expect.objectContaining({ code })

/** A new key's line with this comment. */
function line(comment = ''): string {
  const point = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const head = Buffer.from('0000000b7373682d6564323535313900000020', 'hex')
  return `ssh-ed25519 ${Buffer.concat([head, point]).toString('base64')} ${comment}`
}

const add = (publicKey: string, name?: string, user = 'mia', actor = OPERATOR, deps = office.deps) =>
  addSshKey(deps, actor, office.site.id, { name: user }, { publicKey, name })
const list = async (user = 'mia', actor = OPERATOR) =>
  (await listSshKeys(office.deps, actor, office.site.id, { name: user })).map(({ name }) => name)
const remove = (text: string, user = 'mia', actor = OPERATOR) =>
  removeSshKey(office.deps, actor, office.site.id, { name: user }, text)

describe('D7: SSH keys of a user', () => {
  test('are called after their comment, or as one likes; each is found by id, name and fingerprint', async () => {
    const member = office.member.name
    const commented = await add(line('mia@laptop'), undefined, member)
    const named = await add(line('x'), 'work', member)
    const bare = await add(line(), undefined, member)
    expect(commented.name).toBe('mia@laptop')
    expect(bare.name).toBe(bare.fingerprint.slice(7, 19))
    expect(new Set(await list(member))).toEqual(new Set(['mia@laptop', 'work', bare.name]))
    for (const text of [commented.id, 'work', bare.fingerprint]) await remove(text, member)
    expect(await list(member)).toEqual([])
    await expect(remove(named.id, member)).rejects.toEqual(refused('not_found'))
  })

  test('the same key and the same name are refused for one user, and allowed for two', async () => {
    const [member, admin] = [office.member.name, office.admin.name]
    const mine = line('same')
    await add(mine, undefined, member)
    await expect(add(mine, 'other name', member)).rejects.toEqual(refused('exists'))
    await expect(add(line('same'), undefined, member)).rejects.toEqual(refused('exists'))
    expect((await add(mine, undefined, admin)).name).toBe('same')
    await remove('same', member)
    expect(await list(admin)).toEqual(['same'])
  })

  test(`a user has at most ${MOST_SSH_KEYS}`, async () => {
    await addUser(office.deps, OPERATOR, office.site.id, { name: 'many', role: 'member' })
    for (let i = 0; i < MOST_SSH_KEYS; i++) await add(line(), undefined, 'many')
    await expect(add(line(), undefined, 'many')).rejects.toEqual(refused('invalid'))
    expect(await list('many')).toHaveLength(MOST_SSH_KEYS)
  })

  test('K2: members reach their own where they may make keys, and nobody else’s', async () => {
    const self = office.actor(office.member, { kind: 'person', key: null })
    const other = office.actor(office.member)
    await expect(add(line('a'), undefined, office.member.name, self)).rejects.toEqual(refused('forbidden'))
    const open = office.withSettings({ usersMayCreateKeys: true })
    await add(line('own'), undefined, office.member.name, self, open)
    await expect(add(line('a'), undefined, office.admin.name, self, open)).rejects.toEqual(
      refused('forbidden'),
    )
    await expect(add(line('a'), undefined, office.member.name, other, open)).rejects.toEqual(
      refused('forbidden'),
    )
    await remove('own', office.member.name)
  })

  test('R3: adding and removing are recorded with the fingerprint', async () => {
    const { fingerprint } = await add(line('audited'), undefined, office.member.name)
    await remove('audited', office.member.name)
    const rows = office.audit().filter(({ subject }) => `${subject}`.includes(fingerprint))
    expect(rows.map(({ action }) => action)).toEqual(['ssh_key.add', 'ssh_key.remove'])
    expect(rows[0]?.subject).toBe(`user ${office.member.name} SSH key audited (ssh-ed25519, ${fingerprint})`)
  })

  test('U3, U6: they go with the user who is deleted, and stay behind for good when the user moves', async () => {
    const { deps, site, other } = office
    for (const name of ['gone', 'moved']) {
      await addUser(deps, OPERATOR, site.id, { name, role: 'member' })
      await add(line('key'), undefined, name)
    }
    await deleteUser(deps, OPERATOR, site.id, { name: 'gone' })
    await addUser(deps, OPERATOR, site.id, { name: 'gone', role: 'member' })
    expect(await list('gone')).toEqual([])
    await moveUser(deps, OPERATOR, site.id, { name: 'moved' }, { siteId: other.id })
    expect(await listSshKeys(deps, OPERATOR, other.id, { name: 'moved' })).toEqual([])
    const person = await office.records.credentials.peopleByName('moved', null)
    expect(person.map(({ sshKeys }) => sshKeys)).toEqual([undefined])
  })
})
