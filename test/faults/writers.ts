import { Readable, Writable } from 'node:stream'
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Client as FtpClient } from 'basic-ftp'
import ssh2 from 'ssh2'
import type { DemoFile } from '../clients/server.ts'

/** A client at one door. All reject when the server refuses or goes away. Paths are virtual. */
export type Writer = {
  readonly door: string
  put(path: string, bytes: Buffer): Promise<void>
  get(path: string): Promise<Buffer>
  remove(path: string): Promise<void>
  close(): void
}

/** Connects one writer to each door. */
export async function connectWriters(demo: DemoFile): Promise<readonly Writer[]> {
  return Promise.all([webdav(demo), s3(demo), sftp(demo), ftp(demo)])
}

async function webdav({ webdav: base, login, value }: DemoFile): Promise<Writer> {
  const authorization = `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`
  const send = async (method: string, path: string, body: Buffer | null) => {
    const answer = await fetch(base + path, { method, headers: { authorization }, body })
    const { status } = answer
    if (status >= 300) throw new Error(`WebDAV ${status}`)
    return Buffer.from(await answer.arrayBuffer())
  }
  return {
    door: 'webdav',
    put: async (path, bytes) => void (await send('PUT', path, bytes)),
    get: (path) => send('GET', path, null),
    remove: async (path) => void (await send('DELETE', path, null)),
    close: () => undefined,
  }
}

async function s3({ s3: endpoint, access_key_id, secret_access_key, region }: DemoFile): Promise<Writer> {
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: access_key_id, secretAccessKey: secret_access_key },
  })
  const place = (path: string) => {
    const [, Bucket = '', ...rest] = path.split('/')
    return { Bucket, Key: rest.join('/') }
  }
  return {
    door: 's3',
    put: async (path, Body) => void (await client.send(new PutObjectCommand({ ...place(path), Body }))),
    get: async (path) => {
      const { Body } = await client.send(new GetObjectCommand(place(path)))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
    remove: async (path) => void (await client.send(new DeleteObjectCommand(place(path)))),
    close: () => client.destroy(),
  }
}

function sftp({ sftp: url, login, value }: DemoFile): Promise<Writer> {
  const client = new ssh2.Client()
  const done = (resolve: () => void, reject: (error: Error) => void) => (error?: Error | null) =>
    error ? reject(error) : resolve()
  return new Promise((resolve, reject) => {
    let lost: (error: Error) => void = reject
    const gone = new Promise<never>((_, rejectGone) => {
      lost = rejectGone
    })
    gone.catch(reject)
    client.on('error', lost)
    client.on('close', () => lost(new Error('closed')))
    client.on('ready', () =>
      client.sftp((error, session) => {
        if (error) return reject(error)
        const ask = (work: (callback: (error?: Error | null) => void) => void) =>
          Promise.race([gone, new Promise<void>((yes, no) => work(done(yes, no)))])
        const read = (path: string) =>
          new Promise<Buffer>((yes, no) =>
            session.readFile(path, (error, bytes) => (error ? no(error) : yes(bytes))),
          )
        resolve({
          door: 'sftp',
          put: (path, bytes) => ask((callback) => session.writeFile(path, bytes, callback)),
          get: (path) => Promise.race([gone, read(path)]),
          remove: (path) => ask((callback) => session.unlink(path, callback)),
          close: () => client.destroy(),
        })
      }),
    )
    const { hostname, port } = new URL(url)
    client.connect({ host: hostname, port: Number(port), username: login, password: value })
  })
}

async function ftp({ ftp: url, login, value }: DemoFile): Promise<Writer> {
  const client = new FtpClient(10_000)
  const { hostname, port } = new URL(url)
  await client.access({ host: hostname, port: Number(port), user: login, password: value })
  return {
    door: 'ftp',
    put: async (path, bytes) => void (await client.uploadFrom(Readable.from([bytes]), path)),
    get: async (path) => {
      const chunks: Buffer[] = []
      const into = new Writable({
        write: (chunk: Buffer, _, next) => {
          chunks.push(chunk)
          next()
        },
      })
      await client.downloadTo(into, path)
      return Buffer.concat(chunks)
    },
    remove: async (path) => void (await client.remove(path)),
    close: () => client.close(),
  }
}
