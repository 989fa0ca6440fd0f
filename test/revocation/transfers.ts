import { request } from 'node:http'
import { Readable, Writable } from 'node:stream'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Client as FtpClient } from 'basic-ftp'
import ssh2 from 'ssh2'
import type { WorldKey } from '../world.ts'

export type TransferDoor = 'webdav' | 'sftp' | 'ftp' | 's3' | 'rest'

/**
 * A transfer that never ends by itself. `ended` resolves when the client sees it end: `cut`, or `whole` if
 * the server took or gave all of it.
 */
export type Transfer = { readonly ended: Promise<'cut' | 'whole'>; stop(): void }

type Start = (port: number, key: WorldKey, path: string) => Transfer

const CHUNK = Buffer.alloc(65_536, 'x')
const PAUSE_MS = 5
/** Longer than any test waits: at 12 MiB a second it takes more than a minute. */
export const LENGTH = 1024 ** 3

/** Bytes without end, a little at a time. */
function slowSource(): Readable {
  return new Readable({
    read() {
      setTimeout(() => this.push(CHUNK), PAUSE_MS)
    },
  })
}

/** Takes bytes a little at a time, so that the server has to wait. */
function slowSink(): Writable {
  return new Writable({
    highWaterMark: CHUNK.length,
    write: (_chunk, _encoding, done) => void setTimeout(done, PAUSE_MS),
  })
}

function outcome(work: Promise<unknown>): Promise<'cut' | 'whole'> {
  return work.then(
    () => 'whole',
    () => 'cut',
  )
}

const httpUpload: (prefix: string) => Start = (prefix) => (port, key, path) => {
  const put = request({
    port,
    path: `${prefix}${path}`,
    method: 'PUT',
    headers: { authorization: basic(key), 'content-length': LENGTH },
  })
  const ended = new Promise<'cut' | 'whole'>((resolve) => {
    put.on('response', (response) => resolve((response.statusCode ?? 500) < 300 ? 'whole' : 'cut'))
    put.on('error', () => resolve('cut'))
    put.on('close', () => resolve('cut'))
  })
  slowSource().pipe(put)
  return { ended, stop: () => put.destroy() }
}

const httpDownload: (prefix: string) => Start = (prefix) => (port, key, path) => {
  const get = request({ port, path: `${prefix}${path}`, headers: { authorization: basic(key) } })
  const ended = new Promise<'cut' | 'whole'>((resolve) => {
    get.on('error', () => resolve('cut'))
    get.on('response', (response) => {
      response.on('close', () => resolve(response.complete ? 'whole' : 'cut'))
      response.on('error', () => undefined)
      response.pipe(slowSink())
    })
  })
  get.end()
  return { ended, stop: () => get.destroy() }
}

function basic({ login, value }: WorldKey): string {
  return `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`
}

function s3(port: number, { accessKeyId, secretAccessKey }: WorldKey): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'local',
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId, secretAccessKey },
  })
}

function bucketAndKey(path: string) {
  const [, Bucket = '', Key = ''] = /^\/([^/]+)\/(.+)$/.exec(path) ?? []
  return { Bucket, Key }
}

const s3Upload: Start = (port, key, path) => {
  const client = s3(port, key)
  const Body = slowSource()
  const put = new PutObjectCommand({ ...bucketAndKey(path), Body, ContentLength: LENGTH })
  return { ended: outcome(client.send(put)), stop: () => client.destroy() }
}

const s3Download: Start = (port, key, path) => {
  const client = s3(port, key)
  const get = async () => {
    const { Body } = await client.send(new GetObjectCommand(bucketAndKey(path)))
    if (!(Body instanceof Readable)) throw new Error('no body')
    await pipeWhole(Body)
  }
  return { ended: outcome(get()), stop: () => client.destroy() }
}

function pipeWhole(source: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    source.on('error', reject)
    source.on('aborted', () => reject(new Error('aborted')))
    source.on('end', resolve)
    source.on('close', () => reject(new Error('closed')))
    source.pipe(slowSink())
  })
}

const sftp = (use: (session: ssh2.SFTPWrapper, path: string) => Readable | Writable): Start => {
  return (port, { login, value }, path) => {
    const client = new ssh2.Client()
    const ended = new Promise<'cut' | 'whole'>((resolve) => {
      client.on('error', () => resolve('cut'))
      client.on('close', () => resolve('cut'))
      client.on('ready', () => {
        client.sftp((error, session) => {
          if (error) return resolve('cut')
          const stream = use(session, path)
          stream.on('error', () => resolve('cut'))
          stream.on('end', () => resolve('whole'))
          stream.on('finish', () => resolve('whole'))
        })
      })
    })
    client.connect({ host: '127.0.0.1', port, username: login, password: value })
    return { ended, stop: () => client.destroy() }
  }
}

const sftpUpload = sftp((session, path) => slowSource().pipe(session.createWriteStream(path)))
const sftpDownload = sftp((session, path) => {
  const source = session.createReadStream(path)
  source.pipe(slowSink())
  return source
})

const ftp = (use: (client: FtpClient, path: string) => Promise<unknown>): Start => {
  return (port, { login, value }, path) => {
    const client = new FtpClient(0)
    const work = async () => {
      await client.access({ host: '127.0.0.1', port, user: login, password: value })
      await use(client, path)
    }
    return { ended: outcome(work()), stop: () => client.close() }
  }
}

const ftpUpload = ftp((client, path) => client.uploadFrom(slowSource(), path))
const ftpDownload = ftp((client, path) => client.downloadTo(slowSink(), path))

export const TRANSFERS: ReadonlyMap<TransferDoor, { readonly upload: Start; readonly download: Start }> =
  new Map([
    ['webdav', { upload: httpUpload(''), download: httpDownload('') }],
    ['rest', { upload: httpUpload('/api/v1/files'), download: httpDownload('/api/v1/files') }],
    ['s3', { upload: s3Upload, download: s3Download }],
    ['sftp', { upload: sftpUpload, download: sftpDownload }],
    ['ftp', { upload: ftpUpload, download: ftpDownload }],
  ])
