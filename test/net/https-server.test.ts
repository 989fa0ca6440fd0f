import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Certificates, loadCertificates } from '#net/certificates.ts'
import { type RunningHttpServer, startHttpServer } from '#net/http-server.ts'
import { makeCertificate, type Pem, save } from '../certificate.ts'

let dir: string
let old: Pem
let renewed: Pem
let named: Pem
let certificates: Certificates
let server: RunningHttpServer
const agents: Agent[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-https-'))
  old = await makeCertificate(['localhost'])
  renewed = await makeCertificate(['localhost'])
  named = await makeCertificate(['files.example'])
  const files = [await save(dir, 'default', old), await save(dir, 'named', named)] as const
  const log = { info() {}, warn() {}, error() {} }
  certificates = await loadCertificates(files, { log, pollMs: 0 })
  const http = { address: '127.0.0.1', port: 0, log: { debug() {}, error() {} }, tls: certificates }
  server = await startHttpServer(async ({ request, response }) => {
    const body = await text(request)
    response.end(`hello ${body}`)
  }, http)
})
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy()
})
afterAll(async () => {
  await server.stop(AbortSignal.abort())
  certificates[Symbol.dispose]()
  await rm(dir, { recursive: true })
})

async function ask(agent: Agent): Promise<{ answer: string; certificate: string }> {
  const { port } = server
  const sending = get({ host: '127.0.0.1', port, agent, rejectUnauthorized: false })
  const [response] = await once(sending, 'response')
  const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate()
  return { answer: await text(response), certificate: fingerprint256 }
}

function agent(options = {}): Agent {
  const made = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0, ...options })
  agents.push(made)
  return made
}

describe('HTTPS', () => {
  it('answers by the certificate of the name that is asked for, the first otherwise', async () => {
    const first = await ask(agent())
    const second = await ask(agent({ servername: 'files.example' }))
    expect([first.answer, second.answer]).toEqual(['hello ', 'hello '])
    expect(first.certificate).not.toBe(second.certificate)
    expect((await ask(agent({ servername: 'other.example' }))).certificate).toBe(first.certificate)
  })

  it('takes a renewed certificate without a restart; open connections go on with theirs', async () => {
    const open = agent()
    const before = await ask(open)
    await save(dir, 'default', renewed)
    await certificates.reload()
    expect(await ask(open)).toEqual(before)
    const after = await ask(agent())
    expect(after.answer).toBe('hello ')
    expect(after.certificate).not.toBe(before.certificate)
    expect((await ask(agent({ servername: 'localhost' }))).certificate).toBe(after.certificate)
    expect(await ask(open)).toEqual(before)
  })

  it('a handshake that stalls and what is no TLS harm nobody', async () => {
    const stalled = connectPlain(server.port, '127.0.0.1')
    await once(stalled, 'connect')
    const plain = connectPlain(server.port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(plain, 'close')
    expect((await ask(agent())).answer).toBe('hello ')
    stalled.destroy()
  })

  it('refuses TLS 1.1', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: server.port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    const [error] = await once(socket, 'error')
    expect(String(error)).toMatch(/version|protocol/i)
  })

  it('stop ends a handshake that runs, at once', async () => {
    const http = { address: '127.0.0.1', port: 0, log: { debug() {}, error() {} }, tls: certificates }
    const other = await startHttpServer(async ({ response }) => void response.end(), http)
    const stalled = connectPlain(other.port, '127.0.0.1')
    await once(stalled, 'connect')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await other.stop(AbortSignal.timeout(60_000))
  })
})
