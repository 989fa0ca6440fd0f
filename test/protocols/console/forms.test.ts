import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, type Console, PASSWORD, startConsole } from './client.ts'
import { fillIn } from './forms.ts'

let site: Console
let admin: Browser
beforeAll(async () => {
  site = await startConsole()
  admin = await site.person('chief', 'administrator')
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

const store = () => site.world.identity.store

async function userId(name: string): Promise<string> {
  return (await store().userByName(site.world.site.id, name))?.id ?? ''
}

async function keyId(name: string): Promise<string> {
  return (await store().keyByName(site.world.site.id, name))?.id ?? ''
}

async function addUser(name: string): Promise<string> {
  const made = await fillIn(admin, '/console/users/new', '/console/users', { name })
  expect([200, 303]).toContain(made.status)
  return userId(name)
}

describe('an administrator’s forms, as the pages show them', () => {
  test('a user is made, changed and given a folder', async () => {
    const id = await addUser('ann')
    expect(id).not.toBe('')
    const page = `/console/users/${id}`
    expect((await fillIn(admin, page, page, { email: 'ann@example.org', home: '/team' })).status).toBe(303)
    const changed = await store().userByName(site.world.site.id, 'ann')
    expect(changed).toMatchObject({ email: 'ann@example.org', homeFolder: '/team', role: 'member' })
    expect((await fillIn(admin, page, '/console/grants', { path: '/team' })).status).toBe(303)
    expect((await admin.get(page)).text).toContain('/team')
  })

  test('a group is made, renamed, joined and granted', async () => {
    await addUser('bob')
    expect((await fillIn(admin, '/console/groups', '/console/groups', { name: 'staff' })).status).toBe(303)
    const id = /\/console\/groups\/([^"/]+)"/.exec((await admin.get('/console/groups')).text)?.[1] ?? ''
    const page = `/console/groups/${id}`
    expect((await fillIn(admin, page, `${page}/rename`, { name: 'crew' })).status).toBe(303)
    expect((await fillIn(admin, page, `${page}/members`, { user: 'bob' })).status).toBe(303)
    expect((await fillIn(admin, page, '/console/grants', { path: '/shared' })).status).toBe(303)
    const { text } = await admin.get(page)
    for (const word of ['crew', 'bob', '/shared']) expect(text).toContain(word)
  })

  test('a key is made with its untouched form, edited, rotated, disabled and enabled; its value comes twice', async () => {
    await addUser('cid')
    const made = await fillIn(admin, '/console/keys/new', '/console/keys', { user: 'cid', name: 'backup' })
    const [value = ''] = /lk_\w{47}/.exec(made.text) ?? []
    const id = await keyId('backup')
    expect(value).toContain(id)
    const page = `/console/keys/${id}`
    const edited = await fillIn(admin, `${page}/edit`, `${page}/edit`, {
      description: 'nightly',
      base_path: '/a',
    })
    expect(edited.status).toBe(303)
    expect(await store().keyById(site.world.site.id, id)).toMatchObject({
      description: 'nightly',
      basePath: '/a',
    })
    const rotated = await fillIn(admin, page, `${page}/rotate`)
    const [next = ''] = /lk_\w{47}/.exec(rotated.text) ?? []
    expect(next).toContain(id)
    expect(next).not.toBe(value)
    await fillIn(admin, page, `${page}/disable`)
    expect((await store().keyById(site.world.site.id, id))?.enabled).toBe(false)
    await fillIn(admin, page, `${page}/enable`)
    expect((await store().keyById(site.world.site.id, id))?.enabled).toBe(true)
    expect((await admin.get(page)).text).not.toMatch(/lk_\w{47}/)
  })

  test('D6: the key’s page says whether something would be allowed, and why not', async () => {
    await addUser('dan')
    await fillIn(admin, '/console/keys/new', '/console/keys', { user: 'dan', name: 'asked' })
    const page = `/console/keys/${await keyId('asked')}`
    const asked = await admin.get(`${page}?door=sftp&action=read&path=%2Fx&address=127.0.0.1`)
    expect(asked.status).toBe(200)
    expect(asked.text.toLowerCase()).toMatch(/grant/)
  })

  test('settings are saved as the page shows them, and with a change', async () => {
    const before = (await store().siteByName('main'))?.settings
    expect((await fillIn(admin, '/console/settings', '/console/settings')).status).toBe(303)
    expect((await store().siteByName('main'))?.settings).toEqual(before)
  })
})

describe('a person’s own forms', () => {
  test('the own password is changed with the old one only', async () => {
    const browser = await site.person('eva')
    const change = (current: string) =>
      fillIn(browser, '/console/account', '/console/account/password', {
        current,
        password: 'a longer new one',
        again: 'a longer new one',
      })
    expect((await change('wrong password')).status).toBeGreaterThanOrEqual(400)
    expect((await change(PASSWORD)).status).toBeLessThan(400)
    expect((await site.browser().login('eva', PASSWORD)).location).not.toBe('/console')
    expect((await site.browser().login('eva', 'a longer new one')).location).toBe('/console')
  })

  test('D7: an SSH key is added and removed', async () => {
    const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfoeSFfyRv4ikfBEMRDoqgIwJF1nb4i8mUDzMB7+BYE chief@desk'
    const added = await fillIn(admin, '/console/account', '/console/account/ssh-keys', {
      line,
      public_key: line,
      key: line,
    })
    expect(added.status).toBe(303)
    const { text } = await admin.get('/console/account')
    expect(text).toContain('SHA256:')
    const remove = /\/console\/account\/ssh-keys\/[^"/]+\/remove/.exec(text)?.[0] ?? ''
    expect((await fillIn(admin, '/console/account', remove)).status).toBe(303)
    expect((await admin.get('/console/account')).text).not.toContain('SHA256:')
  })
})
