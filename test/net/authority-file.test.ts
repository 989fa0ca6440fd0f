import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { followAuthorityFile } from '#net/authority-file.ts'
import { makeCertificate } from '../certificate.ts'

let dir: string
let file: string
let lines: string[]
const log = {
  info: (_: object, message: string) => void lines.push(`info ${message}`),
  warn: (_: object, message: string) => void lines.push(`warn ${message}`),
  error: (_: object, message: string) => void lines.push(`error ${message}`),
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-authority-'))
  file = join(dir, 'clients.crt')
  lines = []
  return () => rm(dir, { recursive: true })
})

describe('a file of certificate authorities', () => {
  test('that changes is used from then on, and said to be', async () => {
    const [first, second] = [await makeCertificate(['a.example']), await makeCertificate(['b.example'])]
    await writeFile(file, first.cert)
    using followed = await followAuthorityFile(file, { log, pollMs: 0 })
    await followed.reload()
    expect(followed.pem()).toBe(first.cert)
    expect(lines).toEqual([])
    await writeFile(file, first.cert + second.cert)
    await followed.reload()
    expect(followed.pem()).toBe(first.cert + second.cert)
    expect(lines).toEqual(['info tls: other authorities sign client certificates now'])
  })

  test('is looked at by itself', async () => {
    const [first, second] = [await makeCertificate(['a.example']), await makeCertificate(['b.example'])]
    await writeFile(file, first.cert)
    using followed = await followAuthorityFile(file, { log, pollMs: 5 })
    await writeFile(file, second.cert)
    await expect.poll(() => followed.pem()).toBe(second.cert)
  })

  test.each([
    ['is cut off', (cert: string) => cert + cert.slice(0, 200)],
    ['holds something else', () => 'clients'],
    ['is empty', () => ''],
    ['has a certificate that is none', (cert: string) => cert.replace(/[A-Za-z0-9+/]{64}\n/, '')],
  ])('that %s changes nothing, and one line of the log says so', async (_, broken) => {
    const { cert } = await makeCertificate(['a.example'])
    await writeFile(file, cert)
    using followed = await followAuthorityFile(file, { log, pollMs: 0 })
    await writeFile(file, broken(cert))
    await followed.reload()
    await followed.reload()
    expect(followed.pem()).toBe(cert)
    expect(lines).toEqual(['error tls: the new authorities cannot be used; the old ones go on'])
  })

  test('that is not there, or is none, is refused at the start, by name', async () => {
    const opened = () => followAuthorityFile(file, { log, pollMs: 0 })
    await expect(opened()).rejects.toThrow(`${file} cannot be read`)
    await writeFile(file, 'x')
    await expect(opened()).rejects.toThrow(`${file} is no PEM file`)
  })
})
