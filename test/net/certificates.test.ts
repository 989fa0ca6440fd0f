import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CertificateFiles, loadCertificates } from '#net/certificates.ts'
import { makeCertificate, type Pem, save } from '../certificate.ts'

let dir: string
let first: Pem
let second: Pem
let wild: Pem

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-certificates-'))
  first = await makeCertificate(['first.example'])
  second = await makeCertificate(['second.example', 'www.wild.example'])
  wild = await makeCertificate(['*.wild.example', '10.1.2.3'])
})

afterAll(() => rm(dir, { recursive: true }))

function memoryLog() {
  const lines: string[] = []
  const at = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
  return { lines, info: at('info'), warn: at('warn'), error: at('error') }
}

async function loadAll(pems: readonly Pem[], name: string) {
  const files = await Promise.all(pems.map((pem, n) => save(dir, `${name}-${n}`, pem)))
  const [one, ...rest] = files
  if (one === undefined) throw new Error('no pair')
  const log = memoryLog()
  return { files, log, certificates: await loadCertificates([one, ...rest], { log, pollMs: 0 }) }
}

describe('which certificate', () => {
  test.each([
    ['first.example', 'first'],
    ['SECOND.example', 'second'],
    ['second.example.', 'second'],
    ['a.wild.example', 'wild'],
    ['www.wild.example', 'second'],
    ['a.b.wild.example', 'first'],
    ['wild.example', 'first'],
    ['10.1.2.3', 'wild'],
    ['elsewhere.example', 'first'],
    ['', 'first'],
    [undefined, 'first'],
  ])('for %j it is the one of %s', async (name, expected) => {
    const { certificates } = await loadAll([first, second, wild], 'which')
    const pems: Record<string, Pem> = { first, second, wild }
    expect(certificates.pairFor(name).cert).toBe(pems[expected]?.cert)
    expect(certificates.secureContextFor(name)).toBe(certificates.pairFor(name).context)
  })
})

describe('what cannot be used is refused at the start, with the file and the reason', () => {
  test.each([
    ['the key is another one', () => ({ key: second.key, cert: first.cert }), 'does not belong to'],
    ['the certificate is text', () => ({ key: first.key, cert: 'hello' }), 'no PEM certificate'],
    ['the key is text', () => ({ key: 'hello', cert: first.cert }), 'no PEM private key'],
    [
      'the key is encrypted',
      () => ({ key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n', cert: first.cert }),
      'without a passphrase',
    ],
  ])('%s', async (_name, pem, reason) => {
    const files = await save(dir, 'bad', pem())
    const loading = loadCertificates([files], { log: memoryLog(), pollMs: 0 })
    await expect(loading).rejects.toThrow(reason)
    await expect(loading).rejects.toThrow(files.certificate)
  })

  test('a file is missing', async () => {
    const files = { certificate: join(dir, 'no.crt'), key: join(dir, 'no.key') }
    const loading = loadCertificates([files], { log: memoryLog(), pollMs: 0 })
    await expect(loading).rejects.toThrow(/no\.crt: the file is not there/)
  })
})

describe('reload', () => {
  test('another pair is taken, and who listens is told; the same pair changes nothing', async () => {
    const { certificates, files, log } = await loadAll([first, wild], 'reload')
    let told = 0
    const unsubscribe = certificates.onReload(() => told++)
    await certificates.reload()
    expect(told).toBe(0)
    await save(dir, 'reload-0', second)
    await certificates.reload()
    expect([told, certificates.pairFor('second.example').cert]).toEqual([1, second.cert])
    expect(certificates.pairFor('a.wild.example').cert).toBe(wild.cert)
    expect(log.lines).toEqual([expect.stringMatching(/^info .*another certificate/)])
    unsubscribe()
    await save(dir, 'reload-0', first)
    await certificates.reload()
    expect([told, files.length]).toEqual([1, 2])
  })

  test('a broken new pair is an error in the log without the key, and the old one goes on', async () => {
    const { certificates, files, log } = await loadAll([first, wild], 'broken')
    await writeFile(files[0]?.key ?? '', second.key)
    await save(dir, 'broken-1', second)
    await certificates.reload()
    expect(certificates.pairFor('first.example').cert).toBe(first.cert)
    expect(certificates.pairFor('second.example').cert).toBe(second.cert)
    const errors = log.lines.filter((line) => line.startsWith('error'))
    expect(errors).toEqual([expect.stringMatching(/old pair goes on.*does not belong/)])
    expect(errors.join()).not.toContain('PRIVATE KEY')
    await rm(files[1]?.certificate ?? '')
    await certificates.reload()
    expect(certificates.pairFor('second.example').cert).toBe(second.cert)
  })

  test('files are looked at by themselves: one half of a change is waited with, and then called broken once', async () => {
    const files = await save(dir, 'poll', first)
    const log = memoryLog()
    using certificates = await loadCertificates([files], { log, pollMs: 20 })
    await writeFile(files.certificate, second.cert)
    await expect.poll(() => log.lines.length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(log.lines).toEqual([expect.stringMatching(/^error /)])
    await writeFile(files.key, second.key)
    await expect.poll(() => certificates.pairFor(undefined).cert).toBe(second.cert)
    expect(log.lines.at(-1)).toMatch(/^info /)
  })

  test('what expires soon or has expired is said', async () => {
    const files: CertificateFiles = await save(dir, 'old', first)
    const day = 86_400_000
    const soon = memoryLog()
    await loadCertificates([files], { log: soon, pollMs: 0, now: () => Date.now() + 50 * day })
    const late = memoryLog()
    await loadCertificates([files], { log: late, pollMs: 0, now: () => Date.now() + 61 * day })
    const early = memoryLog()
    await loadCertificates([files], { log: early, pollMs: 0, now: Date.now })
    expect(soon.lines).toEqual([expect.stringMatching(/^warn .*within 14 days/)])
    expect(late.lines).toEqual([expect.stringMatching(/^error .*has expired/)])
    expect(early.lines).toEqual([])
  })
})

describe('a server', () => {
  async function peerOf(port: number, options: ConnectionOptions) {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    const seen = { name: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol() }
    socket.destroy()
    return seen
  }

  test('HTTPS shows the certificate of the name, and after a reload the new one to new connections', async () => {
    const { certificates } = await loadAll([first, wild], 'server')
    const server = createHttps(certificates.serverOptions())
    certificates.onReload(() => server.setSecureContext(certificates.serverOptions()))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect((await peerOf(port, {})).name).toBe('first.example')
    expect((await peerOf(port, { servername: 'x.wild.example' })).name).toBe('*.wild.example')
    await save(dir, 'server-0', second)
    await certificates.reload()
    expect((await peerOf(port, {})).name).toBe('second.example')
    expect((await peerOf(port, { servername: 'second.example' })).name).toBe('second.example')
    server.close()
  })

  test('TLS 1.3 and 1.2 are spoken, nothing older, no cipher without forward secrecy', async () => {
    const { certificates } = await loadAll([first], 'versions')
    const server = createHttps(certificates.serverOptions())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect((await peerOf(port, {})).protocol).toBe('TLSv1.3')
    expect((await peerOf(port, { maxVersion: 'TLSv1.2' })).protocol).toBe('TLSv1.2')
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(peerOf(port, old)).rejects.toThrow()
    await expect(peerOf(port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })).rejects.toThrow()
    server.close()
  })
})
