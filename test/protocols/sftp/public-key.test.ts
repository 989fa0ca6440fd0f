import { generateKeyPairSync } from 'node:crypto'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addSshKey, listSshKeys, removeSshKey } from '#identity/ssh-keys.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { openDataFolder } from '#server/data-folder.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { str } from './bytes.ts'
import { connect } from './client.ts'

const ACTOR = { kind: 'command_line' } as const
const METHODS = ['publickey', 'password', 'keyboard-interactive']

let world: World
let key: WorldKey
let port: number
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs1',
  format: 'pem',
})
const own = newHostKey()

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue({ user: 'ann', role: 'administrator' })
  port = (await world.start('sftp')).port
  await allow(own, 'own')
  await allow(rsa.toString(), 'rsa')
})
afterAll(() => world[Symbol.asyncDispose]())

function parsed(pem: string) {
  const found = ssh2.utils.parseKey(pem)
  if (found instanceof Error) throw found
  return found
}

async function allow(pem: string, name: string): Promise<void> {
  const { type } = parsed(pem)
  const publicKey = `${type} ${parsed(pem).getPublicSSH().toString('base64')}`
  await addSshKey(world.identity, ACTOR, world.site.id, { name: 'ann' }, { publicKey, name })
}

const open = (config: ssh2.ConnectConfig) =>
  new Promise<ssh2.Client>((resolve, reject) => {
    const client = new ssh2.Client()
    client.once('ready', () => resolve(client))
    client.on('error', reject)
    client.connect({ host: '127.0.0.1', port, ...config })
  })

const login = (username: string, pem: string) =>
  open({ username, privateKey: pem, authHandler: ['publickey'] })

const works = (username: string, pem: string) =>
  login(username, pem).then(
    (client) => {
      client.end()
      return true
    },
    () => false,
  )

/**
 * What the server answers to a mere offer: 60 with the algorithm, or 51 with the methods (RFC 4252, 7). ssh2's
 * client tells of neither, so its state machine is asked.
 */
async function offer(username: string, blob: Buffer, algorithm: string): Promise<unknown[]> {
  const client = new ssh2.Client()
  const answers: unknown[] = []
  await new Promise<void>((resolve) => {
    client.on('error', () => resolve())
    client.on('close', () => resolve())
    client.on('handshake', () => {
      const protocol = Reflect.get(client, '_protocol')
      const handlers = Reflect.get(protocol, '_handlers')
      handlers.USERAUTH_PK_OK = (_: unknown, name: string, of: Buffer) => {
        answers.push('ok', name, of.equals(blob))
        client.end()
      }
      handlers.USERAUTH_FAILURE = (_: unknown, methods: string[]) => {
        answers.push('failure', methods)
        client.end()
      }
      handlers.SERVICE_ACCEPT = () => {
        const head = [str(username), str('ssh-connection'), str('publickey'), Buffer.from([0])]
        const payload = Buffer.concat([Buffer.from([50]), ...head, str(algorithm), str(blob)])
        const writer = protocol._packetRW.write
        const packet = writer.alloc(payload.length)
        packet.set(payload, writer.allocStart)
        protocol._authsQueue.push('publickey')
        protocol._cipher.encrypt(writer.finalize(packet))
      }
    })
    client.connect({ host: '127.0.0.1', port, username })
  })
  return answers
}

describe('D7: a public key logs in', () => {
  test('when it signed; ed25519 and rsa', async () => {
    expect(await works('ann', own)).toBe(true)
    expect(await works('ann', rsa.toString())).toBe(true)
    expect(await works('ann', newHostKey())).toBe(false)
    expect(await works('eve', own)).toBe(false)
  })

  test('R3, K10: login and last use are recorded with the key that was used', async () => {
    const client = await login('ann', own)
    const found = await world.identity.audit.search(
      { siteId: world.site.id, action: 'login', outcome: 'ok' },
      { limit: 1, after: null, order: 'newest' },
    )
    expect(found[0]).toMatchObject({ userName: 'ann', keyId: null, door: 'sftp' })
    expect(found[0]?.subject).toMatch(/^ssh2js.* \(SSH key own\)$/)
    client.end()
    await world.core.lastUses.flush()
    const [used] = await listSshKeys(world.identity, ACTOR, world.site.id, { name: 'ann' })
    expect(used).toMatchObject({ name: 'own', lastUsedDoor: 'sftp', lastUsedAddress: '127.0.0.1' })
  })
})

describe('an offered key is not a proven key (RFC 4252, 7)', () => {
  test('the answer to an offer is the same for every key and every person', async () => {
    const mine = parsed(own).getPublicSSH()
    const unknown = parsed(newHostKey()).getPublicSSH()
    for (const [name, blob] of [
      ['ann', mine],
      ['ann', unknown],
      ['eve', mine],
      ['eve', unknown],
      ['', unknown],
    ] as const) {
      expect(await offer(name, blob, 'ssh-ed25519'), name).toEqual(['ok', 'ssh-ed25519', true])
    }
    expect(world.core.gate.sessions.list()).toEqual([])
  })

  test('the answer names the algorithm that was asked for (RFC 8332, 3.2)', async () => {
    const blob = parsed(rsa.toString()).getPublicSSH()
    expect(await offer('ann', blob, 'rsa-sha2-512')).toEqual(['ok', 'rsa-sha2-512', true])
    expect(await offer('ann', blob, 'rsa-sha2-256')).toEqual(['ok', 'rsa-sha2-256', true])
  })

  test.each([
    ['SHA-1', 'ann', rsa.toString(), 'ssh-rsa'],
    ['an algorithm of another kind of key', 'ann', own, 'rsa-sha2-512'],
    ['a certificate', 'ann', own, 'ssh-ed25519-cert-v01@openssh.com'],
    ['an unknown algorithm', 'ann', own, 'x'],
    ['a key login, which has a value and no SSH key', '@api-x', own, 'ssh-ed25519'],
  ])('%s is not let sign', async (_, name, pem, algorithm) => {
    expect(await offer(name, parsed(pem).getPublicSSH(), algorithm)).toEqual(['failure', METHODS])
  })

  test('damaged blobs are answered or end the connection; the door stands', async () => {
    const blob = parsed(own).getPublicSSH()
    for (const bad of [Buffer.alloc(0), blob.subarray(0, 20), Buffer.alloc(30_000, 0xff), Buffer.from('x')]) {
      expect(await offer('ann', bad, 'ssh-ed25519')).toEqual(['failure', METHODS])
    }
    expect(await works('ann', own)).toBe(true)
  })

  test('a signature over another session is refused', async () => {
    class Forger extends ssh2.BaseAgent {
      getIdentities(done: (error: undefined, keys: Buffer[]) => void) {
        done(undefined, [parsed(own).getPublicSSH()])
      }
      override sign(...args: unknown[]) {
        const done = args.findLast((one) => typeof one === 'function')
        done?.(undefined, parsed(own).sign('another session'))
      }
    }
    await expect(open({ username: 'ann', agent: new Forger(), authHandler: ['agent'] })).rejects.toThrow(
      'All configured authentication methods failed',
    )
  })
})

describe('R1: a key that is removed', () => {
  test.each(['this process', 'another process'])(
    'cuts its sessions and no others, from %s',
    async (where) => {
      const lost = newHostKey()
      await allow(lost, 'lost')
      const cut = await login('ann', lost)
      const stays = await login('ann', own)
      const ended = new Promise<void>((resolve) => cut.on('close', () => resolve()))
      const before = performance.now()
      if (where === 'this process') {
        await removeSshKey(world.identity, ACTOR, world.site.id, { name: 'ann' }, 'lost')
      } else {
        await using there = await openDataFolder(world.folder.path, { clock: world.clock, create: false })
        const deps = { ...world.identity, store: there.records.identity, changed: async () => undefined }
        await removeSshKey(deps, ACTOR, world.site.id, { name: 'ann' }, 'lost')
        await ended
      }
      await ended
      expect(performance.now() - before).toBeLessThan(1_000)
      expect(world.core.gate.sessions.list().map(({ principal }) => principal.kind)).toEqual(['person'])
      expect(await works('ann', lost)).toBe(false)
      stays.end()
      await new Promise<void>((resolve) => stays.on('close', () => resolve()))
    },
  )

  test('keys with a value are not touched by it', async () => {
    const client = await connect(port, key)
    await allow(newHostKey(), 'short')
    await removeSshKey(world.identity, ACTOR, world.site.id, { name: 'ann' }, 'short')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(world.core.gate.sessions.list().map(({ principal }) => principal.key?.id)).toEqual([key.id])
    client.end()
  })
})
