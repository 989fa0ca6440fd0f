import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../certificate.ts'
import { program } from './programs.ts'
import { awsOf, DEBIAN_AWS, firstAws, type S3Server, same, startS3Server } from './s3-server.ts'

let s3: S3Server
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-s3-tls-'))
  const { cert, key } = await makeCertificate()
  await writeFile(join(dir, 'cert.pem'), cert)
  await writeFile(join(dir, 'key.pem'), key)
  const pair = `{ certificate: ${join(dir, 'cert.pem')}, key: ${join(dir, 'key.pem')} }`
  s3 = await startS3Server(`tls:\n  - ${pair}\ns3:\n  listen:\n    - { port: 9000, tls: true }\n`)
})
afterAll(async () => {
  await s3[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

describe.skipIf(!program(DEBIAN_AWS)).each([...new Set([DEBIAN_AWS, firstAws()])])('%s over TLS', (name) => {
  const own = name === DEBIAN_AWS ? 'debian' : 'another'
  const aws = () => awsOf(s3, name, { AWS_CA_BUNDLE: join(dir, 'cert.pem') })

  test('check 4: put, head and get; no trace of aws-chunked stays with the object', async () => {
    expect(s3.url).toMatch(/^https:/)
    for (const file of ['small', 'zero', 'big']) {
      const words = ['--bucket', 'box', '--key', `${own}/${file}`]
      await aws().done('s3', 'cp', s3.local(file), `s3://box/${own}/${file}`)
      const head = JSON.parse(await aws().done('s3api', 'head-object', ...words))
      expect(head.ContentEncoding).toBeUndefined()
      await aws().done('s3', 'cp', `s3://box/${own}/${file}`, s3.local(`${file}.${own}`))
      expect(await same(s3.local(file), s3.local(`${file}.${own}`)), file).toBe(true)
    }
  })

  test('check 4: a certificate of somebody else is refused by the client', async () => {
    const { cert } = await makeCertificate()
    await writeFile(join(dir, 'other.pem'), cert)
    const strange = awsOf(s3, name, { AWS_CA_BUNDLE: join(dir, 'other.pem'), AWS_MAX_ATTEMPTS: '1' })
    expect((await strange.run('s3', 'ls')).stderr).toMatch(/certificate verify failed/i)
  })
})
