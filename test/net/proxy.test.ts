import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientAddress, trustedProxies } from '#net/proxy.ts'
import { readProxyHeader, receiveProxyHeader } from '#net/proxy-protocol.ts'

const PROXIES = trustedProxies(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.200'])

function seen(remoteAddress: string, ...forwarded: string[]): string {
  const headers = forwarded.length === 0 ? {} : { 'x-forwarded-for': forwarded }
  // Two fields are all that is read of a request.
  const request = { socket: { remoteAddress }, headersDistinct: headers }
  return clientAddress(request as unknown as Parameters<typeof clientAddress>[0], PROXIES)
}

describe('X-Forwarded-For (R2)', () => {
  test.each<[string, string, string[], string]>([
    ['no proxy, no header', '203.0.113.5', [], '203.0.113.5'],
    ['a forged header from somebody who is no proxy', '203.0.113.5', ['198.51.100.1'], '203.0.113.5'],
    ['a trusted proxy', '10.0.0.1', ['198.51.100.1'], '198.51.100.1'],
    ['a trusted single address', '192.0.2.200', ['198.51.100.1'], '198.51.100.1'],
    ['a trusted proxy that came mapped into IPv6', '::ffff:10.0.0.1', ['198.51.100.1'], '198.51.100.1'],
    ['a trusted proxy over IPv6', '2001:db8:ffff::1', ['2001:db8::9'], '2001:db8::9'],
    ['what the client forged stands left', '10.0.0.1', ['127.0.0.1, 198.51.100.1'], '198.51.100.1'],
    ['a chain of proxies', '10.0.0.1', ['1.2.3.4, 198.51.100.1, 10.0.0.9'], '198.51.100.1'],
    ['several headers are one list', '10.0.0.1', ['1.2.3.4', '198.51.100.1', '10.0.0.9'], '198.51.100.1'],
    ['nobody but proxies: the first of them', '10.0.0.1', ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
    ['with ports', '10.0.0.1', ['198.51.100.1:4711'], '198.51.100.1'],
    ['IPv6 with a port', '10.0.0.1', ['[2001:db8::9]:4711'], '2001:db8::9'],
    ['a proxy that names nobody', '10.0.0.1', ['unknown'], '10.0.0.1'],
    ['names are not followed', '10.0.0.1', ['198.51.100.1, localhost'], '10.0.0.1'],
    ['an empty header', '10.0.0.1', [''], '10.0.0.1'],
    ['no header from a proxy', '10.0.0.1', [], '10.0.0.1'],
  ])('%s', (_, peer, forwarded, expected) => {
    expect(seen(peer, ...forwarded)).toBe(expected)
  })

  test('without configured proxies nobody is trusted, loopback neither', () => {
    const nobody = trustedProxies()
    expect(nobody.holds('127.0.0.1')).toBe(false)
    expect(nobody.holds('')).toBe(false)
  })
})

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const V2_TCP4 = Buffer.from(`${SIGNATURE}2111000c c6336401 0a000001 1267 0016`.replaceAll(' ', ''), 'hex')
const V2_TCP6 = Buffer.from(
  `${SIGNATURE}21210024 20010db8000000000000000000000009 20010db8000000000000000000000001 1267 0016`.replaceAll(
    ' ',
    '',
  ),
  'hex',
)
const V2_LOCAL = Buffer.from(`${SIGNATURE}20000000`, 'hex')
const V1 = Buffer.from('PROXY TCP4 198.51.100.1 10.0.0.1 4711 22\r\n')

describe('PROXY protocol headers', () => {
  test.each<[string, Buffer, ReturnType<typeof readProxyHeader>]>([
    ['version 1, IPv4', V1, { kind: 'client', address: '198.51.100.1', length: V1.length }],
    [
      'version 1, IPv6',
      Buffer.from('PROXY TCP6 2001:db8::9 ::1 4711 22\r\nSSH-2.0'),
      { kind: 'client', address: '2001:db8::9', length: 36 },
    ],
    ['version 1, unknown', Buffer.from('PROXY UNKNOWN whatever\r\n'), { kind: 'local', length: 24 }],
    ['version 2, IPv4', V2_TCP4, { kind: 'client', address: '198.51.100.1', length: 28 }],
    ['version 2, IPv6', V2_TCP6, { kind: 'client', address: '2001:db8::9', length: 52 }],
    ['version 2, a health check of the proxy itself', V2_LOCAL, { kind: 'local', length: 16 }],
    [
      'a name in place of an address',
      Buffer.from('PROXY TCP4 localhost 10.0.0.1 1 2\r\n'),
      { kind: 'invalid' },
    ],
    ['IPv6 called IPv4', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'), { kind: 'invalid' }],
    ['no ports', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4\r\n'), { kind: 'invalid' }],
    ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`), { kind: 'invalid' }],
    ['SSH at once', Buffer.from('SSH-2.0-OpenSSH'), { kind: 'invalid' }],
    [
      'version 2 that says it is 65,535 bytes long',
      Buffer.from(`${SIGNATURE}2111ffff`, 'hex'),
      { kind: 'invalid' },
    ],
    [
      'version 2 too short for its addresses',
      Buffer.from(`${SIGNATURE}2111000401020304`, 'hex'),
      { kind: 'invalid' },
    ],
    [
      'version 2 of a datagram',
      Buffer.from(`${SIGNATURE}2112000c${'00'.repeat(12)}`, 'hex'),
      { kind: 'invalid' },
    ],
    ['version 3', Buffer.from(`${SIGNATURE}31110000`, 'hex'), { kind: 'invalid' }],
  ])('%s', (_, bytes, expected) => {
    expect(readProxyHeader(bytes)).toEqual(expected)
  })

  test('every part of a right header is incomplete, and no bytes throw', () => {
    for (const whole of [V1, V2_TCP4, V2_TCP6, V2_LOCAL]) {
      for (let length = 0; length < whole.length; length++) {
        expect(readProxyHeader(whole.subarray(0, length)), `${length}`).toEqual({ kind: 'incomplete' })
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom('', 'PROXY ', '\r\n\r\n\0\r\nQUIT\n'),
        fc.uint8Array({ maxLength: 120 }),
        (start, rest) => {
          readProxyHeader(Buffer.concat([Buffer.from(start, 'latin1'), rest]))
        },
      ),
    )
  })
})

describe('receiving a PROXY header', () => {
  /** What the server learns of a client that sends these pieces, and what is left to read. */
  async function received(trusted: readonly string[], pieces: readonly Buffer[]) {
    const stop = new AbortController()
    const { promise, resolve } = Promise.withResolvers<{ address: string | null; rest: string }>()
    const server = createServer(async (socket) => {
      const address = await receiveProxyHeader(socket, trustedProxies(trusted), stop.signal)
      let rest = ''
      if (address === null) return resolve({ address, rest })
      socket.on('data', (chunk) => {
        rest += chunk.toString()
      })
      socket.once('end', () => resolve({ address, rest }))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const bound = server.address()
    const client = connect(typeof bound === 'object' && bound !== null ? bound.port : 0, '127.0.0.1')
    client.on('error', () => {})
    for (const piece of pieces) {
      client.write(piece)
      await new Promise((done) => setTimeout(done, 5))
    }
    if (pieces.length === 0) stop.abort()
    client.end()
    const result = await promise
    client.destroy()
    server.close()
    return result
  }

  test('in one piece with the first bytes of the protocol, which are not lost', async () => {
    const bytes = [Buffer.concat([V1, Buffer.from('USER ann\r\n')]), Buffer.from('PASS x\r\n')]
    expect(await received(['127.0.0.1'], bytes)).toEqual({
      address: '198.51.100.1',
      rest: 'USER ann\r\nPASS x\r\n',
    })
  })

  test('byte by byte', async () => {
    const bytes = [...V2_TCP4].map((byte) => Buffer.of(byte))
    expect(await received(['127.0.0.0/8'], [...bytes, Buffer.from('hello')])).toEqual({
      address: '198.51.100.1',
      rest: 'hello',
    })
  })

  test('the proxy’s own connection has its own address', async () => {
    expect((await received(['127.0.0.1'], [V2_LOCAL])).address).toBe('127.0.0.1')
  })

  test.each<[string, string[], Buffer[]]>([
    ['a peer that is no trusted proxy', ['10.0.0.0/8'], [V1]],
    ['a peer that sends no header', ['127.0.0.1'], [Buffer.from('SSH-2.0-x\r\n')]],
    ['a peer that closes before its header is whole', ['127.0.0.1'], [V1.subarray(0, 20)]],
    ['a door that stops', ['127.0.0.1'], []],
  ])('%s is turned away', async (_, trusted, pieces) => {
    expect(await received(trusted, pieces)).toEqual({ address: null, rest: '' })
  })
})
