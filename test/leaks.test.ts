import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GetObjectCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { Client as FtpClient } from 'basic-ftp'
import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import type { Actor } from '#identity/actor.ts'
import { createKey } from '#identity/create-key.ts'
import { rotateKey } from '#identity/rotate-key.ts'
import { updateSite } from '#identity/sites.ts'
import { createTicket, redeemTicket } from '#identity/tickets.ts'
import { startWorld, type World, type WorldKey } from './world.ts'

const OPERATOR: Actor = { kind: 'command_line' }
const CHOSEN = 'a-chosen-value-1234'
const PASSWORD = 'correct horse battery staple'

describe('K4: nothing leaks', () => {
  test('no value, secret or password is in the database, its log, the server’s log or any answer', async () => {
    await using world = await startWorld()
    const answers: string[] = []
    const secrets = await makeSecrets(world)
    const key = await world.issue({ name: 'busy' })
    secrets.push(key.value, key.secretAccessKey)
    await useEverywhere(world, key, answers)
    const wrong = {
      ...key,
      value: `${key.value.slice(0, 49)}${key.value.endsWith('x') ? 'y' : 'x'}`,
      secretAccessKey: 'w'.repeat(40),
    }
    secrets.push(wrong.value, wrong.secretAccessKey)
    await useEverywhere(world, wrong, answers)
    await world.disable(key.id)
    await useEverywhere(world, key, answers)
    await world.core.audit.flush()
    await world.core.lastUses.flush()

    const places = new Map([
      ['answers', Buffer.from(answers.join('\n'))],
      ['log', Buffer.from(logText(world))],
    ])
    for (const name of await readdir(world.folder.path)) {
      if (name.startsWith('latchkey.db')) places.set(name, await readFile(join(world.folder.path, name)))
    }
    expect([...places.keys()]).toContain('latchkey.db-wal')
    expect(answers.join('\n').length).toBeGreaterThan(1_000)
    for (const [place, content] of places) {
      for (const secret of secrets) expect(found(content, secret), `${place} holds ${secret}`).toEqual([])
    }
  })

  test('the scan bites: a secret is found as text, base64 and hex', () => {
    for (const encoding of ['utf8', 'base64', 'hex'] as const) {
      const content = Buffer.concat([Buffer.alloc(99), Buffer.from(Buffer.from(CHOSEN).toString(encoding))])
      expect(found(content, CHOSEN)).toContain(encoding)
    }
  })
})

function found(content: Buffer, secret: string): string[] {
  return (['utf8', 'base64', 'hex'] as const).filter((encoding) => {
    // Base64 of a part of a longer text ends differently: its last characters are left out.
    const text = Buffer.from(secret).toString(encoding).replace(/=+$/, '')
    return content.includes(encoding === 'base64' ? text.slice(0, -2) : text)
  })
}

/** Makes one of each kind of secret that is not the busy key's. */
async function makeSecrets(world: World): Promise<string[]> {
  const { identity, site } = world
  await updateSite(identity, OPERATOR, site.id, {
    settings: { allowChosenValues: true, passwordLogin: true },
  })
  const { id } = await world.issue({ name: 'rotated', user: 'ann', role: 'member' })
  const rotated = await rotateKey(identity, OPERATOR, site.id, id, { overlap: 1_000, pair: true })
  await createKey(identity, OPERATOR, site.id, {
    name: 'chosen',
    type: 'user',
    user: { name: 'ann' },
    value: CHOSEN,
  })
  const { ticket } = await createTicket(identity, OPERATOR, site.id, { name: 'ann' })
  await redeemTicket(identity, { ticket, password: PASSWORD }, { door: 'rest', address: '127.0.0.1' })
  await world.gate.login({
    door: 'sftp',
    proof: { kind: 'password', login: 'ann', password: PASSWORD },
    address: '127.0.0.1',
    siteId: site.id,
    client: '',
  })
  return [CHOSEN, PASSWORD, ticket, rotated.value, rotated.pair?.secretAccessKey].filter(
    (one) => one !== undefined,
  )
}

/** Logs in at each door and does something right and something wrong there. */
async function useEverywhere(world: World, key: WorldKey, answers: string[]): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`
  const webdav = `http://127.0.0.1:${(await world.start('webdav')).port}`
  for (const [method, path] of [
    ['PROPFIND', '/'],
    ['GET', '/missing'],
    ['GET', '/%zz'],
    ['PUT', '/no/parent'],
  ] as const) {
    answers.push(await ask(webdav + path, { method, headers: { authorization, depth: '1' } }))
  }
  const rest = `http://127.0.0.1:${(await world.start('rest')).port}`
  const bearer = { authorization: `Bearer ${key.value}`, 'content-type': 'application/json' }
  for (const path of ['/api/test/api-key', '/api/v1/keys', `/api/v1/keys/${key.id}`, '/api/v1/nothing']) {
    answers.push(await ask(rest + path, { headers: bearer }))
  }
  answers.push(
    await ask(`${rest}/api/v1/keys`, { method: 'POST', headers: bearer, body: `{"name": ${key.value}` }),
  )
  answers.push(await askS3(world, key), await askFtp(world, key), await askSftp(world, key))
}

async function ask(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, init)
  return JSON.stringify([response.status, [...response.headers], await response.text()])
}

async function askS3(world: World, { accessKeyId, secretAccessKey }: WorldKey): Promise<string> {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${(await world.start('s3')).port}`,
    region: 'local',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
  const said: string[] = []
  const say = (answer: Promise<unknown>) =>
    answer.then((result) => JSON.stringify(result, skipStreams), String)
  said.push(await say(client.send(new ListBucketsCommand({}))))
  said.push(await say(client.send(new GetObjectCommand({ Bucket: 'none', Key: 'x' }))))
  client.destroy()
  return said.join('\n')
}

function skipStreams(name: string, value: unknown): unknown {
  return name === 'Body' ? undefined : value
}

async function askFtp(world: World, { login, value }: WorldKey): Promise<string> {
  const client = new FtpClient()
  const { port } = await world.start('ftp')
  try {
    const hello = await client.access({ host: '127.0.0.1', port, user: login, password: value })
    return `${hello.message} ${await client.send('SITE EXEC x', true).then(({ message }) => message)}`
  } catch (error) {
    return String(error)
  } finally {
    client.close()
  }
}

async function askSftp(world: World, { login, value }: WorldKey): Promise<string> {
  const { port } = await world.start('sftp')
  return new Promise((resolve) => {
    const client = new ssh2.Client()
    client.on('error', (error) => resolve(String(error)))
    client.on('ready', () => {
      client.sftp((_, session) => {
        session.stat('/missing', (error) => {
          client.end()
          resolve(String(error))
        })
      })
    })
    client.connect({ host: '127.0.0.1', port, username: login, password: value })
  })
}

function logText(world: World): string {
  return world.logs
    .map(
      ({ message, fields }) =>
        `${message} ${JSON.stringify(fields, (_, v) => (v instanceof Error ? v.stack : v))}`,
    )
    .join('\n')
}
