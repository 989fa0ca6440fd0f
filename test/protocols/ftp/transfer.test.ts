import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { download, loginRaw, type RawClient, readAll, upload } from './raw-client.ts'
import { filesBelow, until } from './waiting.ts'

const MIB = 1024 * 1024

let world: World
let key: WorldKey
let door: RunningDoor
let client: RawClient

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

beforeEach(async () => {
  client = await loginRaw(door.port, key)
  return () => client[Symbol.dispose]()
})

function real(name: string): string {
  return join(world.root, name)
}

/** Starts an upload and sends some of it. */
async function startUpload(by: RawClient, name: string, bytes: number): Promise<Socket> {
  const data = await by.openData()
  expect(await by.command(`STOR ${name}`)).toMatch(/^150 /)
  await new Promise<void>((resolve) => data.write(randomBytes(bytes), () => resolve()))
  return data
}

describe('whole files', () => {
  test.each([0, 1, 1000, 512 * 1024, 512 * 1024 + 1, 5 * MIB + 7])(
    '%i bytes come back as they went',
    async (size) => {
      const bytes = randomBytes(size)
      expect(await upload(client, 'STOR whole', bytes)).toMatch(/^226 /)
      expect((await readFile(real('whole'))).equals(bytes)).toBe(true)
      expect(await client.command('SIZE whole')).toBe(`213 ${size}`)
      expect((await download(client, 'RETR whole')).equals(bytes)).toBe(true)
    },
  )

  test('nothing can be seen of an upload before its end', async () => {
    const data = await startUpload(client, 'unseen', MIB)
    using other = await loginRaw(door.port, key)
    expect(await other.command('SIZE unseen')).toMatch(/^550 /)
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(await other.command('SIZE unseen')).toBe(`213 ${MIB}`)
  })

  test('TYPE A changes line ends both ways, and SIZE is refused in it', async () => {
    await client.command('TYPE A')
    expect(await upload(client, 'STOR text', Buffer.from('a\r\nb\r\n'))).toMatch(/^226 /)
    expect(await readFile(real('text'), 'utf8')).toBe('a\nb\n')
    expect((await download(client, 'RETR text')).toString()).toBe('a\r\nb\r\n')
    expect(await client.command('SIZE text')).toMatch(/^550 /)
  })

  test('STOU makes names of its own', async () => {
    const data = await client.openData()
    const name = /FILE: (\S+)/.exec(await client.command('STOU'))?.[1] ?? ''
    data.end('unique')
    expect(await client.reply()).toMatch(/^226 /)
    expect(await readFile(real(name), 'utf8')).toBe('unique')
  })

  test('without a data connection there is no transfer', async () => {
    expect(await client.command('STOR nowhere')).toMatch(/^425 /)
    expect(await client.command('PWD')).toMatch(/^257 /)
  })
})

describe('parts of files (check 6)', () => {
  beforeEach(async () => {
    await writeFile(real('parts'), '0123456789')
  })

  test('RETR after REST starts there; at the end there is nothing; beyond it is refused', async () => {
    await client.command('REST 4')
    expect((await download(client, 'RETR parts')).toString()).toBe('456789')
    await client.command('REST 10')
    expect((await download(client, 'RETR parts')).toString()).toBe('')
    await client.command('REST 11')
    expect(await client.command('RETR parts')).toMatch(/^554 /)
  })

  test('STOR after REST keeps the first bytes and ends where the new ones end', async () => {
    await client.command('REST 4')
    expect(await upload(client, 'STOR parts', Buffer.from('ABC'))).toMatch(/^226 /)
    expect(await readFile(real('parts'), 'utf8')).toBe('0123ABC')
  })

  test('STOR after REST beyond the end is refused, and the file stays', async () => {
    for (const name of ['parts', 'missing']) {
      await client.command('REST 11')
      expect(await upload(client, `STOR ${name}`, Buffer.from('x'))).toMatch(/^554 /)
    }
    expect(await readFile(real('parts'), 'utf8')).toBe('0123456789')
  })

  test('REST holds for one transfer only', async () => {
    await client.command('REST 4')
    await download(client, 'RETR parts')
    expect((await download(client, 'RETR parts')).toString()).toBe('0123456789')
  })

  test('APPE writes behind what is there, and makes what is not', async () => {
    await upload(client, 'APPE parts', Buffer.from('AB'))
    await upload(client, 'APPE fresh', Buffer.from('new'))
    expect(await readFile(real('parts'), 'utf8')).toBe('0123456789AB')
    expect(await readFile(real('fresh'), 'utf8')).toBe('new')
  })

  test('REST is for TYPE I', async () => {
    await client.command('TYPE A')
    await client.command('REST 4')
    expect(await client.command('RETR parts')).toMatch(/^554 /)
  })
})

describe('transfers that are cut', () => {
  beforeEach(async () => {
    await writeFile(real('old'), 'the old content')
    await writeFile(real('big'), Buffer.alloc(64 * MIB))
    const before = (await filesBelow(world.root)).length
    // Whatever is cut, nothing that was staged may be left: only what a test finished may be new.
    return async () => {
      const finished = ['slow', 'finished']
      await until(async () => {
        const now = (await filesBelow(world.root)).filter((name) => !finished.includes(name))
        return now.length <= before
      })
    }
  })

  test('ABOR in the middle of RETR: 426, 226, and the session goes on (check 8)', async () => {
    const data = await client.openData()
    expect(await client.command('RETR big')).toMatch(/^150 /)
    await once(data, 'data')
    data.pause()
    client.send('ABOR\r\n')
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.reply()).toMatch(/^226 /)
    expect((await download(client, 'RETR old')).toString()).toBe('the old content')
    data.destroy()
  })

  test('ABOR with telnet bytes in the middle of STOR leaves the old file (check 8)', async () => {
    const data = await startUpload(client, 'old', MIB)
    client.socket.write(Buffer.from([0xff, 0xf4, 0xff, 0xf2]))
    client.send('ABOR\r\n')
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.reply()).toMatch(/^226 /)
    expect(await readFile(real('old'), 'utf8')).toBe('the old content')
    data.destroy()
  })

  test('ABOR ends the waiting for a data connection', async () => {
    await client.command('EPSV')
    client.send('RETR old\r\n')
    await new Promise((resolve) => setTimeout(resolve, 30))
    client.send('ABOR\r\n')
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.reply()).toMatch(/^226 /)
  })

  test('STAT is answered while something moves, QUIT when it has moved', async () => {
    const data = await startUpload(client, 'slow', MIB)
    expect(await client.command('STAT')).toMatch(/^213 STOR: \d+ bytes/)
    client.send('NOOP\r\nQUIT\r\n')
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(await client.reply()).toMatch(/^221 /)
    await client.closed
    expect((await readFile(real('slow'))).length).toBe(MIB)
  })

  test('a data connection that is reset leaves the old file (check 14)', async () => {
    const data = await startUpload(client, 'old', MIB)
    data.resetAndDestroy()
    expect(await client.reply()).toMatch(/^426 /)
    expect(await readFile(real('old'), 'utf8')).toBe('the old content')
    expect(await client.command('NOOP')).toMatch(/^200 /)
  })

  test('a lost control connection drops the upload, even when the data ends with it', async () => {
    const data = await startUpload(client, 'old', MIB)
    client.socket.destroy()
    data.end()
    await until(() => data.destroyed)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await readFile(real('old'), 'utf8')).toBe('the old content')
  })

  test('R1: a key that is disabled during STOR: 421 within 1 s, the old file stays (check 12)', async () => {
    const short = await world.issue()
    using cut = await loginRaw(door.port, short)
    const data = await startUpload(cut, 'old', MIB)
    const fresh = await loginRaw(door.port, short)
    const freshData = await startUpload(fresh, 'never-there', MIB)
    const before = performance.now()
    await world.disable(short.id)
    expect(await cut.reply()).toMatch(/^421 /)
    await Promise.all([cut.closed, fresh.closed])
    await until(() => data.destroyed && freshData.destroyed)
    expect(performance.now() - before).toBeLessThan(1000)
    expect(await readFile(real('old'), 'utf8')).toBe('the old content')
    expect(await filesBelow(world.root)).not.toContain('never-there')
  })

  test('R1: a key that is disabled during RETR is cut within 1 s (check 12)', async () => {
    const short = await world.issue()
    using cut = await loginRaw(door.port, short)
    const data = await cut.openData()
    await cut.command('RETR big')
    await once(data, 'data')
    data.pause()
    const before = performance.now()
    await world.disable(short.id)
    expect(await cut.reply()).toMatch(/^421 /)
    await cut.closed
    data.resume()
    await until(() => data.destroyed)
    expect(performance.now() - before).toBeLessThan(1000)
    expect(data.bytesRead).toBeLessThan(64 * MIB)
  })

  test('a door that stops lets an upload finish, and cuts it at the deadline', async () => {
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const stopping = await startFtpDoor(world.gate, { listener, log, passivePorts: 'any' })
    using finishing = await loginRaw(stopping.port, key)
    using stuck = await loginRaw(stopping.port, key)
    const data = await startUpload(finishing, 'finished', MIB)
    await startUpload(stuck, 'stuck', MIB)
    const deadline = new AbortController()
    const stopped = stopping.stop(deadline.signal)
    data.end()
    expect(await finishing.reply()).toMatch(/^226 /)
    expect(await finishing.reply()).toMatch(/^421 /)
    deadline.abort()
    expect(await stuck.reply()).toMatch(/^421 /)
    await stopped
    expect((await readFile(real('finished'))).length).toBe(MIB)
    expect(await filesBelow(world.root)).not.toContain('stuck')
  })
})

describe('data connections (check 9)', () => {
  test('active mode: to the client itself it works, with PORT and EPRT', async () => {
    await writeFile(real('active'), 'to you')
    for (const kind of ['PORT', 'EPRT']) {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      const said = kind === 'PORT' ? `127,0,0,1,${port >> 8},${port & 255}` : `|1|127.0.0.1|${port}|`
      expect(await client.command(`${kind} ${said}`)).toMatch(/^200 /)
      const arrived = once(server, 'connection')
      client.send('RETR active\r\n')
      const [data] = await arrived
      expect((await readAll(data)).toString()).toBe('to you')
      expect(await client.reply()).toMatch(/^150 /)
      expect(await client.reply()).toMatch(/^226 /)
      server.close()
    }
  })

  test('to a third party or a port below 1024 it is refused, and so is nonsense', async () => {
    expect(await client.command('PORT 10,0,0,1,200,1')).toMatch(/^500 /)
    expect(await client.command('PORT 127,0,0,1,0,22')).toMatch(/^500 /)
    expect(await client.command('EPRT |1|10.0.0.1|5000|')).toMatch(/^500 /)
    expect(await client.command('EPRT |2|::1|5000|')).toMatch(/^500 /)
    expect(await client.command('PORT 127,0,0,1,300,1')).toMatch(/^501 /)
    expect(await client.command('EPRT |1|localhost|5000|')).toMatch(/^501 /)
  })

  test('nobody listens on the active port: 425, and the session goes on', async () => {
    await client.command('PORT 127,0,0,1,255,254')
    expect(await client.command('LIST')).toMatch(/^425 /)
    expect(await client.command('NOOP')).toMatch(/^200 /)
  })

  test('a data connection from another address is closed, the right one still gets in', async () => {
    await writeFile(real('mine'), 'mine')
    const port = Number(/\|\|\|(\d+)\|/.exec(await client.command('EPSV'))?.[1])
    const thief = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
    thief.on('error', () => {})
    await once(thief, 'close')
    const data = connect({ port, host: '127.0.0.1' })
    expect(await client.command('RETR mine')).toMatch(/^150 /)
    expect((await readAll(data)).toString()).toBe('mine')
    expect(await client.reply()).toMatch(/^226 /)
  })

  test('EPSV knows its protocol numbers, and after EPSV ALL nothing else is taken', async () => {
    expect(await client.command('EPSV 1')).toMatch(/^229 /)
    expect(await client.command('EPSV 2')).toMatch(/^522 .*\(1\)/)
    expect(await client.command('EPSV ALL')).toMatch(/^200 /)
    expect(await client.command('PASV')).toMatch(/^503 /)
    expect(await client.command('PORT 127,0,0,1,200,1')).toMatch(/^503 /)
    expect(await client.command('EPSV')).toMatch(/^229 /)
  })

  test('PASV tells the address that the client reached', async () => {
    expect(await client.command('PASV')).toMatch(/^227 .*\(127,0,0,1,\d+,\d+\)$/)
  })
})

describe('rights', () => {
  test('a key without files.write is refused before the data connection, a key without files.read too', async () => {
    await writeFile(real('there'), 'there')
    const reader = await world.issue({ scopes: ALL_SCOPES & ~scopesOf('files.write') })
    const writer = await world.issue({ scopes: ALL_SCOPES & ~scopesOf('files.read') })
    using reading = await loginRaw(door.port, reader)
    expect(await upload(reading, 'STOR new', Buffer.from('x'))).toMatch(/^550 /)
    expect(await upload(reading, 'APPE there', Buffer.from('x'))).toMatch(/^550 /)
    await mkdir(real('folder'))
    expect(await reading.command('MKD folder/below')).toMatch(/^550 /)
    expect((await download(reading, 'RETR there')).toString()).toBe('there')
    using writing = await loginRaw(door.port, writer)
    await writing.openData()
    expect(await writing.command('RETR there')).toMatch(/^550 /)
    expect(await filesBelow(world.root)).not.toContain('new')
    expect(await readFile(real('there'), 'utf8')).toBe('there')
  })

  test('a key without the ftp scope does not open the door', async () => {
    const other = await world.issue({ scopes: ALL_SCOPES & ~scopesOf('ftp') })
    await expect(loginRaw(door.port, other)).rejects.toThrow('login failed: 530')
  })
})
