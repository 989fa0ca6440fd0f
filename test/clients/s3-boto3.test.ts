import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { AWKWARD, type S3Server, SMALL, startS3Server } from './s3-server.ts'

/** Debian's, which has python3-boto3; another python3 of PATH may have none. */
const PYTHON = '/usr/bin/python3'

async function hasBoto3(): Promise<boolean> {
  if (!program(PYTHON)) return false
  if ((await run(PYTHON, ['-c', 'import boto3'])).code === 0) return true
  if (process.env.LATCHKEY_REQUIRE_PROGRAMS === '1') throw new Error('python3-boto3 is not installed')
  console.warn('SKIPPED: python3-boto3 is not installed, what it would show is not shown')
  return false
}

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  await writeFile(s3.real('box/small'), SMALL)
})
afterAll(() => s3[Symbol.asyncDispose]())

describe.skipIf(!(await hasBoto3()))('boto3', () => {
  const python = (lines: readonly string[]) => {
    const program = ['import boto3, io, sys', `url = ${JSON.stringify(s3.url)}`, ...lines].join('\n')
    return succeed(PYTHON, ['-c', program], { env: s3.env })
  }
  const presigned = async (region: string) => {
    const url = await python([
      `client = boto3.client('s3', endpoint_url=url, region_name='${region}')`,
      "print(client.generate_presigned_url('get_object', Params={'Bucket': 'box', 'Key': 'small'}))",
    ])
    return succeed('curl', ['-sS', '-w', '\n%{http_code}', url.trim()])
  }

  test('check 14: a URL presigned in the region local opens; one of us-east-1 is told to use SigV4', async () => {
    expect(await presigned('local')).toBe(`${SMALL}\n200`)
    const refused = await presigned('us-east-1')
    expect(refused).toMatch(/AWS4-HMAC-SHA256/)
    expect(refused).toMatch(/400$/)
  })

  test('check 28: an awkward key; an upload in parts, its range, pages, and deletion', async () => {
    const printed = await python([
      "client = boto3.client('s3', endpoint_url=url, region_name='local')",
      `key = ${JSON.stringify(AWKWARD)}`,
      "client.put_object(Bucket='box', Key='boto/' + key, Body=b'text')",
      "print(client.get_object(Bucket='box', Key='boto/' + key)['Body'].read().decode())",
      'from boto3.s3.transfer import TransferConfig',
      'config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)',
      "client.upload_fileobj(io.BytesIO(b'x' * (12 << 20)), 'box', 'boto/big', Config=config)",
      "print(client.get_object(Bucket='box', Key='boto/big', Range='bytes=-3')['Body'].read().decode())",
      "pages = client.get_paginator('list_objects_v2').paginate(Bucket='box', Prefix='boto/', PaginationConfig={'PageSize': 1})",
      "keys = [one['Key'] for page in pages for one in page['Contents']]",
      "print(keys == ['boto/' + key, 'boto/big'])",
      "print(client.delete_objects(Bucket='box', Delete={'Objects': [{'Key': k} for k in keys]}).get('Errors'))",
    ])
    expect(printed).toBe('text\nxxx\nTrue\nNone\n')
  })
})
