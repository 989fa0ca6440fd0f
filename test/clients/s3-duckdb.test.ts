import { readFile, writeFile } from 'node:fs/promises'
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type S3Server, startS3Server } from './s3-server.ts'

/** DuckDB gets its S3 client from its makers' server, which is not everywhere within reach. */
async function httpfs(connection: DuckDBConnection): Promise<boolean> {
  try {
    await connection.run('INSTALL httpfs')
    await connection.run('LOAD httpfs')
    return true
  } catch (error) {
    console.warn(`SKIPPED: DuckDB's httpfs is not to be had: ${String(error)}`)
    return false
  }
}

const duckdb = await (await DuckDBInstance.create(':memory:')).connect()
const hasHttpfs = await httpfs(duckdb)

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  await duckdb.run(
    `COPY (SELECT range AS id, 'row ' || range AS name FROM range(200000)) TO '${s3.local('rows.parquet')}' (FORMAT parquet)`,
  )
})
afterAll(async () => {
  duckdb.closeSync()
  await s3[Symbol.asyncDispose]()
})

describe.skipIf(!hasHttpfs)('DuckDB with httpfs', () => {
  test('check 26: read_parquet and COPY TO', async () => {
    const { accessKeyId, secretAccessKey, port } = s3
    await duckdb.run(
      `CREATE SECRET (TYPE s3, KEY_ID '${accessKeyId}', SECRET '${secretAccessKey}', REGION 'local', ENDPOINT '127.0.0.1:${port}', URL_STYLE 'path', USE_SSL false)`,
    )
    await duckdb.run(`COPY (FROM '${s3.local('rows.parquet')}') TO 's3://box/rows.parquet' (FORMAT parquet)`)
    const result = await duckdb.runAndReadAll("SELECT sum(id) FROM read_parquet('s3://box/*.parquet')")
    expect(String(result.getRows()[0]?.[0])).toBe('19999900000')
  })
})

describe('what DuckDB asks for a parquet file', () => {
  test('check 26: ETags of LIST, HEAD and each range agree; a file replaced meanwhile is refused', async () => {
    const at = { Bucket: 'box', Key: 'seen.parquet' }
    const Body = await readFile(s3.local('rows.parquet'))
    await s3.client.send(new PutObjectCommand({ ...at, Body }))
    const listed = await s3.client.send(new ListObjectsV2Command({ Bucket: 'box', Prefix: at.Key }))
    const { ETag, ContentLength = 0 } = await s3.client.send(new HeadObjectCommand(at))
    expect(listed.Contents?.[0]?.ETag).toBe(ETag)
    const range = (Range: string) => s3.client.send(new GetObjectCommand({ ...at, Range, IfMatch: ETag }))
    for (const text of [`bytes=${ContentLength - 8}-${ContentLength - 1}`, 'bytes=0-65535']) {
      expect((await range(text)).ETag).toBe(ETag)
    }
    await writeFile(s3.real('box/seen.parquet'), Body.subarray(1))
    await expect(range('bytes=4-100')).rejects.toThrow(/pre-?conditions?/i)
    expect((await s3.client.send(new HeadObjectCommand(at))).ETag).not.toBe(ETag)
  })
})
