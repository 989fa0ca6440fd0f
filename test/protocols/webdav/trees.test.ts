import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey } from '#identity/create-key.ts'
import { updateSite } from '#identity/sites.ts'
import { type Client, type DavWorld, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
})
afterAll(() => started[Symbol.asyncDispose]())

describe('trees', () => {
  it('MOVE of a folder is one rename: the same folder, whatever it holds', async () => {
    await dav('MKCOL', '/one')
    for (let i = 0; i < 20; i++) await dav('PUT', `/one/f${i}`, { body: 'x' })
    const { ino } = await stat(join(started.world.root, 'one'))
    expect((await dav('MOVE', '/one', { headers: { destination: '/two/' } })).status).toBe(201)
    expect((await stat(join(started.world.root, 'two'))).ino).toBe(ino)
    expect(await readdir(join(started.world.root, 'two'))).toHaveLength(20)
  })

  it('COPY names in a 207 the members that it cannot copy, and copies the others', async () => {
    const long = 'n'.repeat(255)
    const deep = ['/s', ...Array.from({ length: 15 }, () => long)]
    for (let i = 1; i <= deep.length; i++) await dav('MKCOL', deep.slice(0, i).join('/'))
    const file = `${deep.join('/')}/${'f'.repeat(100)}`
    expect((await dav('PUT', file, { body: 'deep' })).status).toBe(201)
    await dav('PUT', `/s/${long}/near`, { body: 'near' })
    const to = `/${'d'.repeat(100)}`
    const { status, text } = await dav('COPY', '/s', { headers: { destination: to } })
    expect(status).toBe(207)
    expect(text.match(/<D:response>/g)).toHaveLength(1)
    const failure = `<D:href>${file}</D:href><D:status>HTTP/1.1 400 Bad Request</D:status>`
    expect(text.includes(failure)).toBe(true)
    expect((await dav('GET', `${to}/${long}/near`)).text).toBe('near')
  })

  it('a copied tree appears whole: nothing is left in staging, and what it replaced is gone', async () => {
    await dav('MKCOL', '/from')
    await dav('PUT', '/from/new', { body: 'new' })
    await dav('MKCOL', '/onto')
    await dav('PUT', '/onto/old', { body: 'old' })
    expect((await dav('COPY', '/from', { headers: { destination: '/onto' } })).status).toBe(204)
    expect(await readdir(join(started.world.root, 'onto'))).toEqual(['new'])
  })
})

describe('logging in', () => {
  it.each([
    ['value ~tilde?question', 'plain-name', '~tilde?question+%25#'],
    ['name ä, in UTF-8 and Latin-1', 'schlüssel ~ ?', 'chosen-in-plain-ascii'],
  ])(
    'with the %s opens (check 3)',
    async (_, name, value) => {
      const { identity, site } = started.world
      const operator = { kind: 'command_line' } as const
      await updateSite(identity, operator, site.id, { settings: { allowChosenValues: true } })
      const key = { name, type: 'user', user: { name: 'admin' }, value } as const
      await createKey(identity, operator, site.id, key)
      for (const encoding of ['utf8', 'latin1'] as const) {
        const authorization = `Basic ${Buffer.from(`@api-${name}:${value}`, encoding).toString('base64')}`
        const headers = { depth: '0', authorization }
        expect((await dav('PROPFIND', '/', { login: null, headers })).status, encoding).toBe(207)
      }
    },
    60_000,
  )
})
