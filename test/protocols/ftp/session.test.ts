import { randomInt } from 'node:crypto'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { connectRaw, createRawClient, loginRaw } from './raw-client.ts'

let world: World
let key: WorldKey
let door: RunningDoor

const log = { debug() {}, info() {}, warn() {}, error() {} }

function start(options: Partial<FtpDoorOptions> = {}): Promise<RunningDoor> {
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  return startFtpDoor(world.gate, { listener, log, passivePorts: 'any', wrongLoginDelayMs: 20, ...options })
}

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await start()
})

afterAll(async () => {
  await door.stop(AbortSignal.abort())
  await world[Symbol.asyncDispose]()
})

describe('control connection', () => {
  test('a command in two segments is one command (check 5)', async () => {
    using client = await connectRaw(door.port)
    client.send('US')
    await new Promise((resolve) => setTimeout(resolve, 30))
    client.send('ER u\r\n')
    expect(await client.reply()).toMatch(/^331 /)
  })

  test('a line of 4 MiB ends the connection (check 5)', async () => {
    using client = await connectRaw(door.port)
    client.send('a'.repeat(4 * 1024 * 1024))
    expect(await client.reply()).toMatch(/^500 /)
    await client.closed
  })

  test('commands in one segment are answered one by one, in order', async () => {
    using client = await connectRaw(door.port)
    client.send(`USER ${key.login}\r\nPASS ${key.value}\r\nPWD\r\nNOOP\r\nSYST\r\n`)
    const codes: string[] = []
    for (let i = 0; i < 5; i++) codes.push((await client.reply()).slice(0, 3))
    expect(codes).toEqual(['331', '230', '257', '200', '215'])
  })

  test('who sends commands without end is closed, and others go on', async () => {
    using other = await loginRaw(door.port, key)
    using client = await connectRaw(door.port)
    client.send(`USER x\r\nPASS y\r\n${'NOOP\r\n'.repeat(500)}`)
    await client.closed
    expect(await other.command('PWD')).toMatch(/^257 /)
  })

  test('random bytes do no harm', async () => {
    using client = await connectRaw(door.port)
    client.send(`\0\xff\xfe\x80 ${'\r\n\n\r\0'.repeat(3)}`)
    expect(await client.reply()).toMatch(/^500 /)
    using other = await loginRaw(door.port, key)
    expect(await other.command('NOOP')).toMatch(/^200 /)
  })

  test('what is not known or not offered is said so (check 11)', async () => {
    using client = await loginRaw(door.port, key)
    expect(await client.command('SITE EXEC ls')).toMatch(/^502 /)
    expect(await client.command('SITE CHMOD 777 a')).toMatch(/^502 /)
    expect(await client.command('CCC')).toMatch(/^500 /)
    expect(await client.command('__proto__')).toMatch(/^500 /)
    expect(await client.command('RETR')).toMatch(/^501 /)
    expect(await client.command('AUTH TLS')).toMatch(/^502 /)
    expect(await client.command('MODE Z')).toMatch(/^504 /)
    expect(await client.command('STRU R')).toMatch(/^504 /)
    expect(await client.command('TYPE E')).toMatch(/^504 /)
    expect(await client.command('REST abc')).toMatch(/^501 /)
  })

  test('FEAT, HELP, SYST, STAT, OPTS and ALLO answer', async () => {
    using client = await loginRaw(door.port, key)
    const features = await client.command('FEAT')
    for (const name of ['UTF8', 'MLST type*;size*;modify*;perm*;unique*;', 'REST STREAM', 'MFMT', 'HOST']) {
      expect(features).toContain(`\r\n ${name}\r\n`)
    }
    expect(features).not.toContain('AUTH')
    expect(await client.command('HELP')).toContain(' RETR ')
    expect(await client.command('STAT')).toMatch(/^211-/)
    expect(await client.command('OPTS UTF8 ON')).toMatch(/^200 /)
    expect(await client.command('OPTS MLST size;type;')).toBe('200 MLST OPTS type;size;')
    expect(await client.command('FEAT')).toContain(' MLST type*;size*;modify;perm;unique;\r\n')
    expect(await client.command('ALLO 100')).toMatch(/^202 /)
  })

  test('QUIT says good-bye and closes', async () => {
    using client = await connectRaw(door.port)
    expect(await client.command('QUIT')).toMatch(/^221 /)
    await client.closed
  })
})

describe('login', () => {
  test('D1: @api-<id>, @api-<name> and api-<id> open the door', async () => {
    for (const login of [key.login, `@api-${key.name}`, key.login.slice(1)]) {
      using client = await loginRaw(door.port, { login, value: key.value })
      expect(await client.command('PWD')).toBe('257 "/" is the current folder')
    }
  })

  test('before it no command reaches the files', async () => {
    using client = await connectRaw(door.port)
    for (const line of [
      'PWD',
      'LIST',
      'RETR a',
      'STOR a',
      'DELE a',
      'EPSV',
      'PORT 127,0,0,1,200,1',
      'ABOR',
    ]) {
      expect(await client.command(line), line).toMatch(/^530 /)
    }
    expect(await client.command('PASS x')).toMatch(/^503 /)
    expect(await client.command('STAT /')).toMatch(/^530 /)
  })

  test('three wrong passwords end the connection, each answered later (check 10)', async () => {
    const slow = await start({ wrongLoginDelayMs: 60 })
    using client = await connectRaw(slow.port)
    const waits: number[] = []
    for (const code of ['530', '530', '421']) {
      await client.command(`USER ${key.login}`)
      const before = performance.now()
      expect((await client.command('PASS wrong')).slice(0, 3)).toBe(code)
      waits.push(performance.now() - before)
    }
    await client.closed
    waits.forEach((wait, i) => {
      expect(wait).toBeGreaterThan(55 * (i + 1))
    })
    await slow.stop(AbortSignal.abort())
  })

  test('R2: wrong, unknown, expired, disabled and foreign keys look the same', async () => {
    const expired = await world.issue({ expiresAt: world.clock.now() + 1000 })
    const disabled = await world.issue()
    await world.disable(disabled.id)
    world.clock.advance(2000)
    const other = await world.addSite('other')
    const foreign = await world.issue({ site: other.name })
    const bound = await start({ listener: { address: '127.0.0.1', port: 0, siteId: world.site.id } })
    const attempts = [
      { login: key.login, value: disabled.value },
      { login: '@api-nobody', value: key.value },
      expired,
      disabled,
      foreign,
      { login: key.login, value: `${key.value.slice(0, -1)}!` },
    ]
    const answers = new Set<string>()
    for (const { login, value } of attempts) {
      using client = await connectRaw(bound.port)
      await client.command(`USER ${login}`)
      answers.add(await client.command(`PASS ${value}`))
    }
    expect([...answers]).toEqual(['530 Login or password is wrong'])
    await bound.stop(AbortSignal.abort())
  })

  test('U5: HOST chooses the site; a key of another site is refused there', async () => {
    const site = await world.addSite('hosted', ['hosted.example'])
    const own = await world.issue({ site: site.name })
    using client = await connectRaw(door.port)
    expect(await client.command('HOST nobody.example')).toMatch(/^504 /)
    expect(await client.command('HOST hosted.example')).toMatch(/^220 /)
    await client.command(`USER ${key.login}`)
    expect(await client.command(`PASS ${key.value}`)).toMatch(/^530 /)
    await client.command(`USER ${own.login}`)
    expect(await client.command(`PASS ${own.value}`)).toMatch(/^230 /)
    expect(await client.command('HOST hosted.example')).toMatch(/^503 /)
  })

  test('another login on the same connection works, and the first one counts no more (check 15)', async () => {
    const limited = await world.issue({ basePath: '/only-here' })
    using client = await loginRaw(door.port, key)
    expect(await client.command('MKD /only-here')).toMatch(/^257 /)
    await client.command('CWD /only-here')
    await client.command(`USER ${limited.login}`)
    expect(await client.command('PWD')).toMatch(/^530 /)
    expect(await client.command(`PASS ${limited.value}`)).toMatch(/^230 /)
    expect(await client.command('PWD')).toBe('257 "/" is the current folder')
    expect(await client.command('MKD /elsewhere')).toMatch(/^550 /)
    await world.disable(limited.id)
    expect(await client.reply()).toMatch(/^421 /)
  })

  test('who does not log in within the time of grace is shown out', async () => {
    const hasty = await start({ loginGraceMs: 300 })
    using client = await connectRaw(hasty.port)
    expect(await client.reply()).toMatch(/^421 /)
    await client.closed
    using quick = await loginRaw(hasty.port, key)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(await quick.command('NOOP')).toMatch(/^200 /)
    await hasty.stop(AbortSignal.abort())
  })

  test('without TLS nobody gets in where TLS is required', async () => {
    const strict = await start({ requireTls: true })
    using client = await connectRaw(strict.port)
    expect(await client.command(`USER ${key.login}`)).toMatch(/^530 TLS is required/)
    expect(await client.command(`PASS ${key.value}`)).toMatch(/^503 /)
    await strict.stop(AbortSignal.abort())
  })
})

describe('limits', () => {
  test('silent sessions time out, each with a word (check 13)', async () => {
    const short = await start({ idleMs: 150, loginGraceMs: 60_000, maxConnectionsPerAddress: 1000 })
    const clients = await Promise.all(Array.from({ length: 200 }, () => connectRaw(short.port)))
    const words = await Promise.all(clients.map((client) => client.reply()))
    expect(words.every((word) => word.startsWith('421 '))).toBe(true)
    await Promise.all(clients.map((client) => client.closed))
    await short.stop(AbortSignal.abort())
  })

  test('a transfer that takes longer than the idle time is not cut, and idling behind it is', async () => {
    const short = await start({ idleMs: 2000 })
    using client = await loginRaw(short.port, key)
    const data = await client.openData()
    expect(await client.command('STOR slow')).toMatch(/^150 /)
    for (let i = 0; i < 20; i++) {
      data.write('more')
      await new Promise((resolve) => setTimeout(resolve, 120))
    }
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(await client.reply()).toMatch(/^421 /)
    await short.stop(AbortSignal.abort())
  })

  test('a data connection on which nothing comes is cut', async () => {
    const short = await start({ idleMs: 1000 })
    using client = await loginRaw(short.port, key)
    await client.openData()
    expect(await client.command('STOR silent')).toMatch(/^150 /)
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.command('SIZE silent')).toMatch(/^550 /)
    await short.stop(AbortSignal.abort())
  })

  test('no data connection in time is 425; no free port is too, until one is free again', async () => {
    // Below those that systems give to clients, which may be in use.
    const port = randomInt(20_000, 30_000)
    const narrow = await start({ passivePorts: { from: port, to: port }, dataConnectMs: 50 })
    using first = await loginRaw(narrow.port, key)
    using second = await loginRaw(narrow.port, key)
    expect(await first.command('EPSV')).toContain(`|||${port}|`)
    expect(await second.command('EPSV')).toMatch(/^425 /)
    expect(await first.command('LIST')).toMatch(/^425 /)
    expect(await second.command('EPSV')).toContain(`|||${port}|`)
    await narrow.stop(AbortSignal.abort())
  })

  test('an address has only so many connections, and gets room again when some end', async () => {
    const small = await start({ maxConnectionsPerAddress: 2 })
    const first = await connectRaw(small.port)
    using second = await connectRaw(small.port)
    using third = createRawClient(connect({ port: small.port, host: '127.0.0.1' }))
    expect(await third.reply()).toMatch(/^421 /)
    expect(await first.command('QUIT')).toMatch(/^221 /)
    await first.closed
    await new Promise((resolve) => setTimeout(resolve, 30))
    using fourth = await connectRaw(small.port)
    expect(await fourth.command('NOOP')).toMatch(/^200 /)
    expect(await second.command('NOOP')).toMatch(/^200 /)
    await small.stop(AbortSignal.abort())
  })

  test('a door that stops says good-bye to those that do nothing', async () => {
    const short = await start()
    using client = await loginRaw(short.port, key)
    const stopped = short.stop(AbortSignal.timeout(5000))
    expect(await client.reply()).toMatch(/^421 /)
    await stopped
  })

  test('a port that is taken rejects with EADDRINUSE', async () => {
    const taken = start({ listener: { address: '127.0.0.1', port: door.port, siteId: null } })
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
