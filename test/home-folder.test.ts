import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Client as FtpClient } from 'basic-ftp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { updateUser } from '#identity/users.ts'
import { connect } from '#test/protocols/sftp/client.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'

/* A user's home folder is where SFTP and FTP sessions start; nothing more: paths from the root stay the same. */

let world: World
let key: WorldKey
let narrow: WorldKey

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue({ user: 'ann' })
  narrow = await world.issue({ user: 'ann', basePath: '/public' })
  await mkdir(join(world.root, 'team/ann'), { recursive: true })
  await mkdir(join(world.root, 'public'))
  await writeFile(join(world.root, 'team/ann/note'), 'home')
  const changes = { homeFolder: '/team/ann' }
  await updateUser(world.identity, { kind: 'command_line' }, world.site.id, { name: 'ann' }, changes)
})
afterAll(() => world[Symbol.asyncDispose]())

async function overFtp<T>(login: WorldKey, use: (client: FtpClient) => Promise<T>): Promise<T> {
  const { port } = await world.start('ftp')
  const client = new FtpClient()
  try {
    await client.access({ host: '127.0.0.1', port, user: login.login, password: login.value })
    return await use(client)
  } finally {
    client.close()
  }
}

async function sftpStart(login: WorldKey, name: string): Promise<string> {
  const { port } = await world.start('sftp')
  const client = await connect(port, login)
  return new Promise<string>((resolve, reject) => {
    client.sftp((failure, sftp) => {
      if (failure) return reject(failure)
      sftp.realpath(name, (error, path) => (error ? reject(error) : resolve(path)))
    })
  }).finally(() => client.end())
}

describe('a home folder', () => {
  test('FTP starts there, and relative names are in it', async () => {
    const seen = await overFtp(key, async (client) => {
      await client.uploadFrom(Readable.from(['made']), 'made')
      const names = (await client.list()).map(({ name }) => name)
      return { pwd: await client.pwd(), names, top: (await client.list('/')).map(({ name }) => name) }
    })
    expect(seen).toEqual({ pwd: '/team/ann', names: ['made', 'note'], top: ['public', 'team'] })
    expect(await readFile(join(world.root, 'team/ann/made'), 'utf8')).toBe('made')
  })

  test('SFTP resolves names from there, and absolute ones from the root', async () => {
    expect(await sftpStart(key, '.')).toBe('/team/ann')
    expect(await sftpStart(key, '../x')).toBe('/team/x')
    expect(await sftpStart(key, '/x')).toBe('/x')
  })

  test('S1: one that the key’s base path hides is none', async () => {
    expect(await sftpStart(narrow, '.')).toBe('/')
    expect(await overFtp(narrow, (client) => client.pwd())).toBe('/')
  })

  test('a change of it ends no session', async () => {
    const at = { door: 'sftp', address: '192.0.2.1', client: '' } as const
    const proof = { kind: 'password', login: key.login, password: key.value } as const
    const result = await world.gate.login({ ...at, proof, siteId: null })
    if (!result.ok) throw new Error('the key was refused')
    using session = world.gate.open(result.principal, at)
    const changes = { homeFolder: '/', email: 'ann@example.org', name: 'anna' }
    await updateUser(world.identity, { kind: 'command_line' }, world.site.id, { name: 'ann' }, changes)
    expect(session.signal.aborted).toBe(false)
  })
})
